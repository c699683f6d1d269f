// What MaskPainter draws: the picture, the masks over it in their tints, and the gesture under way.

import { element } from "./dom.js";
import { draw, ofRegion } from "./strokes.js";

const HELP =
  "Mask: arrow keys move the cursor (shift: finer), space paints or sets a corner, enter closes a shape, " +
  "escape drops it, brackets change the brush, control z undoes";

const TALLEST = 600; // pixels, the sheet's max-height of .scroll less its border

/** Where pictures are drawn: the picture, the masks over it, and the canvas that takes gestures. */
export function makeStage(model) {
  const [wide, high] = model.get("_size");
  const scale = Math.min(768, Math.max(wide, high) * 4) / Math.max(wide, high);
  const size = { width: Math.round(wide * scale), height: Math.round(high * scale) };
  const url = URL.createObjectURL(new Blob([model.get("_picture")], { type: "image/png" }));
  const picture = element("img", { src: url, alt: "the picture to paint a mask on" });
  const shown = element("canvas", { ...size, className: "mask" });
  const layer = element("canvas", size),
    rim = element("canvas", { ...size, className: "rim" });
  const paint = element("canvas", { ...size, className: "paint", tabIndex: 0 });
  for (const canvas of [shown, rim]) canvas.setAttribute("aria-hidden", "true");
  paint.setAttribute("role", "application");
  paint.setAttribute("aria-label", HELP);
  const stage = element("div", { className: "stage" }, picture, shown, rim, paint);
  stage.style.aspectRatio = `${wide} / ${high}`;
  const scroll = element("div", { className: "scroll" }, stage);
  scroll.style.maxWidth = `${Math.round((TALLEST * wide) / high)}px`; // the whole picture is seen until it is zoomed
  return { ...size, shown, layer, rim, paint, stage, scroll, url };
}

/** Draw each region in its own tint, with a rim that is seen on an object of that tint; the gesture under way belongs to
 * the active one. */
export function drawMasks(model, { width, height, shown, layer, rim }, made, patches) {
  rim.getContext("2d").clearRect(0, 0, width, height);
  const context = shown.getContext("2d"),
    own = layer.getContext("2d"),
    tints = model.get("_tints");
  const strokes = made ? [...model.get("strokes"), made] : model.get("strokes");
  context.clearRect(0, 0, width, height);
  model.get("regions").forEach(({ name }, i) => {
    draw(own, ofRegion(strokes, name), width, height, patches);
    drawRim(rim.getContext("2d"), layer, own, width, height);
    own.globalCompositeOperation = "source-in";
    own.fillStyle = tints[i % tints.length];
    own.fillRect(0, 0, width, height);
    own.globalCompositeOperation = "source-over";
    context.drawImage(layer, 0, 0);
  });
  shown.style.opacity = model.get("opacity");
  rim.hidden = model.get("opacity") === 0;
}

/** A white line with a dark one around it, outside of what a layer covers. */
function drawRim(context, layer, own, width, height) {
  own.globalCompositeOperation = "source-in";
  for (const [colour, far] of [
    ["#202020", 4],
    ["#ffffff", 2.5],
  ]) {
    own.fillStyle = colour;
    own.fillRect(0, 0, width, height);
    for (let i = 0; i < 12; i++) {
      const turn = (i * Math.PI) / 6;
      context.drawImage(layer, far * Math.cos(turn), far * Math.sin(turn));
    }
  }
  context.globalCompositeOperation = "destination-out";
  context.drawImage(layer, 0, 0);
  context.globalCompositeOperation = own.globalCompositeOperation = "source-over";
}

/** Lines in white with a dark rim, seen on any ground. */
function twice(context, path) {
  for (const [colour, line] of [
    ["#202020", 4],
    ["#ffffff", 2],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.beginPath();
    path();
    context.stroke();
  }
}

export function drawCross(context, [x, y], radius) {
  twice(context, () => {
    context.moveTo(x - 8, y);
    context.lineTo(x + 8, y);
    context.moveTo(x, y - 8);
    context.lineTo(x, y + 8);
    if (!radius) return;
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 7);
  });
}

export function drawOutline(context, tool, ends) {
  const [x0, y0] = ends[0],
    [x1, y1] = ends.at(-1);
  twice(context, () => {
    if (tool === "box") context.rect(x0, y0, x1 - x0, y1 - y0);
    else ends.forEach(([x, y]) => context.lineTo(x, y));
  });
}
