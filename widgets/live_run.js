// The browser's side of LiveRun: buttons and settings go to the kernel, curves and pictures come from it.

import { makeStrip, makeTimeLine } from "./progress/time_line.js";
import { makeChart } from "./shared/chart.js";
import { element, fill, listen, panel, row, select, sender, statusLine } from "./shared/dom.js";
import { iconButton } from "./shared/icons.js";
import { statusOf, watchKernel } from "./shared/kernel.js";

const OFTEN = ["loss", "iterations", "step_size", "stop_step", "steps", "guidance_scale"]; // shown without a click

/** Seconds as a person says them. */
export function left(seconds) {
  if (seconds === null || seconds === undefined) return "";
  return seconds < 90 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`;
}

/** What a field's text means to the kernel: a number, nothing for an empty one, or the choice itself. */
export function meaning(kind, choices, text) {
  if (kind === "choice") return choices.find((choice) => String(choice) === text);
  if (kind === "yes") return text === "true";
  return text.trim() === "" ? null : Number(text);
}

/** How a choice is read. */
export function spoken(value) {
  return value === null ? "as usual" : value === true ? "yes" : value === false ? "no" : String(value);
}

/** A setting's name as its field has it: MAG-Edit's base is the only one there is. */
export function labelled(name) {
  return name === "seed" ? "method's seed" : name.replace(/^base\./, "").replaceAll(/[._]/g, " ");
}

/** A labelled field for one setting; what it does is told to whoever rests on it. */
function settingField({ name, kind, choices, about }, model, put) {
  const list = kind === "choice" ? choices : kind === "yes" ? [true, false] : null;
  const input = list ? element("select") : element("input", { type: "number", step: kind === "number" ? "any" : 1 });
  input.setAttribute("aria-label", labelled(name));
  if (list)
    fill(
      input,
      list.map((value) => [String(value), spoken(value)]),
    );
  if (kind === "maybe-whole") input.placeholder = "usual";
  input.addEventListener("change", () =>
    put({ settings: { ...model.get("settings"), [name]: meaning(kind, choices, input.value) } }),
  );
  const refresh = () => {
    if (document.activeElement === input) return;
    const value = model.get("settings")[name];
    input.value = list ? String(value) : (value ?? "");
  };
  return { name, label: element("label", { title: about }, labelled(name), input), refresh };
}

/** Method, preset, inversion and seed, and every setting that they have: {parts, refresh}. */
function makeForm(model, put) {
  const [methodLabel, method] = select("method", [], (value) => put({ method_name: value }));
  const [presetLabel, preset] = select("preset", [], (value) => put({ preset: value }));
  const [inversionLabel, inversion] = select("inversion", [], (value) => put({ inversion_name: value }));
  const seed = element("input", { type: "number", min: 0, step: 1 });
  seed.addEventListener("change", () =>
    put({ seed: Math.min(4294967295, Math.max(0, Math.round(seed.valueAsNumber || 0))) }),
  );
  const often = row(),
    seldom = row();
  const more = element("details", {}, element("summary", { textContent: "every other setting" }), seldom);
  let fields = [];
  const rebuild = () => {
    const form = model.get("_form"),
      plain = (values) => values.map((value) => [value, value]);
    fill(method, plain(form.methods));
    fill(inversion, plain(form.inversions));
    fill(preset, plain(form.presets));
    presetLabel.hidden = !form.presets.length;
    fields = [...form.method, ...form.inversion].map((setting) => settingField(setting, model, put));
    const first = (one) => OFTEN.includes(one.name);
    often.replaceChildren(...fields.filter(first).map((one) => one.label));
    seldom.replaceChildren(...fields.filter((one) => !first(one)).map((one) => one.label));
    more.hidden = fields.every(first);
    refresh();
  };
  const refresh = () => {
    for (const [input, name] of [
      [method, "method_name"],
      [preset, "preset"],
      [inversion, "inversion_name"],
      [seed, "seed"],
    ])
      if (document.activeElement !== input || input !== seed) input.value = model.get(name);
    fields.forEach((field) => field.refresh());
  };
  const parts = element(
    "details",
    { className: "folded settings", open: !model.get("folded") },
    element("summary", { textContent: "settings of the next run" }),
    row(methodLabel, presetLabel, inversionLabel, element("label", {}, "seed", seed)),
    often,
    more,
  );
  return { parts, rebuild, refresh };
}

/** The loss, and the gradient's size, which is folded where there is little room. */
function makeCharts(folded) {
  const loss = makeChart("Loss at every nudge"),
    size = makeChart("Size of the gradient (root mean square)");
  const second = element(
    "details",
    { className: "folded", open: !folded },
    element("summary", { textContent: "size of the gradient" }),
    size.figure,
  );
  const box = element("div", { className: "charts" }, loss.figure, second);
  const draw = ({ loss: losses = [], inside = [], outside = [] }) => {
    const ends = losses.length ? ["nudge 0", `nudge ${losses.length - 1}`] : [];
    loss.draw({ lines: [{ values: losses, colour: "var(--accent)" }], ends });
    size.draw({
      lines: [
        { name: "inside the mask", values: inside, colour: "var(--accent)" },
        { name: "outside", values: outside, colour: "var(--second)", dash: "8 5" },
      ],
      ends,
    });
  };
  return {
    box,
    draw,
    stop: () => {
      loss.stop();
      size.stop();
    },
  };
}

function render({ model, el }) {
  const put = sender(model);
  let waiting = ""; // what is said between a press of run and the kernel's answer
  const press = (name) => {
    if (name !== "run") return model.send({ do: name });
    waiting = kernel.asked();
    put({ _runs: model.get("_runs") + 1 });
  };
  const buttons = Object.fromEntries(
    ["run", "pause", "resume", "cancel"].map((name) => [
      name,
      iconButton(name, name, () => press(name), `${name} the edit`),
    ]),
  );
  buttons.run.classList.add("main");
  const form = makeForm(model, put),
    charts = makeCharts(model.get("folded")),
    stages = makeTimeLine(),
    strip = makeStrip(),
    [line, say] = statusLine();
  const bar = element("progress", { max: 1, value: 0 });
  bar.setAttribute("aria-label", "progress of the run");
  const time = element("span");
  const picture = element("img"),
    caption = element("figcaption");
  el.append(
    panel(
      model.get("folded") ? "run narrow" : "run",
      element("div", { className: "result" }, element("figure", { className: "preview" }, picture, caption), strip.box),
      element(
        "div",
        { className: "controls" },
        row(...Object.values(buttons)),
        stages.box,
        bar,
        element("div", { className: "saying" }, line, time),
        form.parts,
        charts.box,
      ),
    ),
  );

  let url;
  const show = () => {
    const state = model.get("state"),
      busy = state === "running" || state === "paused";
    const usable = { run: !busy, pause: state === "running", resume: state === "paused", cancel: busy };
    Object.entries(usable).forEach(([name, can]) => {
      buttons[name].disabled = !can || kernel.gone();
    });
    buttons.pause.hidden = state === "paused";
    buttons.resume.hidden = state !== "paused";
    form.refresh();
    bar.max = Math.max(model.get("of"), 1);
    bar.value = model.get("done");
    time.textContent = busy ? left(model.get("left")) : "";
    picture.alt = caption.textContent = model.get("_caption");
    say(...statusOf(model, kernel, waiting));
    charts.draw(model.get("_curves"));
    stages.draw(model.get("_line"), state === "done");
  };
  const film = () => strip.draw(model.get("_film"));
  const paint = () => {
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(new Blob([model.get("_preview")]));
    picture.src = url;
  };
  const kernel = watchKernel(model.widget_manager, show);
  const answered = () => {
    waiting = "";
  };
  const stop = listen(model, {
    "change:state": answered,
    "change:status": answered,
    "change:done": answered,
    change: show,
    "change:_preview": paint,
    "change:_film": film,
    "change:_form": form.rebuild,
  });
  form.rebuild();
  show();
  paint();
  film();
  return () => {
    stop();
    kernel.stop();
    charts.stop();
    strip.stop();
    URL.revokeObjectURL(url);
  };
}

export default { render };
