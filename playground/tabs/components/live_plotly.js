// LivePlotly: Plotly.react into one div that lives as long as the component; colours from the page, frames, PNG.
styleOnce("plotly", CSS);
const root = element.querySelector(".pg-plotly");
const figure = make("div", "pg-plotly-figure", root);
const note = make("p", "pg-plotly-note", root), hovered = make("img", "pg-plotly-hovered", root, { hidden: "", alt: "" });
root.style.setProperty("--height", HEIGHT);

// One script a page. Its address starts at the app's root as Gradio knows it, so that it works behind a sub-path.
const library = () => {
  if (window.Plotly?.react) return Promise.resolve();
  return (window.__pg_plotly ??= new Promise((resolve, reject) => {
    const { root: base, api_prefix: prefix } = window.gradio_config;
    const path = new URL(base || "/", location.href).pathname.replace(/\/$/, "");
    const node = make("script", "", null, { src: `${location.origin}${path}${prefix}/file=${encodeURI(SOURCE)}` });
    node.onload = resolve;
    node.onerror = () => { window.__pg_plotly = undefined; node.remove(); reject(new Error("plotly.js")); };
    document.head.append(node);
    // A film that is stopped rejects its Play button's promise with nothing, and Plotly leaves that unhandled.
    window.addEventListener("unhandledrejection", (event) => { if (event.reason === undefined) event.preventDefault(); });
  }));
};

// The page's colours as Plotly's template, under what the figure's own template says: explicit choices win.
const merge = (low, high) => {
  const out = { ...low };
  for (const [name, part] of Object.entries(high || {})) {
    out[name] = part && typeof part === "object" && !Array.isArray(part) && out[name] && typeof out[name] === "object"
      ? merge(out[name], part) : part;
  }
  return out;
};
const paged = (template) => {
  const strong = css("--body-text-color"), muted = css("--body-text-color-subdued"), line = css("--border-color-primary");
  const ground = css("--background-fill-primary"), raised = css("--background-fill-secondary");
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line, tickfont: { color: muted }, title: { font: { color: muted } } };
  const scene = { ...axis, showbackground: false };
  const button = { bgcolor: raised, bordercolor: line, font: { color: strong } };
  const look = {
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: strong, family: getComputedStyle(element).fontFamily },
      xaxis: axis, yaxis: axis, scene: { xaxis: scene, yaxis: scene, zaxis: scene },
      hoverlabel: { bgcolor: ground, bordercolor: line, font: { color: strong } },
      coloraxis: { colorbar: { tickfont: { color: muted }, outlinewidth: 0 } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: muted, activecolor: css("--primary-500") },
      updatemenudefaults: button,
      sliderdefaults: { ...button, activebgcolor: css("--primary-500"), tickcolor: line },
      annotationdefaults: { font: { color: strong }, arrowcolor: muted },
    },
  };
  return merge(look, template);
};

const TIPS = {  // plotly.js brings English only; these are the hints its buttons show here
  "Pan": "平移", "Reset": "重置", "Reset axes": "重置坐标轴", "Reset camera to default": "重置视角",
  "Zoom": "缩放", "Orbital rotation": "轨道旋转",
  "Turntable rotation": "转台旋转", "Double-click to zoom back out": "双击恢复缩放", "Click to enter": "点击输入",
};
const save = () => {
  const { width, height } = figure.getBoundingClientRect();
  const paper = { ...figure.layout, paper_bgcolor: css("--background-fill-primary"), sliders: [], updatemenus: [] };
  return Plotly.downloadImage({ data: figure.data, layout: paper }, {
    format: "png", scale: 2, width: Math.round(width), height: Math.round(height),
    filename: element.closest("[id]:not([id^='html-'])")?.id || "figure",
  });
};
const touch = matchMedia("(pointer: coarse)").matches;
const config = () => ({
  displaylogo: false,
  modeBarButtonsToRemove: ["toImage", "lasso2d", "select2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetCameraLastSave3d",
    ...(touch ? ["zoom2d", "pan2d"] : [])],
  modeBarButtonsToAdd: [{ name: "png", title: say(WORDS.download), icon: Plotly.Icons.camera, click: save }],
  locale: navigator.language.startsWith("zh") ? "zh-CN" : "en",
  locales: { "zh-CN": { dictionary: TIPS } },
  ...CONFIG,
  showSendToCloud: false, plotlyServerURL: "",  // plotly.js 4 offers to upload the figure: nothing leaves the machine
});

