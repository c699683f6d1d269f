// The browser's side of MaskPainter: it appends strokes in 0-1 coordinates and draws a preview of them.

const SHAPES = ["brush", "eraser", "lasso", "polygon", "box"];
const TINT = "#0072b2";

/** Draw strokes on a 2d context of any size, as magedit_lab.strokes.rasterise does. */
export function draw(context, strokes, width, height) {
  context.clearRect(0, 0, width, height);
  for (const stroke of strokes) {
    context.globalCompositeOperation = stroke.mode === "erase" ? "destination-out" : "source-over";
    context.fillStyle = context.strokeStyle = TINT;
    if (stroke.tool === "clear") context.clearRect(0, 0, width, height);
    else if (stroke.tool === "invert") {
      context.globalCompositeOperation = "xor";
      context.fillRect(0, 0, width, height);
    } else if (stroke.tool === "box") {
      const [x0, y0, x1, y1] = stroke.rect;
      context.fillRect(x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height);
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
export function strokeOf(tool, points, radius, erase) {
  const mode = erase || tool === "eraser" ? "erase" : "add";
  if (tool === "brush" || tool === "eraser") return points.length ? { tool: "brush", mode, points, radius } : null;
  if (tool === "box") return points.length > 1 ? { tool, mode, rect: [...points[0], ...points.at(-1)] } : null;
  return points.length > 2 ? { tool, mode, points } : null;
}

function element(name, settings = {}, ...children) {
  const made = Object.assign(document.createElement(name), settings);
  made.append(...children);
  return made;
}

function button(text, action, label = text) {
  const made = element("button", { type: "button", textContent: text });
  made.setAttribute("aria-label", label);
  made.addEventListener("click", action);
  return made;
}

function range(text, min, max, step, value, action) {
  const made = element("input", { type: "range", min, max, step, value });
  made.addEventListener("input", () => action(Number(made.value)));
  return [element("label", {}, text, made), made];
}

function render({ model, el }) {
  const [wide, high] = model.get("_size");
  const longest = Math.min(768, Math.max(wide, high) * 4) / Math.max(wide, high);
  const width = Math.round(wide * longest), height = Math.round(high * longest);
  let points = [], drawing = false, erase = false, cursor = [0.5, 0.5], keys = false, zoom = 1;

  const url = URL.createObjectURL(new Blob([model.get("_picture")], { type: "image/png" }));
  const picture = element("img", { src: url, alt: "the picture to paint a mask on" });
  const shown = element("canvas", { width, height, className: "mask" });
  const paint = element("canvas", { width, height, className: "paint", tabIndex: 0 });
  shown.setAttribute("aria-hidden", "true");
  paint.setAttribute("role", "application");
  paint.setAttribute("aria-label", "Mask: arrow keys move the cursor (shift: finer), space paints or sets a corner, "
    + "enter closes a shape, escape drops it, brackets change the brush, control z undoes");
  const stage = element("div", { className: "stage" }, picture, shown, paint);
  stage.style.aspectRatio = `${wide} / ${high}`;
  const scroll = element("div", { className: "scroll" }, stage);

  const status = element("p", { className: "status" });
  status.setAttribute("role", "status");
  status.setAttribute("aria-live", "polite");
  const say = (text, error = false) => {
    status.textContent = text;
    status.classList.toggle("error", error);
  };

  // ---------------------------------------------------------------- the truth

  function put(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  }
  function append(stroke) {
    put({ strokes: [...model.get("strokes"), stroke], undone: [], status: "" });
  }
  function undo() {
    const strokes = model.get("strokes");
    if (strokes.length) put({ strokes: strokes.slice(0, -1), undone: [...model.get("undone"), strokes.at(-1)] });
  }
  function redo() {
    const undone = model.get("undone");
    if (undone.length) put({ strokes: [...model.get("strokes"), undone.at(-1)], undone: undone.slice(0, -1) });
  }

  // ---------------------------------------------------------------- what is shown

  function redraw() {
    const made = strokeOf(model.get("tool"), points, model.get("radius"), erase);
    draw(shown.getContext("2d"), made ? [...model.get("strokes"), made] : model.get("strokes"), width, height);
    shown.style.opacity = model.get("opacity");
    const context = paint.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (points.length && !["brush", "eraser"].includes(model.get("tool"))) outline(context);
    if (keys || drawing) cross(context);
  }
  function twice(context, path) {
    for (const [colour, line] of [["#202020", 4], ["#ffffff", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.beginPath();
      path();
      context.stroke();
    }
  }
  function outline(context) {
    const ends = drawing && model.get("tool") !== "polygon" ? points : [...points, cursor];
    const [x0, y0] = points[0], [x1, y1] = ends.at(-1);
    twice(context, () => {
      if (model.get("tool") === "box") context.rect(x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height);
      else ends.forEach(([x, y]) => context.lineTo(x * width, y * height));
    });
  }
  function cross(context) {
    const [x, y] = [cursor[0] * width, cursor[1] * height];
    const round = ["brush", "eraser"].includes(model.get("tool"));
    twice(context, () => {
      context.moveTo(x - 8, y), context.lineTo(x + 8, y), context.moveTo(x, y - 8), context.lineTo(x, y + 8);
      if (!round) return;
      const radius = model.get("radius") * Math.min(width, height);
      context.moveTo(x + radius, y), context.arc(x, y, radius, 0, 7);
    });
  }

  // ---------------------------------------------------------------- gestures

  function finish() {
    const stroke = strokeOf(model.get("tool"), points, model.get("radius"), erase);
    const begun = points.length;
    points = [];
    drawing = false;
    if (stroke) append(stroke);
    else if (begun) say("A shape needs three corners, a box two; nothing was added.");
    redraw();
  }
  function drop() {
    points = [];
    drawing = false;
    redraw();
  }
  const at = (event) => {
    const box = paint.getBoundingClientRect();
    const inside = (value) => Math.min(1, Math.max(0, value));
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)]
      .map((x) => Math.round(x * 1e4) / 1e4);
  };
  paint.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 && event.button !== 5) return;
    event.preventDefault();
    paint.focus({ preventScroll: true });
    paint.setPointerCapture(event.pointerId);
    erase = event.altKey || event.button === 5 || eraseBox.checked;
    cursor = at(event);
    keys = false;
    if (model.get("tool") === "polygon") {
      points = [...points, cursor];
      return redraw();
    }
    drawing = true;
    points = [cursor];
    redraw();
  });
  paint.addEventListener("pointermove", (event) => {
    if (!drawing && !(points.length && model.get("tool") === "polygon")) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length ? moves : [event]) {
      cursor = at(move);
      if (drawing && model.get("tool") === "box") points = [points[0], cursor];
      else if (drawing) points.push(cursor);
    }
    redraw();
  });
  paint.addEventListener("pointerup", () => drawing && finish());
  paint.addEventListener("pointercancel", () => drawing && drop());
  paint.addEventListener("dblclick", () => {
    if (model.get("tool") !== "polygon") return;
    points = points.slice(0, -1); // the second click of the two set the same corner again
    finish();
  });

  function space() {
    const tool = model.get("tool");
    erase = eraseBox.checked;
    points = [...points, cursor];
    if (tool === "brush" || tool === "eraser" || (tool === "box" && points.length === 2)) return finish();
    say(tool === "box" ? "First corner set; move and press space for the other." : `${points.length} corners set.`);
    redraw();
  }
  function move(x, y, fine) {
    const step = fine ? 0.002 : 0.02;
    const inside = (value) => Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
    cursor = [inside(cursor[0] + x * step), inside(cursor[1] + y * step)];
    keys = true;
    say(`cursor at ${cursor.map((c) => c.toFixed(3)).join(", ")}`);
    redraw();
  }
  const actions = {
    ArrowLeft: (event) => move(-1, 0, event.shiftKey), ArrowRight: (event) => move(1, 0, event.shiftKey),
    ArrowUp: (event) => move(0, -1, event.shiftKey), ArrowDown: (event) => move(0, 1, event.shiftKey),
    " ": space, Enter: finish, Escape: drop,
    "[": () => resize(model.get("radius") / 1.25), "]": () => resize(model.get("radius") * 1.25),
  };
  paint.addEventListener("keydown", (event) => {
    const action = event.ctrlKey || event.metaKey ? null : actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // else Jupyter takes arrows and brackets for its own
    action(event);
  });
  const root = element("div", { className: "mag" });
  root.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || !["z", "Z", "y"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    event.key === "z" && !event.shiftKey ? undo() : redo();
  });
  paint.addEventListener("focus", () => { keys = paint.matches(":focus-visible"); redraw(); });
  paint.addEventListener("blur", () => { keys = false; redraw(); });

  // ---------------------------------------------------------------- controls

  const tools = SHAPES.map((name) => button(name, () => { drop(); put({ tool: name }); }));
  const resize = (radius) => put({ radius: Math.min(0.5, Math.max(0.002, radius)) });
  const [sizeLabel, size] = range("brush size", 0.005, 0.25, 0.005, model.get("radius"), resize);
  const [opacityLabel, opacity] = range("opacity", 0, 1, 0.05, model.get("opacity"), (o) => put({ opacity: o }));
  const [zoomLabel] = range("zoom", 1, 4, 0.25, 1, (value) => {
    const [x, y] = [scroll.scrollLeft + scroll.clientWidth / 2, scroll.scrollTop + scroll.clientHeight / 2];
    stage.style.width = `${100 * value}%`;
    scroll.scrollTo(x * (value / zoom) - scroll.clientWidth / 2, y * (value / zoom) - scroll.clientHeight / 2);
    zoom = value;
  });
  const eraseBox = element("input", { type: "checkbox" });
  const undoButton = button("undo", undo), redoButton = button("redo", redo);
  const fields = ["left", "top", "right", "bottom"].map((name, i) => {
    const field = element("input", { type: "number", min: 0, max: 1, step: 0.01, value: i < 2 ? 0.25 : 0.75 });
    return [element("label", {}, name, field), field];
  });
  const addBox = button("add box", () => {
    const rect = fields.map(([, field]) => field.valueAsNumber);
    if (rect.some((x) => !(x >= 0 && x <= 1))) return say("Expected four numbers from 0 to 1.", true);
    append({ tool: "box", mode: eraseBox.checked ? "erase" : "add", rect });
  }, "add a box with these four sides");
  const row = (...parts) => element("div", { className: "row" }, ...parts);
  const toolbar = row(...tools, element("label", {}, eraseBox, "shapes erase"));
  toolbar.setAttribute("role", "toolbar");
  toolbar.setAttribute("aria-label", "tools");
  root.append(
    toolbar,
    row(undoButton, redoButton, button("invert", () => append({ tool: "invert" })),
      button("clear", () => append({ tool: "clear" })), button("close shape", finish, "close the polygon or lasso")),
    row(sizeLabel, opacityLabel, zoomLabel),
    scroll,
    element("fieldset", {}, element("legend", { textContent: "box by numbers, 0 to 1" }),
      row(...fields.map(([label]) => label), addBox)),
    status,
  );
  el.append(root);

  function refresh() {
    tools.forEach((made, i) => made.setAttribute("aria-pressed", String(SHAPES[i] === model.get("tool"))));
    undoButton.disabled = !model.get("strokes").length;
    redoButton.disabled = !model.get("undone").length;
    size.value = model.get("radius");
    opacity.value = model.get("opacity");
    redraw();
  }
  const complain = () => model.get("status") && say(model.get("status"), true);
  const told = () => {
    const count = model.get("strokes").length;
    say(`${count} ${count === 1 ? "stroke" : "strokes"}`);
    refresh();
  };
  const watched = { "change:undone": refresh, "change:tool": refresh, "change:radius": refresh,
    "change:opacity": refresh, "change:strokes": told, "change:status": complain };
  Object.entries(watched).forEach(([name, action]) => model.on(name, action));
  refresh();
  complain();
  return () => {
    Object.entries(watched).forEach(([name, action]) => model.off(name, action));
    URL.revokeObjectURL(url);
  };
}

export default { render };
