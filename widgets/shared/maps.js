// Maps of cells in colours over a picture, with the mask outlined.

import { element } from "./dom.js";

const LINES = 768; // pixels of the longer side of the canvas that the outline is drawn on

/** What came as a DataView, as bytes. */
export function bytes(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** RGBA pixels of one plane of bytes, coloured by a table of 256 RGB triples; where it `fades`, a value is as opaque as it
 * is high, so that the picture below shows wherever there is nothing. */
export function colourise(plane, table, fades = false) {
  const pixels = new Uint8ClampedArray(4 * plane.length);
  plane.forEach((value, i) => {
    pixels[4 * i] = table[3 * value];
    pixels[4 * i + 1] = table[3 * value + 1];
    pixels[4 * i + 2] = table[3 * value + 2];
    pixels[4 * i + 3] = fades ? value : 255;
  });
  return pixels;
}

/** A plane whose values were scaled to its own top, scaled to another. */
export function rescaled(plane, top, to) {
  return to > 0 && top !== to ? plane.map((value) => Math.min(255, Math.round((value * top) / to))) : plane;
}

/** The border of a mask of cells as line segments [x0, y0, x1, y1], in cells. */
export function border(mask, width, height) {
  const on = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] > 0;
  const lines = [];
  for (let y = 0; y <= height; y++)
    for (let x = 0; x <= width; x++) {
      if (on(x, y) !== on(x - 1, y)) lines.push([x, y, x, y + 1]);
      if (on(x, y) !== on(x, y - 1)) lines.push([x, y, x + 1, y]);
    }
  return lines;
}

/** A canvas with the outline of a mask of cells, white with a dark rim: {canvas, draw(mask)}. */
export function outlineCanvas(width, height) {
  const scale = LINES / Math.max(width, height);
  const canvas = element("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) });
  canvas.setAttribute("aria-hidden", "true");
  let drawn;
  const draw = (mask) => {
    if (drawn === mask) return;
    drawn = mask;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.lineCap = "square";
    for (const [colour, line] of [
      ["#202020", 9],
      ["#ffffff", 4.5],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.beginPath();
      for (const [x0, y0, x1, y1] of mask ? border(mask, width, height) : []) {
        context.moveTo(x0 * scale, y0 * scale);
        context.lineTo(x1 * scale, y1 * scale);
      }
      context.stroke();
    }
  };
  return { canvas, draw };
}

/** A picture under a map of cells under the mask's outline: {figure, show}. */
export function mapStage(width, height, table, caption = "") {
  const picture = element("img", { alt: "" }),
    map = element("canvas", { width, height, className: "pixels" });
  map.setAttribute("aria-hidden", "true");
  const outline = outlineCanvas(width, height),
    stage = element("div", { className: "stage" }, picture, map, outline.canvas);
  stage.setAttribute("role", "img");
  stage.style.aspectRatio = `${width} / ${height}`;
  picture.addEventListener("load", () => {
    stage.style.aspectRatio = `${picture.naturalWidth} / ${picture.naturalHeight}`;
  });
  const words = element("figcaption", { textContent: caption });
  const figure = element("figure", { className: "mapped" }, stage, words);

  /** plane: bytes, or undefined for none; alone: the map without the picture; smooth: between the cells' middles, else
   * each cell for itself; said: the caption, if it is another. */
  const show = ({ url, plane, mask, alone, opacity, text, smooth = false, said = caption }) => {
    map.classList.toggle("smooth", smooth);
    words.textContent = said;
    if (picture.src !== url) picture.src = url;
    picture.style.visibility = alone ? "hidden" : "visible";
    const context = map.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (plane) context.putImageData(new ImageData(colourise(plane, table, !alone), width, height), 0, 0);
    map.style.opacity = alone ? 1 : opacity;
    outline.draw(mask);
    stage.setAttribute("aria-label", text);
  };
  return { figure, show };
}

/** The colours from 0 to a value in words: {bar, say(text)}. */
export function colourBar(table) {
  const canvas = element("canvas", { width: 256, height: 1, className: "pixels bar" });
  canvas.setAttribute("aria-hidden", "true");
  const ramp = Uint8Array.from({ length: 256 }, (_, i) => i),
    words = element("span");
  canvas.getContext("2d").putImageData(new ImageData(colourise(ramp, table), 256, 1), 0, 0);
  const bar = element("div", { className: "row scale" }, element("span", { textContent: "0" }), canvas, words);
  return {
    bar,
    say: (text) => {
      words.textContent = text;
    },
  };
}