const NARROW = 560;  // pixels: there and below, the figure's layout.meta.narrow is laid over its layout
const isNarrow = () => root.clientWidth <= NARROW;
let drawn = "", busy = false, narrow = false, hears = false;  // a purge takes the listener away
const tell = (text) => {
  note.hidden = !text;
  setText(note, text);
  figure.hidden = Boolean(text);
};
const clear = () => {
  if (drawn) Plotly.purge(figure);
  hears = false;
  drawn = "";
  root.dataset.ready = "false";
  tell(say(WORDS.empty));
};
const paint = async (text) => {
  const { data, layout = {}, frames } = JSON.parse(text);
  narrow = isNarrow();
  const { width, height, ...rest } = narrow ? merge(layout, layout.meta?.narrow) : layout;
  tell("");
  // Or the old frames would play on over the new figure.
  if (figure._transitionData?._frames.length) await Plotly.animate(figure, [null], { mode: "immediate" });
  await Plotly.react(figure, {
    data, frames: frames || [], config: config(),
    layout: {
      uirevision: "kept", autosize: true, ...(touch ? { dragmode: false } : {}),  // a finger scrolls
      ...rest, template: paged(layout.template),
    },
  });
  if (!hears) figure.on("plotly_click", ({ points: [dot] }) => trigger("click", { name: dot.data.name ?? "", meta: dot.data.meta ?? "", x: dot.x, y: dot.y }));
  // A trace whose meta.pictures are images' addresses shows the one of the point that is hovered, in the corner.
  if (!hears) {
    figure.on("plotly_hover", ({ points: [dot] }) => {
      const source = dot.data.meta?.pictures?.[dot.pointNumber];
      hovered.hidden = !source;
      if (source) hovered.src = source;
    });
    figure.on("plotly_unhover", () => { hovered.hidden = true; });
  }
  hears = true;
  drawn = text;
  root.dataset.draws = Number(root.dataset.draws) + 1;
};
// A figure whose layout.meta.sketch is true is drawn without the library while that loads: heat map and lines of its
// first axes, where they will stand.
const TYPES = { f4: Float32Array, f8: Float64Array, u1: Uint8Array };
const numbers = (v) => (v?.bdata ? new TYPES[v.dtype](bytes(v.bdata).buffer) : v || []);
let pencil = null;
const sketch = (text) => {
  const { data, layout: own } = JSON.parse(text);
  if (!own?.meta?.sketch || window.Plotly?.react) return;
  const layout = isNarrow() ? merge(own, own.meta.narrow) : own, { l, r, t, b } = layout.margin;
  const place = (axis, from, length) => { const [a, z] = axis.domain || [0, 1]; return [from + a * length, (z - a) * length]; };
  const [left, wide] = place(layout.xaxis, l, root.clientWidth - l - r), rise = root.clientHeight - t - b;
  const [bottom, high] = place(layout.yaxis, 0, rise), side = Math.min(wide, high);
  const x0 = left + (wide - side) / 2, y0 = t + rise - bottom - (high + side) / 2;
  tell("");
  pencil ??= make("canvas", "pg-plotly-sketch", root);
  Object.assign(pencil.style, { left: `${x0}px`, top: `${y0}px`, width: `${side}px`, height: `${side}px` });
  pencil.width = pencil.height = pixels(side);
  const pen = pencil.getContext("2d"), [low, top] = layout.xaxis.range, scale = pencil.width / (top - low);
  for (const trace of data) {
    if ((trace.xaxis ?? "x") !== "x") continue;
    if (trace.type === "heatmap") {
      const z = numbers(trace.z), n = Math.round(Math.sqrt(z.length)), small = make("canvas", "", null), image = new ImageData(n, n);
      const stops = trace.colorscale.map(([at, hex]) => [at, ...[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16))]);
      for (let i = 0; i < z.length; i++) {
        const share = z[i] / trace.zmax, k = Math.max(1, stops.findIndex(([at]) => at >= share)), [a, ...from] = stops[k - 1], [c, ...to] = stops[k];
        image.data.set([...from.map((v, j) => v + ((share - a) / (c - a)) * (to[j] - v)), 255], 4 * i);
      }
      small.width = small.height = n;
      small.getContext("2d").putImageData(image, 0, 0);
      pen.drawImage(small, 0, 0, pencil.width, pencil.height);
    } else {
      const x = numbers(trace.x), y = numbers(trace.y);
      pen.beginPath();
      for (let i = 0, up = true; i < x.length; i++) {
        if (Number.isNaN(x[i])) { up = true; continue; }
        pen[up ? "moveTo" : "lineTo"]((x[i] - low) * scale, (top - y[i]) * scale);
        up = false;
      }
      Object.assign(pen, { strokeStyle: trace.line.color, lineWidth: pixels(trace.line.width) });
      pen.stroke();
    }
  }
  pencil.dataset.lines = data.length;
};
const erase = () => { pencil?.remove(); pencil = null; };

// Draws the newest value; those that come while a draw runs are skipped but for the last. A hidden tab waits.
const update = async () => {
  if (!props.value) { if (!busy) clear(); return; }
  if (busy || !root.clientWidth || props.value === drawn) return;
  busy = true;
  root.dataset.ready = "false";
  try {
    sketch(props.value);
    if (pencil) await new Promise((resume) => setTimeout(resume, 30));  // to be painted: reading the library stops the page
    await library();
    while (props.value && props.value !== drawn) await paint(props.value);
    root.dataset.ready = String(Boolean(drawn));
  } catch (error) {
    console.error(error);
    drawn = "";
    tell(say(window.Plotly ? WORDS.broken : WORDS.failed));
  } finally {
    busy = false;
    erase();
  }
  if (!props.value) clear();
};
watch("value", update);
update();
onTheme(() => { if (drawn) Plotly.relayout(figure, { template: paged(JSON.parse(drawn).layout?.template) }); });
new ResizeObserver(() => {
  if (!root.clientWidth) return;
  if (drawn && !busy && narrow !== isNarrow() && JSON.parse(drawn).layout?.meta?.narrow) drawn = "";
  if (props.value && props.value !== drawn) update();
  else if (drawn && !busy) Plotly.Plots.resize(figure);
}).observe(root);
