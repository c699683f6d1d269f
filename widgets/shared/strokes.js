// Strokes in 0-1 coordinates: how a gesture becomes one, and a preview of them on a canvas.

export const SHAPES = ["brush", "eraser", "lasso", "polygon", "box", "grow"];
export const FIRST = "mask"; // the region of strokes that name none

/** What a stroke's patch depends on; the kernel's echo replaces the stroke itself by an equal one. */
export function seed({ points, tolerance }) {
  return `${points[0]} ${tolerance}`;
}

/** Draw strokes on a 2d context of any size, as magedit_lab.strokes.rasterise does; patches: an image by the
 * `seed` of a stroke that grows. Whatever is covered becomes opaque black. */
export function draw(context, strokes, width, height, patches = new Map()) {
  context.clearRect(0, 0, width, height);
  for (const stroke of strokes) {
    context.globalCompositeOperation = stroke.mode === "erase" ? "destination-out" : "source-over";
    context.fillStyle = context.strokeStyle = "#000";
    if (stroke.tool === "clear") context.clearRect(0, 0, width, height);
    else if (stroke.tool === "invert") {
      context.globalCompositeOperation = "xor";
      context.fillRect(0, 0, width, height);
    } else if (stroke.tool === "box") {
      const [x0, y0, x1, y1] = stroke.rect;
      context.fillRect(x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height);
    } else if (stroke.tool === "grow") {
      const patch = patches.get(seed(stroke));
      if (patch) context.drawImage(patch, 0, 0, width, height);
    } else trace(context, stroke, width, height);
  }
  context.globalCompositeOperation = "source-over";
}

function trace(context, { tool, points, radius }, width, height) {
  context.beginPath();
  points.forEach(([x, y]) => context.lineTo(x * width, y * height));
  if (tool !== "brush") return context.fill("evenodd");
  if (points.length === 1) context.lineTo(points[0][0] * width + 0.01, points[0][1] * height); // else no dot is drawn
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = 2 * radius * Math.min(width, height);
  context.stroke();
}

/** The stroke that a gesture of a tool has made so far, or null where it is none yet. */
export function strokeOf({ tool, radius, tolerance, region, erase }, points) {
  const part = region && region !== FIRST ? { region } : {};
  const mode = erase || tool === "eraser" ? "erase" : "add";
  if (tool === "brush" || tool === "eraser")
    return points.length ? { tool: "brush", mode, points, radius, ...part } : null;
  if (tool === "grow") return points.length ? { tool, mode, points: points.slice(-1), tolerance, ...part } : null;
  if (tool === "box") return points.length > 1 ? { tool, mode, rect: [...points[0], ...points.at(-1)], ...part } : null;
  return points.length > 2 ? { tool, mode, points, ...part } : null;
}

/** The strokes of one region. */
export function ofRegion(strokes, name) {
  return strokes.filter((stroke) => (stroke.region ?? FIRST) === name);
}

/** A point moved by steps along x and y, kept inside and rounded to four digits. */
export function moved([x, y], dx, dy, step) {
  return [x + dx * step, y + dy * step].map(inside);
}

/** A number within 0-1, rounded to four digits. */
export function inside(value) {
  return Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
}
