// The sequential colour map as bytes and as words an ImageData takes whole (little-endian ABGR, as on every browser's machine).
const LUT = bytes(MAP);
const LUT32 = new Uint32Array(256);
for (let i = 0; i < 256; i++) LUT32[i] = (255 << 24) | (LUT[3 * i + 2] << 16) | (LUT[3 * i + 1] << 8) | LUT[3 * i];
