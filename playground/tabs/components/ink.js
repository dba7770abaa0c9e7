// What SketchPad draws with: ink of one colour on a dark ground; a cell is a byte, its mean alpha.
const INK = [0, 1, 2].map((c) => LUT[3 * 215 + c]);
const medium = {
  form: {},  // what its payload says beside n and b64
  colour: () => `rgb(${INK.join()})`,
  pixel: (raw, i) => [...INK, raw[i]],
  isBare: (raw) => !raw.some(Boolean),
  // The mean ink of each cell as a byte: the same in every browser, unlike a smoothed drawImage.
  cells(data, side, cell) {
    const sums = new Float64Array(side * side), full = side * cell;
    for (let y = 0; y < full; y++) {
      const row = side * Math.floor(y / cell);
      for (let x = 0; x < full; x++) sums[row + Math.floor(x / cell)] += data[4 * (y * full + x) + 3];
    }
    return Uint8Array.from(sums, (s) => Math.round(s / (cell * cell)));
  },
};
