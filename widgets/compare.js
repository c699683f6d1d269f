// The browser's side of Compare: a before/after slider, and a grid of all pictures under one zoom.

import { addresses, button, element, listen, panel, range, row, select, sender, statusLine } from "./shared/dom.js";
import { bytes, outlineCanvas } from "./shared/maps.js";

const KEYS = ": arrow keys move all pictures, + and - zoom, 0 shows the whole";
const STEP = 0.1,
  MOST = 8; // of the visible part, for an arrow key; the largest zoom

/** The nearest centre at which a zoomed picture still fills its frame. */
export function settled([x, y], zoom) {
  const half = 0.5 / zoom;
  return [x, y].map((v) => Math.round(Math.min(1 - half, Math.max(half, v)) * 1e4) / 1e4);
}

/** The CSS transform that brings a centre into the middle of the frame. */
export function transform([x, y], zoom) {
  const percent = (v) => `${(100 * (0.5 - v) * zoom).toFixed(3)}%`;
  return `translate(${percent(x)}, ${percent(y)}) scale(${zoom})`;
}

/** Where a key moves centre and zoom, or nothing for other keys. */
export function keyed(key, centre, zoom) {
  const by = STEP / zoom,
    [x, y] = centre;
  const moves = { ArrowLeft: [x - by, y], ArrowRight: [x + by, y], ArrowUp: [x, y - by], ArrowDown: [x, y + by] };
  if (moves[key]) return { centre: settled(moves[key], zoom), zoom };
  const zooms = { "+": zoom * 1.25, "=": zoom * 1.25, "-": zoom / 1.25, 0: 1 };
  if (!(key in zooms)) return null;
  const next = Math.min(MOST, Math.max(1, Math.round(zooms[key] * 100) / 100));
  return { centre: settled(centre, next), zoom: next };
}

/** Parts that are moved and zoomed together: {frame(...children), draw}. */
function makeView(model, put) {
  const sheets = [],
    look = () => [model.get("centre"), model.get("zoom")];
  const to = (centre, zoom) => put({ centre: settled(centre, zoom), zoom });
  const frame = (label, ...children) => {
    const sheet = element("div", { className: "sheet" }, ...children);
    const made = element("div", { className: "frame", tabIndex: 0 }, sheet);
    made.setAttribute("role", "application");
    made.setAttribute("aria-label", `${label}${KEYS}`);
    made.style.aspectRatio = `${model.get("_meta").width} / ${model.get("_meta").height}`;
    sheets.push(sheet);
    follow(made, look, to);
    return made;
  };
  const draw = () =>
    sheets.forEach((sheet) => {
      sheet.style.transform = transform(...look());
      sheet.parentElement.style.touchAction = look()[1] > 1 ? "none" : "pan-y"; // a finger scrolls the page until one zooms
    });
  return { frame, draw, to };
}

/** Dragging, the wheel with control or command held, and keys. */
function follow(frame, look, to) {
  let from;
  frame.addEventListener("pointerdown", (event) => {
    frame.setPointerCapture(event.pointerId);
    from = { at: [event.clientX, event.clientY], centre: look()[0] };
  });
  frame.addEventListener("pointermove", (event) => {
    if (!event.buttons || !from) return;
    const box = frame.getBoundingClientRect(),
      [, zoom] = look(),
      [x, y] = from.centre;
    to(
      [x - (event.clientX - from.at[0]) / box.width / zoom, y - (event.clientY - from.at[1]) / box.height / zoom],
      zoom,
    );
  });
  frame.addEventListener("pointerup", () => {
    from = undefined;
  });
  frame.addEventListener("dragstart", (event) => event.preventDefault()); // else the browser carries the picture off
  const change = (event, key) => {
    const next = keyed(key, ...look());
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    to(next.centre, next.zoom);
  };
  frame.addEventListener(
    "wheel",
    (event) => (event.ctrlKey || event.metaKey) && change(event, event.deltaY < 0 ? "+" : "-"),
    { passive: false },
  );
  frame.addEventListener("keydown", (event) => !event.ctrlKey && !event.metaKey && change(event, event.key));
}

