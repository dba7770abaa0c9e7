// What PaintPad draws with: the colours of a palette over a ground that shows through; a cell is its mean red, green, blue.
const ground = bytes(GROUND);  // a colour a row
const bare = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => ground[3 * Math.floor(i / (3 * SIDE)) + (i % 3)]);
let chosen = PALETTE[0];
const medium = {
  form: { c: 3 },
  colour: () => chosen.colour,
  pixel(raw, i) {
    const rgb = raw.subarray(3 * i, 3 * i + 3);
    return [...rgb, rgb.every((v, c) => v === bare[3 * i + c]) ? 0 : 255];
  },
  isBare: (raw) => raw.every((v, i) => v === bare[i]),
  cells(data, side, cell) {
    const sums = new Float64Array(4 * side * side), full = side * cell, area = cell * cell;  // red, green, blue of the paint; paint
    for (let y = 0; y < full; y++) {
      const row = side * Math.floor(y / cell);
      for (let x = 0; x < full; x++) {
        const from = 4 * (y * full + x), to = 4 * (row + Math.floor(x / cell)), alpha = data[from + 3] / 255;
        if (!alpha) continue;
        for (let c = 0; c < 3; c++) sums[to + c] += alpha * data[from + c];
        sums[to + 3] += alpha;
      }
    }
    return bare.map((v, i) => {
      const at = 4 * Math.floor(i / 3);
      return Math.round((sums[at + (i % 3)] + (area - sums[at + 3]) * v) / area);
    });
  },
  // Shows the ground on the board, and a row of swatches; calls `pick` when one is chosen.
  tray(parent, pick) {
    parent.style.setProperty("--pg-pad-ground", `linear-gradient(${ENDS.join()})`);
    const light = bare.reduce((sum, v) => sum + v, 0) / bare.length;
    parent.style.setProperty("--pg-pad-hint", light < 110 ? "#e4e2ec" : "#33313d");
    const row = make("div", "pg-pad-colours", parent, { role: "group", "aria-label": say(TRAY) });
    const swatches = PALETTE.map((paint) => {
      const name = say(paint.label);
      const node = make("button", "pg-pad-colour", row, { type: "button", title: name, "aria-label": name, "data-colour": paint.name });
      node.style.setProperty("--paint", paint.colour);
      node.addEventListener("click", () => {
        chosen = paint;
        show();
        pick();
      });
      return node;
    });
    const show = () => swatches.forEach((node, i) => node.setAttribute("aria-pressed", String(PALETTE[i] === chosen)));
    show();
  },
};
