// The browser's side of LiveRun: buttons and settings go to the kernel, curves and pictures come from it.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 420, HEIGHT = 150, EDGE = 34;
const FIELDS = [["loss", "loss"], ["iterations", "iterations"], ["step_size", "step size"], ["steps", "steps"],
  ["guidance_scale", "guidance scale"]];

/** Points of a curve in a box, logarithmic; values of 0 and below are left out. */
export function points(values, low, high, width, height, edge) {
  const y = (v) => height - edge / 2 - ((Math.log(v) - low) / Math.max(high - low, 1e-9)) * (height - edge);
  const x = (i) => edge + (i / Math.max(values.length - 1, 1)) * (width - edge - 4);
  return values.map((v, i) => [v, i]).filter(([v]) => v > 0).map(([v, i]) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
}

/** Seconds as a person says them. */
export function left(seconds) {
  if (seconds === null || seconds === undefined) return "";
  return seconds < 90 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`;
}

function element(name, settings = {}, ...children) {
  const made = Object.assign(document.createElement(name), settings);
  made.append(...children);
  return made;
}

function vector(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A chart of one or more curves: [name, colour, dashes]. */
function chart(title, curves) {
  const svg = vector("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  const figure = element("figure", {}, svg, element("figcaption", { textContent: title }));
  const draw = (data) => {
    const all = curves.flatMap(([name]) => data[name] ?? []).filter((v) => v > 0).map(Math.log);
    svg.replaceChildren();
    if (!all.length) return;
    const low = all.reduce((a, b) => Math.min(a, b)), high = all.reduce((a, b) => Math.max(a, b));
    for (const [value, y] of [[high, 14], [low, HEIGHT - EDGE / 2]])
      svg.append(vector("text", { x: 0, y }, Number(Math.exp(value).toPrecision(3))));
    for (const [name, colour, dashes] of curves)
      svg.append(vector("polyline", { points: points(data[name] ?? [], low, high, WIDTH, HEIGHT, EDGE), fill: "none",
        stroke: colour, "stroke-width": 2, "stroke-dasharray": dashes }));
  };
  return { figure, draw };
}

function render({ model, el }) {
  const send = (action) => model.send({ do: action });
  const buttons = Object.fromEntries(["run", "pause", "resume", "cancel"].map((name) => {
    const made = element("button", { type: "button", textContent: name });
    made.addEventListener("click", () => send(name));
    return [name, made];
  }));
  const inputs = FIELDS.map(([name, text]) => {
    const words = name === "loss";
    const input = words
      ? element("select", {}, ...["token_ratio", "spatial_ratio"].map((v) => element("option", { value: v, textContent: v })))
      : element("input", { type: "number", min: 0, step: name === "iterations" || name === "steps" ? 1 : "any" });
    input.addEventListener("change", () => {
      model.set("settings", { ...model.get("settings"), [name]: words ? input.value : Number(input.value) });
      model.save_changes();
    });
    return [name, input, element("label", {}, text, input)];
  });
  const bar = element("progress", { max: 1, value: 0 });
  bar.setAttribute("aria-label", "progress of the run");
  const time = element("span"), status = element("p", { className: "status" });
  status.setAttribute("role", "status");
  const picture = element("img", { alt: "the finished picture as this step foresees it", width: 256 });
  const loss = chart("Loss at every nudge", [["loss", "#0072b2", "none"]]);
  const size = chart("Size of the gradient: inside the mask solid blue, outside dashed orange",
    [["inside", "#0072b2", "none"], ["outside", "#e69f00", "6 4"]]);

  const row = (...children) => element("div", { className: "row" }, ...children);
  const settings = element("fieldset", {}, element("legend", { textContent: "settings of the next run" }),
    row(...inputs.map(([, , label]) => label)));
  const charts = element("div", {}, loss.figure, size.figure);
  charts.style.flex = "1 1 300px";
  el.append(element("div", { className: "mag" }, settings, row(...Object.values(buttons), bar, time), status,
    row(picture, charts)));

  let url;
  const show = () => {
    const state = model.get("state"), busy = state === "running" || state === "paused";
    buttons.run.disabled = busy;
    buttons.pause.disabled = state !== "running";
    buttons.resume.disabled = state !== "paused";
    buttons.cancel.disabled = !busy;
    for (const [name, input] of inputs) if (document.activeElement !== input) input.value = model.get("settings")[name];
    bar.max = Math.max(model.get("of"), 1);
    bar.value = model.get("done");
    time.textContent = busy ? left(model.get("left")) : "";
    status.textContent = `${state}: ${model.get("status")}`;
    status.classList.toggle("error", state === "failed" || model.get("status").startsWith("expected"));
    loss.draw(model.get("_curves"));
    size.draw(model.get("_curves"));
  };
  const paint = () => {
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(new Blob([model.get("_preview")], { type: "image/png" }));
    picture.src = url;
  };
  model.on("change", show);
  model.on("change:_preview", paint);
  show();
  paint();
  return () => {
    model.off("change", show);
    model.off("change:_preview", paint);
    URL.revokeObjectURL(url);
  };
}

export default { render };
