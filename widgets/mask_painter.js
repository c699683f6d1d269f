// The browser's side of MaskPainter: it appends strokes in 0-1 coordinates and draws a preview of them.

import { button, element, listen, panel, range, row, sender, statusLine } from "./shared/dom.js";
import { makeGesture, point, type } from "./shared/gesture.js";
import { iconButton } from "./shared/icons.js";
import { GONE, watchKernel } from "./shared/kernel.js";
import { makeStage } from "./shared/paint_stage.js";
import { regionList } from "./shared/region_list.js";
import { FIRST, SHAPES } from "./shared/strokes.js";
import { chooser, MOST, megabytes, PICTURES, sendable } from "./shared/upload.js";

const HINTS = {
  brush: "drag to paint",
  eraser: "drag to erase",
  lasso: "drag around the object",
  polygon: "click corner after corner, double click or Enter closes",
  box: "drag from corner to corner",
  grow: "click: the patch of this colour is taken",
};

/** What has been painted, as the kernel knows it; changes are sent there. */
function makeTruth(model) {
  const send = sender(model),
    put = (changes) => send({ status: "", ...changes }); // what was refused before is over
  const append = (stroke) => put({ strokes: [...model.get("strokes"), stroke], undone: [] });
  const walk = (from, to) => {
    const left = model.get(from);
    if (left.length) put({ [from]: left.slice(0, -1), [to]: [...model.get(to), left.at(-1)] });
  };
  return { put, append, undo: () => walk("strokes", "undone"), redo: () => walk("undone", "strokes") };
}

function boxByNumbers(add, say) {
  const fields = ["left", "top", "right", "bottom"].map((name, i) => [
    name,
    element("input", { type: "number", min: 0, max: 1, step: 0.01, value: i < 2 ? 0.25 : 0.75 }),
  ]);
  const press = () => {
    const rect = fields.map(([, field]) => field.valueAsNumber);
    if (rect.some((x) => !(x >= 0 && x <= 1))) return say("Expected four numbers from 0 to 1.", true);
    add(rect);
  };
  return element(
    "fieldset",
    {},
    element("legend", { textContent: "box by numbers, 0 to 1" }),
    row(
      ...fields.map(([name, field]) => element("label", {}, name, field)),
      button("add box", press, "add a box with these four sides"),
    ),
  );
}

function download({ file }) {
  if (file === undefined) return;
  const url = URL.createObjectURL(new Blob([file], { type: "application/json" }));
  element("a", { href: url, download: "mask.json" }).click();
  URL.revokeObjectURL(url);
}

/** Send strokes, or a mask as a picture, to the kernel; what is neither, or too large, is told. */
async function load(model, file, say) {
  if (!/\.json$|^application\/json$/.test(file.type || file.name)) {
    const { bytes, refused } = await sendable(file, Math.max(...model.get("_size")));
    return refused ? say(refused, true) : model.send({ do: "load" }, undefined, [bytes]);
  }
  if (file.size > MOST) return say(`expected strokes of at most ${megabytes(MOST)}, got ${megabytes(file.size)}`, true);
  model.send({ do: "load", text: await file.text() });
}

function files(model, say) {
  const chosen = chooser(`.json,application/json,${PICTURES}`, (file) => load(model, file, say));
  return [
    iconButton("save", "save", () => model.send({ do: "save" }), "save the strokes as a file"),
    iconButton("load", "load", () => chosen.click(), "load strokes, or a mask, from a file"),
    chosen,
  ];
}

function zoomer({ scroll, stage }) {
  let zoom = 1;
  const [label] = range("zoom", 1, 4, 0.25, 1, (value) => {
    const [x, y] = [scroll.scrollLeft + scroll.clientWidth / 2, scroll.scrollTop + scroll.clientHeight / 2];
    stage.style.width = `${100 * value}%`;
    scroll.scrollTo(x * (value / zoom) - scroll.clientWidth / 2, y * (value / zoom) - scroll.clientHeight / 2);
    zoom = value;
  });
  return label;
}

const SLIDERS = [
  ["brush size", "radius", 0.005, 0.25, 0.005],
  ["likeness", "tolerance", 1, 60, 1],
  ["opacity", "opacity", 0, 1, 0.05],
];

