// Painting the mask: the widgets' own stage and gestures over a model that has no kernel.

import { button, element, range, row } from "../../../widgets/shared/dom.js";
import { makeGesture, point, type } from "../../../widgets/shared/gesture.js";
import { makeStage } from "../../../widgets/shared/paint_stage.js";
import { draw, seed } from "../../../widgets/shared/strokes.js";
import { grow } from "../flood.js";
import { makeModel } from "../store.js";

const TOOLS = [
  ["grow", "click", "click an object: the patch of its colour is taken"],
  ["brush", "brush", "drag to paint"],
  ["eraser", "erase", "drag to erase"],
  ["box", "box", "drag from corner to corner"],
];
const GIVEN = { tool: "grow", mode: "add", points: [[0, 0]], tolerance: -1 }; // stands for the mask that was there

function canvasOf(size) {
  return element("canvas", { width: size, height: size });
}

/** A mask of bytes as a PNG's bytes, opaque where it is. */
async function stencil(mask, size) {
  const canvas = canvasOf(size),
    image = new ImageData(size, size);
  mask.forEach((value, i) => {
    image.data[4 * i + 3] = value > 127 ? 255 : 0;
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return bytesOf(canvas);
}

const bytesOf = (canvas) =>
  new Promise((done) => canvas.toBlob(async (blob) => done(new DataView(await blob.arrayBuffer())), "image/png"));

/** RGBA of a canvas or a picture. */
function pixels(picture, size) {
  const canvas = canvasOf(size),
    context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, size, size);
  return context.getImageData(0, 0, size, size).data;
}

async function modelOf(picture, mask, size) {
  const canvas = canvasOf(size);
  canvas.getContext("2d").drawImage(picture, 0, 0, size, size);
  const some = mask?.some((value) => value > 127);
  return makeModel({
    _size: [size, size],
    _picture: await bytesOf(canvas),
    _tints: ["#0072b2"],
    _grown: some ? [await stencil(mask, size)] : [],
    regions: [{ name: "mask" }],
    strokes: some ? [GIVEN] : [],
    undone: [],
    active: "mask",
    tool: "grow",
    radius: 0.05,
    tolerance: 12,
    opacity: 0.45,
  });
}

/** The patches of strokes that grow, as the gesture wants them from a kernel. */
function grower(model, picture, size) {
  const rgba = pixels(picture, size),
    kept = new Map([[seed(GIVEN), model.get("_grown")[0]]]);
  return async () => {
    const strokes = model.get("strokes").filter(({ tool }) => tool === "grow");
    for (const stroke of strokes)
      if (!kept.has(seed(stroke))) {
        const [x, y] = stroke.points[0];
        const patch = grow(rgba, size, size, x, y, stroke.tolerance).map((one) => 255 * one);
        kept.set(seed(stroke), await stencil(patch, size));
      }
    model.set(
      "_grown",
      strokes.map((stroke) => kept.get(seed(stroke))),
    );
    model.save_changes();
  };
}

/** What is painted, as bytes of the picture's size: 255 inside. */
async function rasterised(model, size) {
  const grown = model.get("strokes").filter(({ tool }) => tool === "grow");
  const images = await Promise.all(
    model.get("_grown").map((one) => createImageBitmap(new Blob([one], { type: "image/png" }))),
  );
  const context = canvasOf(size).getContext("2d", { willReadFrequently: true });
  draw(context, model.get("strokes"), size, size, new Map(grown.map((stroke, i) => [seed(stroke), images[i]])));
  const { data } = context.getImageData(0, 0, size, size);
  return Uint8ClampedArray.from({ length: size * size }, (_, i) => (data[4 * i + 3] > 127 ? 255 : 0));
}

function toolbar(model, truth, say, finish) {
  const put = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const tools = TOOLS.map(([name, text, hint]) => {
    const made = button(text, () => {
      put("tool", name);
      refresh();
      say(hint);
    });
    return [name, made];
  });
  const refresh = () =>
    tools.forEach(([name, made]) => made.setAttribute("aria-pressed", String(model.get("tool") === name)));
  const [size] = range("size", 0.01, 0.2, 0.005, model.get("radius"), (value) => put("radius", value));
  const made = row(
    ...tools.map(([, one]) => one),
    size,
    button("undo", truth.undo),
    button("clear", () => truth.append({ tool: "clear" })),
    button("done", finish),
  );
  made.lastChild.classList.add("main");
  made.classList.add("tools");
  made.setAttribute("role", "toolbar");
  made.setAttribute("aria-label", "tools of the mask");
  refresh();
  say(TOOLS[0][2]);
  return made;
}

/** Opens the painter in `root`; `changed(mask)` gets the mask after every stroke. Resolves to a function that closes. */
export async function openPainter(root, bar, { picture, mask, size }, { changed, say, finish }) {
  const model = await modelOf(picture, mask, size),
    parts = makeStage(model),
    regrow = grower(model, picture, size);
  const put = async (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    await regrow();
    gesture.redraw();
    await gesture.fetchPatches();
    changed(await rasterised(model, size));
  };
  const walk = (from, to) => {
    const left = model.get(from);
    if (left.length) put({ [from]: left.slice(0, -1), [to]: [...model.get(to), left.at(-1)] });
  };
  const truth = {
    append(stroke) {
      const before = model.get("strokes"),
        chosen = stroke.tool === "grow" && before.every((one) => one === GIVEN); // another object instead
      put({ strokes: chosen ? [stroke] : [...before, stroke], undone: [] });
    },
    undo: () => walk("strokes", "undone"),
    redo: () => walk("undone", "strokes"),
  };
  const gesture = makeGesture(model, parts, truth, () => false, say);
  point(parts.paint, gesture);
  type(parts.paint, root, gesture, truth, (factor) => {
    model.set("radius", Math.min(0.5, Math.max(0.002, model.get("radius") * factor)));
    model.save_changes();
    gesture.redraw();
  });
  root.replaceChildren(parts.scroll);
  bar.replaceChildren(toolbar(model, truth, say, finish));
  await gesture.fetchPatches();
  gesture.redraw();
  return () => {
    URL.revokeObjectURL(parts.url);
    root.replaceChildren();
    bar.replaceChildren();
  };
}
