// The browser's side of Ablate: a slider over values; what was not run yet is asked of the kernel.

import { makeChart } from "./shared/chart.js";
import { addresses, button, element, listen, panel, row, sender, slider, statusLine } from "./shared/dom.js";
import { statusOf, watchKernel } from "./shared/kernel.js";

/** The curves of all runs, the one shown last and bold: what the chart draws. */
export function curvesOf(cells, texts, at) {
  const curve = ({ losses, spots }, look) => ({ values: losses, spots, ...look });
  const others = cells.filter(({ losses }, i) => losses.length && i !== at);
  const lines = others.map((cell, n) =>
    curve(cell, { name: n ? "" : "other values", colour: "var(--soft)", width: 1.5 }),
  );
  if (cells[at].losses.length) lines.push(curve(cells[at], { name: texts[at], colour: "var(--accent)", width: 3.5 }));
  return lines;
}

/** What each value is called below the slider. */
export function mark(text, cell, running) {
  return `${text}${cell.there ? "" : running ? " …" : " ?"}`;
}

/** The places that can be run: the one shown if it is missing, and all that are. */
export function missing(cells) {
  return cells.map((cell, i) => (cell.there ? -1 : i)).filter((i) => i >= 0);
}

/** Value by value: {parts, refresh}. */
function makeValues(model, put) {
  const texts = model.get("_texts"),
    setting = model.get("_setting").replaceAll("_", " ");
  const value = slider(setting, (at) => put({ at }));
  const ticks = texts.map((text, i) => button(text, () => put({ at: i }), `${setting} ${text}`));
  const marks = element("div", { className: "ticks" }, ...ticks);
  const refresh = (at, cells) => {
    value.show(at, texts.length - 1, `${texts[at]}${cells[at].there ? "" : ", not run yet"}`);
    ticks.forEach((tick, i) => {
      tick.textContent = mark(texts[i], cells[i], i === model.get("_running"));
      tick.setAttribute("aria-pressed", String(i === at));
    });
  };
  return { parts: element("div", { className: "sliders" }, value.row, marks), refresh };
}

/** Run, cancel and how far it is: {parts, refresh}. */
function makeButtons(model, run) {
  const one = button("run this value", () => run([model.get("at")]));
  const all = button("run all missing", () => run(missing(model.get("_cells"))));
  const cancel = button("cancel", () => model.send({ do: "cancel" }), "cancel the run");
  one.classList.add("main");
  const bar = element("progress", { max: 1, value: 0 });
  bar.setAttribute("aria-label", "progress of the run");
  const refresh = (at, cells) => {
    const busy = ["running", "paused"].includes(model.get("state"));
    one.disabled = busy || cells[at].there;
    all.disabled = busy || !missing(cells).length;
    cancel.disabled = !busy;
    bar.max = Math.max(model.get("of"), 1);
    bar.value = model.get("done");
  };
  return { parts: row(one, all, cancel, bar), refresh };
}

/** The source, and what the value made of it: {parts, refresh, reload, stop}. */
function makePictures(model) {
  const source = addresses({ source: model.get("_source") });
  const before = element("img", { src: source.urls.source, alt: "the source" }),
    after = element("img", { alt: "" });
  const caption = element("figcaption"),
    scores = element("ul"),
    blank = element("div", { className: "blank" });
  let made = addresses({});
  const reload = () => {
    made.free();
    made = addresses(
      Object.fromEntries(
        model
          .get("_pictures")
          .map((data, i) => [i, data])
          .filter(([, d]) => d.byteLength),
      ),
    );
  };
  const refresh = (at, cells) => {
    const text = `${model.get("_setting").replaceAll("_", " ")} ${model.get("_texts")[at]}`,
      there = at in made.urls;
    caption.textContent = text;
    after.hidden = !there;
    blank.hidden = there;
    blank.textContent = at === model.get("_running") ? "running …" : "not run yet";
    if (there && after.src !== made.urls[at]) after.src = made.urls[at];
    after.alt = `the edit with ${text}`;
    scores.replaceChildren(...cells[at].scores.map((one) => element("li", { textContent: one })));
  };
  const parts = element(
    "div",
    { className: "stages" },
    element("figure", {}, before, element("figcaption", {}, "source")),
    element("figure", {}, after, blank, caption, scores),
  );
  return {
    parts,
    refresh,
    reload,
    stop: () => {
      made.free();
      source.free();
    },
  };
}

function render({ model, el }) {
  let waiting = ""; // what is said between a press of run and the kernel's answer
  const run = (places) => {
    waiting = kernel.asked();
    model.send({ do: "run", places });
    refresh();
  };
  const put = sender(model),
    values = makeValues(model, put),
    buttons = makeButtons(model, run),
    pictures = makePictures(model);
  const chart = makeChart("Loss at every nudge"),
    [line, say] = statusLine();
  el.append(
    panel(
      "ablate",
      values.parts,
      buttons.parts,
      element(
        "div",
        { className: "split" },
        element("div", { className: "pictures" }, pictures.parts),
        element("div", { className: "side" }, chart.figure, line),
      ),
    ),
  );

  const refresh = () => {
    const at = model.get("at"),
      cells = model.get("_cells");
    [values, buttons, pictures].forEach((part) => part.refresh(at, cells));
    const lines = curvesOf(cells, model.get("_texts"), at),
      last = Math.max(0, ...lines.flatMap(({ spots }) => spots));
    chart.draw({ lines, count: last + 1, ends: lines.length ? ["step 0", `step ${Math.floor(last)}`] : [] });
    say(...statusOf(model, kernel, waiting));
  };
  const kernel = watchKernel(model.widget_manager, refresh);
  const answered = () => {
    waiting = "";
  };
  const stop = listen(model, {
    "change:state": answered,
    "change:status": answered,
    "change:done": answered,
    change: refresh,
    "change:_pictures": () => {
      pictures.reload();
      refresh();
    },
  });
  pictures.reload();
  refresh();
  return () => {
    stop();
    kernel.stop();
    chart.stop();
    pictures.stop();
  };
}

export default { render };
