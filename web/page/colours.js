// Numbers as colours: maps, glow, latents.

const CIVIDIS = [
  [0, 34, 78],
  [26, 56, 111],
  [67, 78, 108],
  [97, 101, 111],
  [125, 124, 120],
  [155, 148, 118],
  [188, 174, 108],
  [222, 201, 88],
  [254, 232, 56],
]; // matplotlib's, at every eighth: read alike with and without colour vision
const GOLD = [255, 196, 61];
const NIGHT = [8, 10, 20];

/** A table of 256 RGB triples between evenly spread colours. */
export function ramp(stops) {
  const table = new Uint8Array(768);
  for (let i = 0; i < 256; i++) {
    const along = (i / 255) * (stops.length - 1),
      low = Math.min(stops.length - 2, Math.floor(along)),
      share = along - low;
    for (let c = 0; c < 3; c++) table[3 * i + c] = Math.round(stops[low][c] * (1 - share) + stops[low + 1][c] * share);
  }
  return table;
}

export const TABLE = ramp(CIVIDIS);

/** Values as bytes, 255 at `top`, and nothing above. */
export function bytesOf(values, top = Math.max(...values)) {
  return Uint8Array.from(values, (v) => (top > 0 ? Math.min(255, Math.max(0, Math.round((v / top) * 255))) : 0));
}

/** RGBA of attention as light: where there is none, the picture lies in the dark; where there is much, it is gold. */
export function glow(values, top = Math.max(...values)) {
  const pixels = new Uint8ClampedArray(4 * values.length);
  bytesOf(values, top).forEach((byte, i) => {
    const v = byte / 255,
      dark = 0.74 * (1 - v) ** 1.6,
      light = 0.42 * v ** 1.4,
      alpha = dark + light;
    for (let c = 0; c < 3; c++) pixels[4 * i + c] = alpha ? (NIGHT[c] * dark + GOLD[c] * light) / alpha : 0;
    pixels[4 * i + 3] = 255 * alpha;
  });
  return pixels;
}

/** RGBA of a latent, whose channels a least-squares mix (channels and a constant x RGB) turns into colours. */
export function latentPixels(latent, mix) {
  const channels = mix.length - 1,
    cells = latent.length / channels,
    pixels = new Uint8ClampedArray(4 * cells);
  for (let i = 0; i < cells; i++) {
    for (let c = 0; c < 3; c++) {
      let sum = mix[channels][c];
      for (let k = 0; k < channels; k++) sum += latent[k * cells + i] * mix[k][c];
      pixels[4 * i + c] = sum;
    }
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}
