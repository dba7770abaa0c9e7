// The Stage: panels of fields and points, a colour bar, progress, figures and a loss curve, redrawn in place at every frame.
styleOnce("stage", CSS);
const WORDS = {
  log_p: "log p", density: "density", share: "share of the brightest", below: "<", idle: "ready", running: "running",
  stopped: "stopped", done: "done", error: "error", empty: "Nothing to show yet", progress: "progress",
};
const FLOOR = `rgb(${LUT[0]},${LUT[1]},${LUT[2]})`;
const root = element.querySelector(".pg-stage");
const main = make("div", "pg-stage-main", root);
const left = make("div", "pg-stage-left", main);
const row = make("div", "pg-stage-row", left);
const bar = make("div", "pg-stage-bar", left, { "aria-hidden": "true" });
const barName = make("span", "pg-stage-bar-name", bar);
const barTrack = make("div", "pg-stage-bar-track", bar);
const barCanvas = make("canvas", "", barTrack);
const barTicks = make("div", "pg-stage-bar-ticks", barTrack);
const chartBox = make("div", "pg-stage-chart", main);
const chart = make("canvas", "", chartBox, { role: "img" });
const chartTip = make("div", "pg-stage-tip", chartBox, { hidden: "" });
const chartRule = make("div", "pg-stage-rule", chartBox, { hidden: "" });
const foot = make("div", "pg-stage-foot", root);
const status = make("span", "pg-stage-status", foot, { role: "status", "aria-live": "polite" });
const meter = make("div", "pg-stage-meter", foot, { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" });
const fill = make("div", "pg-stage-fill", meter);
const message = make("span", "pg-stage-message", foot);
const stats = make("dl", "pg-stage-stats", root);
const empty = make("p", "pg-stage-empty", root);

const back = document.createElement("canvas");  // each panel is finished here and then copied in one stroke
let panels = [], words = WORDS, chartMap = null, hover = null;
const log = () => {
  window.__stage_frames ??= {};
  return (window.__stage_frames[element.closest("[id]:not([id^='html-'])")?.id || "stage"] ??= { count: 0, ms: [] });
};

const newPanel = (spec) => {
  const figure = make("figure", "pg-stage-panel", row);
  const caption = make("figcaption", "", figure), box = make("div", "pg-stage-box", figure);
  const panel = {
    key: spec.key, spec, figure, box, title: make("strong", "", caption), note: make("span", "", caption),
    canvas: make("canvas", "", box, { role: "img" }), ring: make("i", "pg-stage-ring", box, { hidden: "" }),
    tip: make("div", "pg-stage-tip", box, { hidden: "" }), image: document.createElement("canvas"), q: null, packed: null, xy: null, raw: null, size: null,
  };
  const point = (event) => {
    const r = box.getBoundingClientRect(), e = extentOf(panel);
    hover = {
      x: (Math.min(Math.max((event.clientX - r.left) / r.width, 0), 0.9999) * 2 - 1) * e,
      y: (1 - Math.min(Math.max((event.clientY - r.top) / r.height, 0), 0.9999) * 2) * e,
    };
    showHover();
  };
  box.addEventListener("pointerdown", point);
  box.addEventListener("pointermove", point);
  box.addEventListener("pointerleave", () => { hover = null; showHover(); });
  return panel;
};
const extentOf = (panel) => panel.spec.field?.extent || panel.spec.points?.extent || 3;

// The byte of the field under (x, y), or null outside; row 0 is the top.
const byteAt = (panel, x, y) => {
  const { field } = panel.spec, e = extentOf(panel);
  if (!field || !panel.raw) return null;
  const i = Math.floor(((x + e) / (2 * e)) * field.n), j = Math.floor(((e - y) / (2 * e)) * field.n);
  return i < 0 || j < 0 || i >= field.n || j >= field.n ? null : panel.raw[j * field.n + i];
};
const number = (v) => v.toFixed(2).replace("-", "−");
const showHover = () => {
  for (const panel of panels) {
    const e = extentOf(panel), inside = hover && Math.abs(hover.x) <= e && Math.abs(hover.y) <= e;
    panel.ring.hidden = panel.tip.hidden = !inside;
    if (!inside) continue;
    const across = (hover.x + e) / (2 * e), down = (e - hover.y) / (2 * e);
    panel.ring.style.left = `${100 * across}%`;
    panel.ring.style.top = `${100 * down}%`;
    panel.tip.classList.toggle("pg-top", down > 0.66);
    const q = byteAt(panel, hover.x, hover.y), { field } = panel.spec;
    const value = q === null ? "" : q === 0
      ? ` · ${words.log_p} ${words.below} ${number(3 * Math.log(0.5 / 255) + field.log_max)}`
      : ` · ${words.log_p} ${q === 255 && field.clipped ? "≥ " : ""}${number(3 * Math.log(q / 255) + field.log_max)}`;
    setText(panel.tip, `(${number(hover.x)}, ${number(hover.y)})${value}`);
  }
};

// Reads what is new in the panel's field and points; true where anything is, so that an unchanged panel is not repainted.
const decode = (panel) => {
  const { field, points } = panel.spec, before = [panel.q, panel.packed, panel.size];
  if (!field) { panel.q = panel.raw = null; }
  else if (field.q !== panel.q || panel.image.width !== field.n) {
    panel.raw = bytes(field.q);
    panel.q = field.q;
    panel.image.width = panel.image.height = field.n;
    const g = panel.image.getContext("2d"), pixels = g.createImageData(field.n, field.n), out = new Uint32Array(pixels.data.buffer);
    for (let i = 0; i < out.length; i++) out[i] = LUT32[panel.raw[i]];
    g.putImageData(pixels, 0, 0);
  }
  if (!points) panel.xy = null;
  else if (points.xy !== panel.packed) panel.xy = new Int16Array(bytes(points.xy).buffer);
  panel.packed = points?.xy;
  return before[0] !== panel.q || before[1] !== panel.packed || before[2] !== pixels(panel.box.clientWidth);
};
// A soft dot, drawn once for all points: white over a field, glowing in the map's own colour where points stand alone.
const dot = (radius, alone) => {
  const sprite = document.createElement("canvas"), size = Math.ceil(radius * 2 + 2);
  sprite.width = sprite.height = size;
  const g = sprite.getContext("2d");
  const k = 3 * 205;
  g.fillStyle = alone ? `rgba(${LUT[k]},${LUT[k + 1]},${LUT[k + 2]},.62)` : "rgba(255,255,255,.58)";
  g.beginPath(); g.arc(size / 2, size / 2, radius, 0, 2 * Math.PI); g.fill();
  return sprite;
};
const paint = (panel) => {
  const size = (panel.size = pixels(panel.box.clientWidth));
  if (!size) return;  // its tab is hidden: the ResizeObserver calls again
  if (back.width !== size) back.width = back.height = size;
  const g = back.getContext("2d");
  g.globalCompositeOperation = "source-over";
  g.fillStyle = FLOOR;
  g.fillRect(0, 0, size, size);
  const { field, points } = panel.spec;
  if (field) {
    g.imageSmoothingEnabled = true;
    g.imageSmoothingQuality = "medium";
    g.drawImage(panel.image, 0, 0, size, size);
  }
  if (panel.xy) {
    const radius = Math.max(0.9, size / 340) * (panel.xy.length > 6000 ? 0.8 : 1), sprite = dot(radius, !field), half = sprite.width / 2;
    if (!field) g.globalCompositeOperation = "lighter";
    const scale = (points.extent / extentOf(panel)) * (size / 2) / 32767;
    for (let i = 0; i < panel.xy.length; i += 2) g.drawImage(sprite, size / 2 + panel.xy[i] * scale - half, size / 2 - panel.xy[i + 1] * scale - half);
  }
  if (panel.canvas.width !== size) panel.canvas.width = panel.canvas.height = size;
  const front = panel.canvas.getContext("2d");
  front.globalCompositeOperation = "copy";
  front.drawImage(back, 0, 0);
};

const SHARES = [0, 0.01, 0.1, 0.4, 1];
const paintBar = () => {
  const fields = panels.map((p) => p.spec.field).filter(Boolean);
  bar.hidden = !fields.length;
  if (!fields.length) return;
  const shared = fields.every((f) => Math.abs(f.log_max - fields[0].log_max) < 1e-6);
  setText(barName, shared ? words.density : words.share);
  const top = shared ? Math.exp(fields[0].log_max) : 1;
  const texts = SHARES.map((s) => (shared ? shortNumber(+(s * top).toPrecision(2)) : `${shortNumber(s * 100)} %`));
  if (barTicks.dataset.texts !== texts.join()) {
    barTicks.dataset.texts = texts.join();
    barTicks.replaceChildren(...SHARES.map((s, i) => {
      const tick = make("span", "", null);
      tick.style.left = `${100 * Math.cbrt(s)}%`;
      tick.textContent = texts[i];
      return tick;
    }));
  }
  if (barCanvas.width !== 256) {
    barCanvas.width = 256; barCanvas.height = 1;
    const g = barCanvas.getContext("2d"), line = g.createImageData(256, 1);
    new Uint32Array(line.data.buffer).set(LUT32);
    g.putImageData(line, 0, 0);
  }
};
// A run keeps the place of its curve from its first frame on, or the page would jump when the first steps are made.
const charted = () => Boolean(props.value?.curve) || props.value?.status === "running";
const paintChart = () => {
  const { curve } = props.value || {};
  chartBox.hidden = !charted();
  if (!curve) {
    chartMap = null;
    chart.getContext("2d").clearRect(0, 0, chart.width, chart.height);
    return;
  }
  const muted = css("--body-text-color-subdued");
  chartMap = drawCurve(chart, curve, {
    text: muted, strong: css("--body-text-color"), axis: css("--border-color-primary"), grid: css("--border-color-primary"),
    colours: QUALITATIVE, font: getComputedStyle(element).fontFamily,
  });
};
chartBox.addEventListener("pointermove", (event) => {
  const near = chartMap?.nearest(event.clientX - chartBox.getBoundingClientRect().left);
  chartTip.hidden = chartRule.hidden = !near;
  if (!near) return;
  chartRule.style.left = `${near.left}px`;
  const rows = near.rows.filter((r) => Number.isFinite(r[1])).map(([name, y]) => `${name} ${Number(y.toPrecision(4))}`);
  setText(chartTip, `${props.value.curve.x_label || "x"} ${near.x}: ${rows.join(", ")}`.replaceAll(" -", " −"));
});
chartBox.addEventListener("pointerleave", () => { chartTip.hidden = chartRule.hidden = true; });

const paintAll = () => {
  for (const panel of panels) if (panel.size !== pixels(panel.box.clientWidth)) paint(panel);
  paintChart();
};
const update = () => {
  const started = performance.now(), v = props.value || {};
  words = { ...WORDS, ...v.labels };
  const specs = v.panels || [];
  empty.hidden = specs.length > 0 || Boolean(v.curve);
  setText(empty, words.empty);
  if (specs.map((s) => s.key).join("\n") !== panels.map((p) => p.key).join("\n")) {
    const old = new Map(panels.map((p) => [p.key, p]));
    panels = specs.map((spec) => old.get(spec.key) || newPanel(spec));
    row.replaceChildren(...panels.map((p) => p.figure));
    left.hidden = !panels.length;
    left.style.setProperty("--count", panels.length);
  }
  // The curve is shown before the panels are measured: it may take its share of the width.
  chartBox.hidden = !charted();
  const spoken = (v.stats || []).map((pair) => pair.join(" ")).join(", ");
  panels.forEach((panel, i) => {
    panel.spec = specs[i];
    setText(panel.title, specs[i].title || "");
    setText(panel.note, specs[i].note || "");
    panel.canvas.setAttribute("aria-label", [specs[i].title, specs[i].note, spoken].filter(Boolean).join(", "));
    if (decode(panel)) paint(panel);
  });
  if (hover) showHover();
  paintBar();
  paintChart();
  chart.setAttribute("aria-label", [v.curve?.y_label, spoken].filter(Boolean).join(", "));
  const known = v.status || "idle";
  setText(status, words[known] || known);
  setText(message, v.message || "");
  foot.hidden = !v.status || (known === "idle" && !v.message);
  const progress = v.progress ?? null;
  meter.hidden = progress === null;
  meter.setAttribute("aria-valuenow", Math.round(100 * (progress || 0)));
  meter.setAttribute("aria-label", words.progress);
  fill.style.transform = `scaleX(${progress || 0})`;
  const pairs = v.stats || [];
  while (stats.children.length > pairs.length) stats.lastChild.remove();
  pairs.forEach(([name, text], i) => {
    const cell = stats.children[i] || make("div", "", stats);
    if (!cell.firstChild) { make("dt", "", cell); make("dd", "", cell); }
    setText(cell.firstChild, name);
    setText(cell.lastChild, text);
  });
  stats.hidden = !pairs.length;
  root.setAttribute("aria-label", [...specs.map((s) => s.title), spoken].filter(Boolean).join(", "));
  root.dataset.status = v.panels ? known : "empty";
  root.dataset.run = v.run || "";
  root.dataset.frame = v.frame ?? 0;
  const record = log();
  record.count += 1;
  if (record.ms.push(performance.now() - started) > 5000) record.ms.shift();
};
watch("value", update);
update();
onTheme(paintChart);
new ResizeObserver(() => requestAnimationFrame(paintAll)).observe(main);
document.fonts?.ready.then(paintChart);
