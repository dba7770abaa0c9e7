// LevelPad: handles over an SVG line, placed in per cent, so that nothing is drawn anew when the width changes.
styleOnce("level", CSS);
const EVERY = 120, APART = 1.02;
const words = Object.fromEntries(Object.entries(WORDS).map(([name, text]) => [name, say(text)]));
const root = element.querySelector(".pg-level");
const title = make("div", "pg-level-title", root), chart = make("div", "pg-level-chart", root);
const rules = make("div", "pg-level-rules", chart, { "aria-hidden": "true" });
const plot = make("div", "pg-level-plot", chart, { role: "group" });
const hint = make("div", "pg-level-hint", chart);
setText(hint, words.hint);
const SVG = "http://www.w3.org/2000/svg";
const svg = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "polyline");
for (const [k, v] of Object.entries({ viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" })) svg.setAttribute(k, v);
line.setAttribute("vector-effect", "non-scaling-stroke");
svg.append(line);
plot.append(svg);

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const height = (sigma) => (100 * Math.log(HIGH / clamp(sigma, LOW, HIGH))) / Math.log(HIGH / LOW);  // per cent from the top
const sigmaAt = (percent) => HIGH * (LOW / HIGH) ** (percent / 100);
const digits = (x, way = Math.round) => {
  const scale = 10 ** (3 - Math.floor(Math.log10(x)));
  return Number((way(x * scale) / scale).toPrecision(4));
};
const key = (levels) => levels.join();

const decades = [];
for (let k = Math.ceil(Math.log10(LOW) - 1e-9); k <= Math.log10(HIGH) + 1e-9; k++) decades.push(Number(`1e${k}`));
const every = Math.ceil(decades.length / 7);
for (const sigma of decades.length > 1 ? decades.filter((_, i) => i % every === 0) : [LOW, HIGH]) {
  const rule = make("i", "pg-level-rule", rules);
  rule.style.top = `${height(sigma)}%`;
  setText(make("span", "", rule), String(sigma));
}

let values = [], sent = "", timer = null;
let drag = null;  // {id, index, grip, waiting: what the app set meanwhile}
const handles = [], echoes = new Set();  // echoes: what was sent while the focus was here, and may come back late

const show = () => {
  while (handles.length > values.length) handles.pop().remove();
  while (handles.length < values.length) {
    const index = handles.length, fixed = FIXED && index === 0;
    handles.push(make("span", `pg-level-handle${fixed ? " pg-level-fixed" : ""}`, plot, {
      role: "slider", "data-index": index, tabindex: -1, "aria-orientation": "vertical", "aria-label": `${words.level} ${index + 1}`,
      "aria-valuemin": LOW, "aria-valuemax": HIGH, ...(fixed && { "aria-readonly": "true" }),
    }));
  }
  const last = values.length - 1;
  plot.style.setProperty("--gaps", Math.max(last, 1));
  values.forEach((sigma, i) => {
    const text = Number(sigma.toPrecision(4));
    handles[i].style.left = `${(100 * i) / last}%`;
    handles[i].style.top = `${height(sigma)}%`;
    handles[i].classList.toggle("pg-level-high", height(sigma) < 25);
    handles[i].setAttribute("aria-valuenow", sigma);
    handles[i].setAttribute("aria-valuetext", `σ = ${text}`);
  });
  line.setAttribute("points", values.map((sigma, i) => `${(100 * i) / last},${height(sigma)}`).join(" "));
  if (values.length && !handles.some((node) => node.tabIndex === 0)) handles[FIXED ? 1 : 0].tabIndex = 0;
  hint.hidden = values.length > 0;
  root.dataset.count = values.length;
};
const send = () => {
  clearTimeout(timer);
  timer = null;
  if (key(values) === sent) return;
  sent = key(values);
  echoes.add(sent);
  props.value = [...values];
  root.dataset.sent = Number(root.dataset.sent) + 1;
  trigger("input");
};
// Four digits, but not for a fixed level, one outside the axis, or levels so close that they would meet.
const rounded = () => {
  const out = values.map((sigma, i) => ((FIXED && i === 0) || sigma < LOW || sigma > HIGH ? sigma : clamp(digits(sigma), LOW, HIGH)));
  return out.every((sigma, i) => i === 0 || (FALLING ? sigma < out[i - 1] : sigma > out[i - 1])) ? out : [...values];
};
const move = (index, sigma) => {
  const out = rounded(), [above, below] = FALLING ? [out[index - 1], out[index + 1]] : [out[index + 1], out[index - 1]];
  const low = below ? Math.max(LOW, digits(below * APART, Math.ceil)) : LOW;
  const high = above ? Math.min(HIGH, digits(above / APART, Math.floor)) : HIGH;
  if (low > high) return;  // no room between the neighbours
  out[index] = clamp(digits(sigma), low, high);
  if (out[index] === values[index]) return;
  values = out;
  show();
  timer ??= setTimeout(send, EVERY);
};
const percent = (event) => {
  const box = plot.getBoundingClientRect();
  return (100 * (event.clientY - box.top)) / box.height;
};

plot.addEventListener("pointerdown", (event) => {
  const index = handles.indexOf(event.target);
  if (drag || event.button > 0 || index < 0) return;
  event.preventDefault();  // no selection of text; it also keeps the focus where it was
  handles[index].focus({ preventScroll: true });
  if (FIXED && index === 0) return;
  handles[index].setPointerCapture(event.pointerId);
  handles[index].classList.add("pg-level-held");
  drag = { id: event.pointerId, index, grip: percent(event) - height(values[index]), waiting: null };
});
plot.addEventListener("pointermove", (event) => {
  if (drag?.id === event.pointerId) move(drag.index, sigmaAt(percent(event) - drag.grip));
});
const finish = (event) => {
  if (drag?.id !== event.pointerId) return;
  handles[drag.index].classList.remove("pg-level-held");
  if (drag.waiting) {
    values = drag.waiting;
    echoes.clear();
  }
  drag = null;
  show();
  send();
};
for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) plot.addEventListener(end, finish);
plot.addEventListener("keydown", (event) => {
  const index = handles.indexOf(event.target), step = event.shiftKey ? 1.01 : 1.05;
  if (index < 0 || drag || event.ctrlKey || event.metaKey || event.altKey || !/^Arrow/.test(event.key)) return;
  event.preventDefault();
  if (event.key === "ArrowLeft") handles[index - 1]?.focus();
  else if (event.key === "ArrowRight") handles[index + 1]?.focus();
  else if (!(FIXED && index === 0)) move(index, clamp(values[index], LOW, HIGH) * (event.key === "ArrowUp" ? step : 1 / step));
});
// One stop of the Tab key for all handles: left and right go on from there.
plot.addEventListener("focusin", (event) => handles.forEach((node) => { node.tabIndex = node === event.target ? 0 : -1; }));
// Whoever goes on to a button may set levels that were here before: these are no echo.
plot.addEventListener("focusout", (event) => { if (!plot.contains(event.relatedTarget)) echoes.clear(); });

const receive = () => {
  const next = props.value || [];
  if (key(next) === key(values)) return;
  if (echoes.has(key(next))) props.value = [...values];  // or a state that waits for its handler would be this old one
  else if (drag) drag.waiting = [...next];
  else {
    clearTimeout(timer);
    timer = null;
    values = [...next];
    sent = key(values);
    echoes.clear();
    show();
  }
};
const name = () => {
  setText(title, props.label || "");
  plot.setAttribute("aria-label", props.label || words.level);
};
watch("value", receive);
watch("label", name);
receive();
show();
name();