/** Buttons and sliders: {toolbar, often, seldom, refresh}. */
function makeControls(model, truth, gesture, parts, eraseBox, say) {
  const tools = SHAPES.map((name) =>
    iconButton(
      name,
      name,
      () => {
        gesture.drop();
        truth.put({ tool: name });
        say(HINTS[name]);
      },
      name,
    ),
  );
  const sliders = SLIDERS.map(([text, name, low, high, by]) => [
    name,
    ...range(text, low, high, by, model.get(name), (value) => truth.put({ [name]: value })),
  ]);
  const undo = iconButton("undo", "undo", truth.undo),
    redo = iconButton("redo", "redo", truth.redo);
  const part = () => (model.get("active") === FIRST ? {} : { region: model.get("active") });
  const plane = (tool) =>
    iconButton(tool, tool, () => truth.append({ tool, ...part() }), `${tool} the mask of this region`);
  const toolbar = element("div", { className: "tools" }, ...tools, undo, redo);
  toolbar.setAttribute("role", "toolbar");
  toolbar.setAttribute("aria-label", "tools");
  const boxes = boxByNumbers(
    (rect) => truth.append({ tool: "box", mode: eraseBox.checked ? "erase" : "add", rect, ...part() }),
    say,
  );
  const often = row(sliders[0][1], sliders[1][1], element("label", {}, eraseBox, "shapes erase"));
  const seldom = [
    row(
      plane("invert"),
      plane("clear"),
      iconButton("close", "close shape", gesture.finish, "close the polygon or lasso"),
      ...files(model, say),
    ),
    row(sliders[2][1], zoomer(parts)),
    boxes,
  ];
  const refresh = () => {
    tools.forEach((made, i) => made.setAttribute("aria-pressed", String(SHAPES[i] === model.get("tool"))));
    undo.disabled = !model.get("strokes").length;
    redo.disabled = !model.get("undone").length;
    sliders.forEach(([name, , input]) => {
      input.value = model.get(name);
    });
    sliders[0][1].hidden = !["brush", "eraser"].includes(model.get("tool"));
    sliders[1][1].hidden = model.get("tool") !== "grow";
  };
  return { toolbar, often, seldom, refresh };
}

/** Everything for the picture that the model has now; what comes back tears it down. */
function build(model, el) {
  const truth = makeTruth(model),
    parts = makeStage(model),
    [line, say] = statusLine();
  const eraseBox = element("input", { type: "checkbox" });
  const gesture = makeGesture(model, parts, truth, () => eraseBox.checked, say);
  const controls = makeControls(model, truth, gesture, parts, eraseBox, say);
  const regions = regionList(model, truth.put);
  const open = !model.get("folded");
  const more = (text, ...children) =>
    element("details", { className: "folded", open }, element("summary", { textContent: text }), ...children);
  const root = panel(
    open ? "painter" : "painter narrow",
    element("div", { className: "easel" }, controls.toolbar, parts.scroll),
    controls.often,
    line,
    element("div", { className: "folds" }, more("regions", regions.field), more("more tools", ...controls.seldom)),
  );
  el.append(root);
  point(parts.paint, gesture);
  type(parts.paint, root, gesture, truth, (factor) =>
    truth.put({ radius: Math.min(0.5, Math.max(0.002, model.get("radius") * factor)) }),
  );

  const refresh = () => {
    controls.refresh();
    gesture.redraw();
  };
  const tell = () => {
    if (kernel.gone()) return say(GONE, true);
    const count = model.get("strokes").length,
      refusal = model.get("status");
    say(refusal || `${count} ${count === 1 ? "stroke" : "strokes"}`, Boolean(refusal));
  };
  const told = () => {
    tell();
    refresh();
    gesture.fetchPatches();
  };
  const parted = () => {
    regions.refresh();
    refresh();
  };
  const watched = {
    "change:strokes": told,
    "change:status": tell,
    "change:_grown": gesture.fetchPatches,
    "msg:custom": download,
  };
  for (const name of ["undone", "tool", "radius", "tolerance", "opacity"]) watched[`change:${name}`] = refresh;
  for (const name of ["regions", "active", "words", "_lambdas"]) watched[`change:${name}`] = parted;
  const kernel = watchKernel(model.widget_manager, tell);
  const stop = listen(model, watched);
  parted();
  gesture.fetchPatches();
  say(HINTS[model.get("tool")]);
  if (model.get("status")) tell();
  return () => {
    stop();
    kernel.stop();
    URL.revokeObjectURL(parts.url);
    root.remove();
  };
}

function render({ model, el }) {
  let tearDown = build(model, el);
  const anew = () => {
    tearDown();
    tearDown = build(model, el);
  };
  const stop = listen(model, { "change:_picture": anew });
  return () => {
    stop();
    tearDown();
  };
}

export default { render };