/** One picture over the other, the upper one clipped: {figure, refresh}. */
function makeSlider(view, urls, outline, put) {
  const under = element("img", { alt: "" }),
    over = element("img", { alt: "" });
  const lower = view.frame("", under),
    upper = view.frame("", over),
    edge = element("div", { className: "edge" });
  const names = [element("span", { className: "tag" }), element("span", { className: "tag end" })];
  upper.tabIndex = -1;
  upper.setAttribute("aria-hidden", "true");
  lower.firstChild.append(outline());
  upper.firstChild.append(outline());
  const input = element("input", { type: "range", min: 0, max: 1, step: 0.01, className: "wide" });
  input.setAttribute("aria-label", "how much of the left picture is shown");
  input.addEventListener("input", () => put({ position: Number(input.value) }));
  upper.className += " upper";
  const figure = element(
    "figure",
    { className: "both" },
    element("div", { className: "pair" }, lower, upper, edge, ...names),
    input,
  );
  const refresh = ({ left, right, position }) => {
    if (under.src !== urls[right]) under.src = urls[right];
    if (over.src !== urls[left]) over.src = urls[left];
    const percent = `${100 * position}%`;
    upper.style.clipPath = `inset(0 ${100 - 100 * position}% 0 0)`;
    edge.style.left = percent;
    [names[0].textContent, names[1].textContent] = [left, right];
    const place = `${left} on the left of ${Math.round(100 * position)} percent, ${right} on the right`;
    lower.setAttribute("aria-label", `${place}${KEYS}`);
    input.value = position;
    input.setAttribute("aria-valuetext", `${Math.round(100 * position)} percent ${left}`);
  };
  return { figure, refresh };
}

/** All pictures with their scores: a click compares one with the left of the slider. */
function makeGrid({ names, scores }, view, urls, outline, put) {
  const cells = names.map((name) => {
    const frame = view.frame(name, element("img", { src: urls[name], alt: "" }), outline());
    const pick = button(name, () => put({ right: name }), `compare ${name}`);
    const lines = (scores[name] ?? []).map((text) => element("li", { textContent: text }));
    return {
      name,
      pick,
      figure: element("figure", {}, frame, element("figcaption", {}, pick, element("ul", {}, ...lines))),
    };
  });
  const refresh = ({ right }) =>
    cells.forEach(({ name, pick }) => pick.setAttribute("aria-pressed", String(name === right)));
  return { grid: element("div", { className: "grid" }, ...cells.map(({ figure }) => figure)), refresh };
}

function render({ model, el }) {
  const meta = model.get("_meta"),
    put = sender(model),
    { urls, free } = addresses(model.get("_pictures"));
  const mask = meta.mask[0] ? bytes(model.get("_mask")) : undefined,
    outlines = [];
  const outline = () => {
    if (!mask) return "";
    const { canvas, draw } = outlineCanvas(...meta.mask);
    draw(mask);
    outlines.push(canvas);
    return canvas;
  };
  const view = makeView(model, put),
    pair = makeSlider(view, urls, outline, put);
  const grid = makeGrid(meta, view, urls, outline, put),
    names = meta.names.map((name) => [name, name]);
  const [leftLabel, left] = select("left", names, (v) => put({ left: v }));
  const [rightLabel, right] = select("right", names, (v) => put({ right: v }));
  const [zoomLabel, zoom] = range("zoom", 1, MOST, 0.25, 1, (v) => view.to(model.get("centre"), v));
  const shown = element("input", { type: "checkbox", disabled: !mask });
  shown.addEventListener("change", () => put({ outlined: shown.checked }));
  const [line, say] = statusLine();
  el.append(
    panel(
      "compare",
      row(
        leftLabel,
        rightLabel,
        zoomLabel,
        button("whole picture", () => view.to([0.5, 0.5], 1)),
        element("label", {}, shown, "mask"),
      ),
      element("div", { className: "split" }, pair.figure, grid.grid),
      line,
    ),
  );

  function refresh() {
    const state = Object.fromEntries(["left", "right", "position"].map((name) => [name, model.get(name)]));
    pair.refresh(state);
    grid.refresh(state);
    view.draw();
    [left.value, right.value, zoom.value] = [state.left, state.right, model.get("zoom")];
    shown.checked = model.get("outlined");
    outlines.forEach((canvas) => {
      canvas.hidden = !model.get("outlined");
    });
    say(
      `${state.left} on the left, ${state.right} on the right. Drag a picture to move all; arrow keys, + and − do too.`,
    );
  }
  const complain = () => model.get("status") && say(model.get("status"), true);
  const watched = ["left", "right", "position", "zoom", "centre", "outlined"].map((name) => [
    `change:${name}`,
    refresh,
  ]);
  const stop = listen(model, { ...Object.fromEntries(watched), "change:status": complain });
  refresh();
  return () => {
    stop();
    free();
  };
}

export default { render };
