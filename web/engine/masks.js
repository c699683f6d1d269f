// Masks in 0-1: to a grid of cells, and larger by a cell. As magedit_lab.masks.raster.

/** The mask's share of each cell of a coarser grid. */
export function shares(mask, [height, width], [rows, columns]) {
  const found = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const [top, bottom] = [Math.floor((r * height) / rows), Math.ceil(((r + 1) * height) / rows)];
      const [left, right] = [Math.floor((c * width) / columns), Math.ceil(((c + 1) * width) / columns)];
      let sum = 0;
      for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += mask[y * width + x];
      found[r * columns + c] = sum / ((bottom - top) * (right - left));
    }
  return found;
}

/** 0 or 1: cells that the mask covers at least by half, or else the cell that it covers most. */
export function toCells(mask, size, cells) {
  const share = shares(mask, size, cells);
  const least = Math.min(
    0.5,
    share.reduce((a, b) => Math.max(a, b), 0),
  );
  return share.map((s) => (s >= least ? 1 : 0));
}

/** Grown by `radius` cells in every direction. */
export function dilate(mask, [height, width], radius) {
  const near = (r, c) => {
    for (let y = Math.max(0, r - radius); y <= Math.min(height - 1, r + radius); y++)
      for (let x = Math.max(0, c - radius); x <= Math.min(width - 1, c + radius); x++)
        if (mask[y * width + x]) return 1;
    return 0;
  };
  return mask.map((_, i) => near(Math.floor(i / width), i % width));
}

/** A mask of 0-1 from one of 0-1 or of bytes; an error for one that is of another size, empty, or full. */
export function asMask(given, [height, width]) {
  const got = given?.length ?? 0;
  if (got !== height * width)
    throw new Error(`expected a mask of ${width}x${height} values like the picture, got ${got}; paint the object`);
  const mask = given instanceof Float32Array ? given : Float32Array.from(given, (v) => v / 255);
  if (mask.some((v) => !(v >= 0 && v <= 1))) throw new Error("expected mask values in 0-1, got others; divide them");
  const inside = mask.reduce((n, v) => n + (v >= 0.5), 0);
  if (!inside)
    throw new Error("expected a mask with at least one pixel of 0.5 or more, got an empty one; paint the object");
  if (inside === got)
    throw new Error("expected a mask that leaves something out, got a full one; paint just what shall change");
  return mask;
}
