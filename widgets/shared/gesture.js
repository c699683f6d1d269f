// How mouse, pen, finger and keys become strokes.

import { drawCross, drawMasks, drawOutline } from "./paint_stage.js";
import { inside, moved, seed, strokeOf } from "./strokes.js";

const NEAR = 0.002; // of the picture's side: half a pixel of 256

/** The gesture under way: points so far, the cursor, and what finishes or drops it. */
export function makeGesture(model, parts, truth, erases, say) {
  const { width, height, paint, scroll, stage } = parts;
  const patches = new Map();
  let points = [],
    cursor = [0.5, 0.5],
    drawing = false,
    keys = false,
    erase = false;
  const tool = () => model.get("tool");
  const round = () => ["brush", "eraser"].includes(tool());
  const made = () =>
    strokeOf(
      {
        tool: tool(),
        radius: model.get("radius"),
        tolerance: model.get("tolerance"),
        region: model.get("active"),
        erase,
      },
      points,
    );
  const onCanvas = ([x, y]) => [x * width, y * height];

  function redraw() {
    drawMasks(model, parts, tool() === "grow" ? null : made(), patches);
    const context = paint.getContext("2d");
    context.clearRect(0, 0, width, height);
    const open = drawing && tool() !== "polygon" ? points : [...points, cursor];
    if (points.length && !round()) drawOutline(context, tool(), open.map(onCanvas));
    if (keys || drawing) drawCross(context, onCanvas(cursor), round() && model.get("radius") * Math.min(width, height));
  }
  function finish() {
    const stroke = made(),
      begun = points.length;
    points = [];
    drawing = false;
    if (stroke) truth.append(stroke);
    else if (begun) say("A shape needs three corners, a box two; nothing was added.");
    redraw();
  }
  function drop() {
    points = [];
    drawing = false;
    redraw();
  }
  function begin(at, erasing) {
    [cursor, keys, erase] = [at, false, erasing || (erases() && !round())]; // a brush has its eraser
    if (tool() === "polygon") points = [...points, at];
    else [drawing, points] = [true, [at]];
    redraw();
  }
  function follow(places) {
    if (!drawing && !(points.length && tool() === "polygon")) return;
    for (const at of places) {
      cursor = at;
      if (drawing) points = tool() === "box" ? [points[0], at] : tool() === "grow" ? [at] : along(points, at);
    }
    redraw();
  }
  function space() {
    erase = erases() && !round();
    points = [...points, cursor];
    if (round() || tool() === "grow" || (tool() === "box" && points.length === 2)) return finish();
    say(tool() === "box" ? "First corner set; move and press space for the other." : `${points.length} corners set.`);
    redraw();
  }
  function step(dx, dy, fine) {
    cursor = moved(cursor, dx, dy, fine ? 0.002 : 0.02);
    keys = true;
    say(`cursor at ${cursor.map((c) => c.toFixed(3)).join(", ")}`);
    const [x, y] = [cursor[0] * stage.clientWidth, cursor[1] * stage.clientHeight];
    if (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth)
      scroll.scrollLeft = x - scroll.clientWidth / 2;
    if (y < scroll.scrollTop || y > scroll.scrollTop + scroll.clientHeight)
      scroll.scrollTop = y - scroll.clientHeight / 2;
    redraw();
  }
  async function fetchPatches() {
    const grown = model.get("strokes").filter((stroke) => stroke.tool === "grow"),
      bytes = model.get("_grown");
    if (grown.length !== bytes.length) return; // the kernel's answer is still on its way
    const images = await Promise.all(bytes.map((one) => createImageBitmap(new Blob([one], { type: "image/png" }))));
    patches.clear();
    grown.forEach((stroke, i) => patches.set(seed(stroke), images[i]));
    redraw();
  }
  const focus = (seen) => {
    keys = seen;
    redraw();
  };
  return {
    redraw,
    finish,
    drop,
    begin,
    follow,
    space,
    step,
    fetchPatches,
    focus,
    up: () => drawing && finish(),
    cancel: () => drawing && drop(),
    twiceClicked: () => {
      if (tool() !== "polygon") return;
      points = points.slice(0, -1); // the second click of the two set the same corner again
      finish();
    },
  };
}

/** Points with one more, where it is far enough from the last to be seen. */
export function along(points, at) {
  const [x, y] = points.at(-1);
  return Math.hypot(at[0] - x, at[1] - y) < NEAR ? points : [...points, at];
}

/** Mouse, pen and finger; while one of them draws, a palm or a second finger does nothing. */
export function point(paint, gesture) {
  let active;
  const at = (event) => {
    const box = paint.getBoundingClientRect();
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  };
  paint.addEventListener("pointerdown", (event) => {
    if (active !== undefined || (event.button !== 0 && event.button !== 5)) return;
    active = event.pointerId;
    event.preventDefault();
    paint.focus({ preventScroll: true });
    paint.setPointerCapture(event.pointerId);
    gesture.begin(at(event), event.altKey || event.button === 5); // 5: a pen's other end
  });
  paint.addEventListener("pointermove", (event) => {
    if (active !== undefined && event.pointerId !== active) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    gesture.follow((moves.length ? moves : [event]).map(at));
  });
  const ends = (action) => (event) => {
    if (event.pointerId !== active) return;
    active = undefined;
    action();
  };
  paint.addEventListener("pointerup", ends(gesture.up));
  paint.addEventListener("pointercancel", ends(gesture.cancel));
  paint.addEventListener("lostpointercapture", ends(gesture.cancel));
  paint.addEventListener("dblclick", gesture.twiceClicked);
}

/** The keys: cursor and corners on the canvas, undo and redo anywhere in the widget. */
export function type(paint, root, gesture, truth, resize) {
  const move = (x, y) => (event) => gesture.step(x, y, event.shiftKey);
  const actions = {
    ArrowLeft: move(-1, 0),
    ArrowRight: move(1, 0),
    ArrowUp: move(0, -1),
    ArrowDown: move(0, 1),
    " ": gesture.space,
    Enter: gesture.finish,
    Escape: gesture.drop,
    "[": () => resize(1 / 1.25),
    "]": () => resize(1.25),
  };
  const taken = (event) => {
    event.preventDefault();
    event.stopPropagation(); // else Jupyter takes arrows and brackets for its own
  };
  paint.addEventListener("keydown", (event) => {
    const action = event.ctrlKey || event.metaKey ? null : actions[event.key];
    if (!action) return;
    taken(event);
    action(event);
  });
  root.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || !["z", "Z", "y"].includes(event.key)) return;
    if (event.target.matches("input[type=text], input[type=number]")) return; // a field has an undo of its own
    taken(event);
    event.key === "z" && !event.shiftKey ? truth.undo() : truth.redo();
  });
  paint.addEventListener("focus", () => gesture.focus(paint.matches(":focus-visible")));
  paint.addEventListener("blur", () => gesture.focus(false));
}
