// Click to mask: the connected patch that looks like the clicked pixel, as magedit_lab.masks.flood.grow has it.

const WHITE = [0.95047, 1, 1.08883]; // D65, 2 degrees

function linear(byte) {
  const c = byte / 255;
  return c > 0.04045 ? ((c + 0.055) / 1.055) ** 2.4 : c / 12.92;
}

function root(t) {
  return t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116;
}

/** CIELAB of one sRGB pixel. */
export function lab(r, g, b) {
  const [x, y, z] = [linear(r), linear(g), linear(b)];
  const [fx, fy, fz] = [
    (0.412453 * x + 0.35758 * y + 0.180423 * z) / WHITE[0],
    (0.212671 * x + 0.71516 * y + 0.072169 * z) / WHITE[1],
    (0.019334 * x + 0.119193 * y + 0.950227 * z) / WHITE[2],
  ].map(root);
  return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)];
}

/** 1 for each pixel of the patch around (x, y), 0-1 of the sides; colours differ by `tolerance` at most in CIELAB, and
 * neighbours share a side or a corner. pixels: RGBA. */
export function grow(pixels, width, height, x, y, tolerance) {
  const across = Math.min(Math.floor(x * width), width - 1),
    down = Math.min(Math.floor(y * height), height - 1);
  const at = (i) => lab(pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2]);
  const seed = at(down * width + across),
    mask = new Uint8Array(width * height),
    seen = new Uint8Array(width * height),
    queue = [down * width + across];
  seen[queue[0]] = 1;
  while (queue.length) {
    const i = queue.pop();
    if (Math.hypot(...at(i).map((v, c) => v - seed[c])) > tolerance) continue;
    mask[i] = 1;
    const [cx, cy] = [i % width, Math.floor(i / width)];
    for (let ny = Math.max(0, cy - 1); ny <= Math.min(height - 1, cy + 1); ny++)
      for (let nx = Math.max(0, cx - 1); nx <= Math.min(width - 1, cx + 1); nx++) {
        const next = ny * width + nx;
        if (!seen[next]) {
          seen[next] = 1;
          queue.push(next);
        }
      }
  }
  return mask;
}
