// SketchPad and PaintPad: strokes on a canvas, transparent where nothing is; undo replays what is left; sends means of
// 8 x 8 pixels. The script before this one, ink.js or paint.js, is the `medium`: what is drawn with and what a cell sends.
styleOnce("pad", CSS);
const CELL = 8, FULL = SIDE * CELL, EVERY = 120;
const words = Object.fromEntries(Object.entries(WORDS).map(([name, text]) => [name, say(text)]));
const root = element.querySelector(".pg-pad");
const board = make("div", "pg-pad-board", root);
const canvas = make("canvas", "", board, { width: FULL, height: FULL, role: "img", "aria-label": words.hint });
const hint = make("span", "pg-pad-hint", board, { "aria-hidden": "true" });
const ring = make("i", "pg-pad-ring", board, { hidden: "" });
medium.tray?.(root, () => eraser.setAttribute("aria-pressed", "false"));
const brush = make("label", "pg-pad-brush", root, { title: words.size }), tools = make("div", "pg-pad-tools", root);
const sizer = make("input", "pg-pad-size", brush, { type: "range", min: 12, max: 72, step: 4, value: 32, "aria-label": words.size, "data-act": "size" });
const ICONS = {
  erase: "M5 13h8M3.2 9.8 9.5 3.5a1.4 1.4 0 0 1 2 0l1.8 1.8a1.4 1.4 0 0 1 0 2L7.6 13H5.4L3.2 10.8a.7.7 0 0 1 0-1Z M6.4 6.6l3.8 3.8",
  undo: "M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6 M6 3 2.7 6.5 6 10",
  clear: "M3 4.5h10 M6.3 4.2V2.8h3.4v1.4 M4.3 4.7l.6 8.5h6.2l.6-8.5 M6.8 7v4 M9.2 7v4",
};
const SVG = "http://www.w3.org/2000/svg";
const button = (act) => {
  const node = make("button", "pg-pad-button", tools, { type: "button", "data-act": act, title: words[act] });
  const icon = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  for (const [k, v] of Object.entries({ viewBox: "0 0 16 16", "aria-hidden": "true" })) icon.setAttribute(k, v);
  path.setAttribute("d", ICONS[act]);
  icon.append(path);
  node.append(icon);
  setText(make("span", "", node), words[act]);
  return node;
};
const eraser = button("erase"), undo = button("undo"), wipe = button("clear");
setText(hint, words.hint);
eraser.setAttribute("aria-pressed", "false");

const g = canvas.getContext("2d", { willReadFrequently: true });
g.lineCap = g.lineJoin = "round";
let history = [];  // of {points, width, colour, erase}, {bytes} and {clear}: what was done, in order
let stroke = null, sent = "", timer = null;

const segment = (s, from, to) => {
  g.globalCompositeOperation = s.erase ? "destination-out" : "source-over";
  g.strokeStyle = g.fillStyle = s.colour;
  g.lineWidth = s.width;
  g.beginPath();
  if (from[0] === to[0] && from[1] === to[1]) {  // a line without length, which not every browser paints
    g.arc(to[0], to[1], s.width / 2, 0, 2 * Math.PI);
    g.fill();
    return;
  }
  g.moveTo(from[0], from[1]);
  g.lineTo(to[0], to[1]);
  g.stroke();
};
const picture = (raw) => {
  const small = document.createElement("canvas");
  small.width = small.height = SIDE;
  const image = new ImageData(SIDE, SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) image.data.set(medium.pixel(raw, i), 4 * i);
  small.getContext("2d").putImageData(image, 0, 0);
  g.globalCompositeOperation = "source-over";
  g.imageSmoothingEnabled = false;
  g.drawImage(small, 0, 0, FULL, FULL);
};
const replay = () => {
  g.clearRect(0, 0, FULL, FULL);
  const start = history.findLastIndex((step) => step.clear || step.bytes);
  for (const step of history.slice(Math.max(start, 0))) {
    if (step.bytes) picture(step.bytes);
    step.points?.forEach((p, i) => segment(step, step.points[Math.max(i - 1, 0)], p));
  }
};
const read = () => medium.cells(g.getImageData(0, 0, FULL, FULL).data, SIDE, CELL);
const show = () => {
  const last = history.at(-1);
  hint.hidden = Boolean(last && !last.clear);
  undo.disabled = !history.length;
  wipe.disabled = !last || Boolean(last.clear);
  root.dataset.strokes = history.length;
};
const send = () => {
  clearTimeout(timer);
  timer = null;
  const raw = read(), b64 = medium.isBare(raw) ? "" : base64(raw);
  if (b64 === sent) return;
  sent = b64;
  props.value = b64 ? { n: SIDE, ...medium.form, b64 } : {};
  root.dataset.sent = Number(root.dataset.sent) + 1;
  trigger("input");
};
const place = (event) => {
  const r = canvas.getBoundingClientRect();
  return [((event.clientX - r.left) / r.width) * FULL, ((event.clientY - r.top) / r.height) * FULL];
};
const follow = (event) => {
  const [x, y] = place(event), across = `${(100 * sizer.value) / FULL}%`;
  ring.hidden = event.pointerType === "touch";
  Object.assign(ring.style, { left: `${(100 * x) / FULL}%`, top: `${(100 * y) / FULL}%`, width: across });
};

canvas.addEventListener("pointerdown", (event) => {
  if (stroke || event.button > 0) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  const p = place(event);
  stroke = { id: event.pointerId, points: [p], width: Number(sizer.value), colour: medium.colour(), erase: eraser.getAttribute("aria-pressed") === "true" };
  history.push(stroke);
  segment(stroke, p, p);
  timer ??= setTimeout(send, EVERY);
  follow(event);
  show();
});
canvas.addEventListener("pointermove", (event) => {
  follow(event);
  if (stroke?.id !== event.pointerId) return;
  const moves = event.getCoalescedEvents?.() || [];
  for (const move of moves.length ? moves : [event]) {
    const p = place(move);
    segment(stroke, stroke.points.at(-1), p);
    stroke.points.push(p);
  }
  timer ??= setTimeout(send, EVERY);
});
const finish = (event) => {
  if (stroke?.id !== event.pointerId) return;
  stroke = null;
  send();
};
canvas.addEventListener("pointerup", finish);
canvas.addEventListener("pointercancel", finish);
canvas.addEventListener("pointerleave", () => { ring.hidden = true; });
eraser.addEventListener("click", () => eraser.setAttribute("aria-pressed", String(eraser.getAttribute("aria-pressed") !== "true")));
const act = (change) => () => {
  if (stroke) return;
  change();
  replay();
  show();
  send();
};
undo.addEventListener("click", act(() => history.pop()));
wipe.addEventListener("click", act(() => {
  history.push({ clear: true });
  eraser.setAttribute("aria-pressed", "false");
}));

// A drawing set by the app is one more step that Undo takes back; its own echo is not.
const receive = () => {
  const b64 = props.value?.b64 || "";
  if (b64 === sent || stroke) return;
  sent = b64;
  if (b64) history.push({ bytes: bytes(b64) });
  else if (history.length) history.push({ clear: true });
  replay();
  show();
};
watch("value", receive);
receive();
show();
