// The browser's side of GradientInspector: maps and curves of every nudge, none of which needs the kernel.

import { digits, makeChart } from "./shared/chart.js";
import { addresses, element, listen, panel, row, select, sender, slider, statusLine } from "./shared/dom.js";
import { bytes, colourBar, mapStage, rescaled } from "./shared/maps.js";

const WATCHED = ["step", "nudge", "term", "scale", "view", "opacity"];
const LOOKS = [
  ["var(--accent)", "none"],
  ["var(--second)", "8 5"],
  ["var(--third)", "2 4"],
  ["var(--ink)", "9 3 2 3"],
];

/** Which of all nudges is shown; places: [step, nudge] of each. */
export function placeOf(places, step, nudge) {
  return places.findIndex(([s, n]) => s === step && n === nudge);
}

/** Where another step begins among all nudges. */
export function borders(places) {
  return places.flatMap(([step], i) => (i && places[i - 1][0] !== step ? [i] : []));
}

/** The same nudge of another of the guided steps, or that step's last one. */
export function nearest(places, step, nudge) {
  const last = Math.max(...places.filter(([s]) => s === step).map(([, n]) => n));
  return { step, nudge: Math.min(nudge, last) };
}

/** The curves inside and outside the mask, of the whole loss or of a word's own. */
export function sizes(curves, term) {
  return ["inside", "outside"].map((side) => curves[term ? `${side} ${term}` : side]);
}

/** The four charts: {figures, draw(place, term), stop}. */
function makeCharts({ places, curves, terms }, go) {
  const line = (name, values, i) => ({ name, values, colour: LOOKS[i % 4][0], dash: LOOKS[i % 4][1] });
  const all = [
    ["Size of the gradient", []],
    ["Each word's own loss", Object.entries(terms).map(([word, values], i) => line(`“${word}”`, values, i))],
    ["Step size δ", [line("", curves.step_size, 0)]],
    ["How far the latent moved", [line("", curves.moved, 0)]],
  ].map(([title, lines]) => ({ chart: makeChart(title, go), lines }));
  const edges = borders(places),
    ends = [`step ${places[0][0]}`, `step ${places.at(-1)[0]}`];
  return {
    figures: element("div", { className: "four" }, ...all.map(({ chart }) => chart.figure)),
    draw: (here, term) => {
      const [inside, outside] = sizes(curves, term);
      all[0].lines = [line("inside the mask", inside, 0), line("outside", outside, 1)];
      all.forEach(({ chart, lines }) => chart.draw({ lines, here, ends, borders: edges }));
    },
    stop: () => all.forEach(({ chart }) => chart.stop()),
  };
}

/** What is shown and how: {parts, refresh}. */
function makeLooks({ apart }, put) {
  const [termLabel, term] = select(
    "of",
    [["", "the whole loss"], ...apart.map((word) => [word, `the loss of “${word}”`])],
    (v) => put({ term: v }),
  );
  termLabel.hidden = !apart.length;
  const [scaleLabel, scale] = select(
    "colours",
    [
      ["run", "the same at every nudge"],
      ["nudge", "each nudge its own"],
    ],
    (v) => put({ scale: v }),
  );
  const [viewLabel, view] = select(
    "show",
    [
      ["overlay", "over the picture"],
      ["map", "map alone"],
    ],
    (v) => put({ view: v }),
  );
  const opacity = element("input", { type: "range", min: 0, max: 1, step: 0.05 });
  opacity.addEventListener("input", () => put({ opacity: Number(opacity.value) }));
  const refresh = (state) => {
    for (const [input, name] of [
      [term, "term"],
      [scale, "scale"],
      [view, "view"],
      [opacity, "opacity"],
    ])
      input.value = state[name];
    opacity.disabled = state.view === "map";
  };
  return { parts: row(termLabel, scaleLabel, viewLabel, element("label", {}, "opacity", opacity)), refresh };
}

/** Step and nudge, among the guided steps: {parts, refresh}. */
function makeScrubbers({ places, times }, put, state) {
  const steps = [...new Set(places.map(([step]) => step))];
  const step = slider("step", (i) => put(nearest(places, steps[i], state().nudge)));
  const nudge = slider("nudge", (value) => put({ nudge: value }));
  const refresh = (at) => {
    const count = places.filter(([s]) => s === at.step).length;
    step.show(steps.indexOf(at.step), steps.length - 1, `${at.step}, timestep ${times[at.step]}`);
    nudge.show(at.nudge, count - 1, `${at.nudge} of 0–${count - 1}`);
  };
  return { parts: element("div", { className: "sliders" }, step.row, nudge.row), refresh };
}

function render({ model, el }) {
  const meta = model.get("_meta"),
    { places, tops, curves, width, height } = meta,
    put = sender(model);
  const maps = bytes(model.get("_maps")),
    mask = bytes(model.get("_mask")),
    table = bytes(model.get("_palette"));
  const { urls, free } = addresses({ picture: model.get("_picture") });
  const state = () => Object.fromEntries(WATCHED.map((name) => [name, model.get(name)]));
  const looks = makeLooks(meta, put),
    scrubbers = makeScrubbers(meta, put, state),
    scale = colourBar(table);
  const stage = mapStage(width, height, table, "root mean square of the gradient over the latent's channels");
  const charts = makeCharts(meta, (i) => put({ step: places[i][0], nudge: places[i][1] })),
    [line, say] = statusLine();
  el.append(
    panel(
      "inspector",
      looks.parts,
      element(
        "div",
        { className: "split" },
        element("div", { className: "pictures" }, stage.figure, scale.bar),
        element("div", { className: "side" }, scrubbers.parts, charts.figures, line),
      ),
    ),
  );

  function refresh() {
    const now = state(),
      here = placeOf(places, now.step, now.nudge);
    if (here < 0) return; // between two messages: the step is there, its nudge is still to come
    const first = places.length * (1 + meta.apart.indexOf(now.term)),
      at = first + here,
      run = now.scale === "run";
    const plane = maps.subarray(at * width * height, (at + 1) * width * height);
    const top = Math.max(...tops.slice(first, first + places.length)),
      [inside, outside] = sizes(curves, now.term);
    const of = now.term ? ` of the loss of “${now.term}”` : "";
    const text =
      `Step ${now.step}, nudge ${now.nudge}: gradient${of} ${digits(inside[here])} inside the mask, ` +
      `${digits(outside[here])} outside; δ ${digits(curves.step_size[here])}; ` +
      `the latent moved by ${digits(curves.moved[here])}.`;
    stage.show({
      url: urls.picture,
      plane: run ? rescaled(plane, tops[at], top) : plane,
      mask,
      text,
      alone: now.view === "map",
      opacity: now.opacity,
    });
    scale.say(run ? `${digits(top)}, the same at every nudge` : `${digits(tops[at])}, of this nudge`);
    looks.refresh(now);
    scrubbers.refresh(now);
    charts.draw(here, now.term);
    say(text);
  }
  const complain = () => model.get("status") && say(model.get("status"), true);
  const stop = listen(model, {
    ...Object.fromEntries(WATCHED.map((name) => [`change:${name}`, refresh])),
    "change:status": complain,
  });
  refresh();
  return () => {
    stop();
    charts.stop();
    free();
  };
}

export default { render };
