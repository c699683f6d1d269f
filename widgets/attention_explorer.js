// The browser's side of AttentionExplorer: it has every map, and asks the kernel for nothing.

import { makeChart } from "./shared/chart.js";
import { addresses, element, fill, listen, panel, row, select, sender, slider, statusLine } from "./shared/dom.js";
import { bytes, colourBar, mapStage } from "./shared/maps.js";

const SPECIAL = { "<start>": "start token", "<end>": "end token and padding" };
const WATCHED = ["step", "nudge", "word", "branch", "site", "head", "view", "smooth", "opacity"];

/** A word as it stands in the list. */
export function listed({ word, edited }) {
  return edited ? `${word} (edited)` : (SPECIAL[word] ?? word);
}

/** A site's name, as short as it can be told from the others. */
export function shortSite(name) {
  return name.split(".transformer")[0].replace("_blocks.", " ").replace(".attentions.", " · ");
}

/** What is asked for, and what of it there is: {at, share, top, lot}. The lot names whose curve it is; -1 is no map.
 * state: {step, nudge, site, head}; word: an entry of the kernel's table; every: steps between two maps by head. */
export function found(word, branch, { step, nudge, site, head }, every) {
  const part = branch === "target" && word.sites[site]?.[head ?? ""];
  if (part) return { at: part.at[Math.floor(step / every)], share: part.share[step], top: part.top, lot: part.share };
  if (word.at[branch] === undefined) return { at: -1, share: null, top: word.top, lot: [] };
  const lot = word.share[branch],
    before = branch === "target" && nudge !== null ? (word.inner?.at[step][nudge] ?? -1) : -1;
  if (before >= 0) return { at: before, share: word.inner.share[step][nudge], top: word.top, lot };
  return { at: word.at[branch][step], share: lot[step], top: word.top, lot };
}

/** How many nudges of a step there are maps of. */
export function nudges(word, step) {
  return word.inner ? word.inner.at[step].filter((at) => at >= 0).length : 0;
}

const percent = (value) => (value === null || value === undefined ? "none" : `${(100 * value).toFixed(1)}%`);

/** What the browser was sent, by name. */
function unpack(model) {
  const meta = model.get("_meta"),
    cells = meta.width * meta.height,
    maps = bytes(model.get("_maps"));
  const masks = bytes(model.get("_masks")),
    cut = (data, i) => data.subarray(i * cells, (i + 1) * cells);
  const outlines = meta.words.map((_, i) => cut(masks, i));
  return {
    ...meta,
    plane: (i) => (i >= 0 ? cut(maps, i) : undefined),
    mask: (word) => outlines[meta.words.indexOf(word)],
    even: (mask) => mask.reduce((a, b) => a + b, 0) / cells,
  };
}

/** Lists to choose from: {parts, refresh}. */
function makeChoices(data, put) {
  const [wordLabel, word] = select(
    "word",
    data.words.map((w) => [w.word, listed(w)]),
    (v) => put({ word: v }),
  );
  const [branchLabel, branch] = select(
    "branch",
    [
      ["target", "target"],
      ["source", "source"],
      ["both", "target beside source"],
    ],
    (v) => put({ branch: v }),
  );
  const sites = Object.keys(data.heads);
  const [siteLabel, site] = select(
    "layer",
    [["", `mean of ${sites.length || "all"} layers`], ...sites.map((name) => [name, shortSite(name)])],
    (v) => put({ site: v, head: null }),
  );
  const [headLabel, head] = select("head", [["", "mean"]], (v) => put({ head: v === "" ? null : Number(v) }));
  const [viewLabel, view] = select(
    "show",
    [
      ["overlay", "over the step's picture"],
      ["map", "map alone"],
    ],
    (v) => put({ view: v }),
  );
  const [lookLabel, look] = select(
    "map as",
    [
      ["false", "cells"],
      ["true", "smooth"],
    ],
    (v) => put({ smooth: v === "true" }),
  );
  const opacity = element("input", { type: "range", min: 0, max: 1, step: 0.05 });
  opacity.addEventListener("input", () => put({ opacity: Number(opacity.value) }));
  const refresh = (state, shown) => {
    const split = shown.edited && sites.length > 0 && state.branch !== "source";
    const heads = data.heads[state.site] ?? 0;
    if (head.options.length !== heads + 1)
      fill(head, [
        ["", heads ? `mean of ${heads} heads` : "mean"],
        ...Array.from({ length: heads }, (_, i) => [i, `head ${i}`]),
      ]);
    for (const [input, name] of [
      [word, "word"],
      [branch, "branch"],
      [site, "site"],
      [view, "view"],
      [opacity, "opacity"],
    ])
      input.value = state[name];
    look.value = String(state.smooth);
    head.value = split ? (state.head ?? "") : "";
    if (!split) site.value = "";
    site.disabled = !split;
    head.disabled = !split || !heads;
    opacity.disabled = state.view === "map";
  };
  const parts = row(
    wordLabel,
    branchLabel,
    siteLabel,
    headLabel,
    viewLabel,
    lookLabel,
    element("label", {}, "opacity", opacity),
  );
  return { parts, refresh };
}

/** Step and nudge: {parts, refresh}. After its last nudge a step has its own map, the last place of the slider. */
function makeScrubbers(data, put, state) {
  const step = slider("step", (value) => put({ step: value }));
  const nudge = slider("nudge", (value) => put({ nudge: value < nudges(word(), state().step) ? value : null }));
  let word = () => data.words[0];
  const refresh = (at, shown) => {
    word = () => shown;
    step.show(
      at.step,
      data.times.length - 1,
      `${at.step} of 0–${data.times.length - 1}, timestep ${data.times[at.step]}`,
    );
    const count = at.branch === "source" || shown.sites[at.site] ? 0 : nudges(shown, at.step);
    const here = at.nudge === null || at.nudge >= count ? count : at.nudge;
    nudge.show(
      here,
      count,
      here < count
        ? `before nudge ${here}`
        : count
          ? `after all ${count}`
          : !shown.edited
            ? "of edit words only"
            : shown.sites[at.site]
              ? "of the mean only"
              : "none here",
    );
  };
  return { parts: element("div", { className: "sliders" }, step.row, nudge.row), refresh };
}

/** Which picture lies below a map: the target's is what its step foresees, where the run kept that; and what it is. */
export function ground(branch, step, foreseen) {
  if (branch === "source") return ["source", "source: the picture to edit"];
  if (step in foreseen) return [step, `target: the picture that step ${step} foresees`];
  return ["target", "target: the finished picture, as this run kept no others"];
}

/** Target and source, side by side where both are asked for: {figures, refresh}. */
function makeStages(data, model) {
  const foreseen = model.get("_foreseen");
  const { urls, free } = addresses({ ...model.get("_pictures"), ...foreseen }),
    table = bytes(model.get("_palette"));
  const stages = Object.fromEntries(
    ["target", "source"].map((branch) => [branch, mapStage(data.width, data.height, table, branch)]),
  );
  const figures = element("div", { className: "stages" }, ...Object.values(stages).map(({ figure }) => figure));
  const refresh = (state, shown, lots) => {
    for (const [branch, { figure, show }] of Object.entries(stages)) {
      figure.hidden = ![branch, "both"].includes(state.branch);
      if (figure.hidden) continue;
      const [name, said] = ground(branch, state.step, foreseen);
      show({
        url: urls[name],
        said,
        smooth: state.smooth,
        plane: data.plane(lots[branch].at),
        mask: data.mask(shown),
        alone: state.view === "map",
        opacity: state.opacity,
        text: told(branch, shown, state, lots[branch]),
      });
    }
  };
  return { figures, refresh, free, table };
}

/** What there is to see of a branch, in a line. */
export function told(branch, { word, at, sites }, { step, nudge, site, head }, { share, at: plane }) {
  const name = SPECIAL[word] ?? `“${word}”`;
  if (!at[branch]) return `The ${branch} branch has no attention of ${name}.`;
  if (plane === undefined || plane < 0) return `The ${branch} branch was not run at step ${step}.`;
  const part =
    branch === "target" && sites[site] ? ` at ${shortSite(site)}${head === null ? "" : `, head ${head}`}` : "";
  const when = branch === "target" && nudge !== null && !part ? `, before nudge ${nudge}` : "";
  return `${name} in the ${branch} branch${part}, step ${step}${when}: ${percent(share)} inside the mask.`;
}

/** The share inside the mask over the steps, and over the nudges of this one where there are maps of them. */
function drawShares(chart, within, data, shown, asked, lots, { step, nudge, branch, site }) {
  const looks = { target: { colour: "var(--accent)" }, source: { colour: "var(--second)", dash: "9 3 2 3" } };
  const lines = asked.filter((b) => lots[b].lot.length).map((b) => ({ name: b, values: lots[b].lot, ...looks[b] }));
  const format = (v) => `${(100 * v).toFixed(v > 0 && v < 0.0995 ? 1 : 0)}%`;
  chart.draw({
    lines,
    here: step,
    zero: true,
    format,
    mark: { value: data.even(data.mask(shown)), name: "if spread evenly" },
    ends: ["step 0", `step ${data.times.length - 1}`],
  });
  const count = branch === "source" || shown.sites[site] ? 0 : nudges(shown, step);
  within.figure.hidden = !count;
  if (!count) return;
  const values = [...shown.inner.share[step].slice(0, count), shown.share.target[step]];
  within.draw({
    lines: [{ values, ...looks.target }],
    here: nudge ?? count,
    format: percent,
    ends: ["before nudge 0", "after all"],
  });
}

function render({ model, el }) {
  const data = unpack(model),
    put = sender(model);
  const state = () => Object.fromEntries(WATCHED.map((name) => [name, model.get(name)]));
  const choices = makeChoices(data, put),
    scrubbers = makeScrubbers(data, put, state),
    stages = makeStages(data, model);
  const chart = makeChart("Attention inside the mask at each step: click to go there", (step) => put({ step }));
  const within = makeChart("At each nudge of this step", (place) =>
    put({ nudge: place < nudges(current(), model.get("step")) ? place : null }),
  );
  const current = () => data.words.find(({ word }) => word === model.get("word"));
  const scale = colourBar(stages.table),
    [line, say] = statusLine();
  el.append(
    panel(
      "explorer",
      choices.parts,
      element(
        "div",
        { className: "split" },
        element("div", { className: "pictures" }, stages.figures, scale.bar),
        element("div", { className: "side" }, scrubbers.parts, chart.figure, within.figure, line),
      ),
    ),
  );

  function refresh() {
    const now = state(),
      shown = current();
    const at = { ...now, nudge: now.nudge < nudges(shown, now.step) ? now.nudge : null };
    const lots = Object.fromEntries(["target", "source"].map((b) => [b, found(shown, b, at, data.every)]));
    const main = now.branch === "source" ? "source" : "target",
      asked = now.branch === "both" ? ["target", "source"] : [main];
    choices.refresh(now, shown);
    scrubbers.refresh(at, shown);
    stages.refresh(at, shown, lots);
    scale.say(`${lots[main].top.toPrecision(3)}, the same at every step: attention probability`);
    drawShares(chart, within, data, shown, asked, lots, at);
    const thin =
      data.every > 1 && shown.sites[now.site]
        ? ` Layers and heads are kept at one step in ${data.every}: the map is that of step ${at.step - (at.step % data.every)}.`
        : "";
    say(asked.map((b) => told(b, shown, at, lots[b])).join(" ") + thin, !(lots[main].at >= 0));
  }
  const complain = () => model.get("status") && say(model.get("status"), true);
  const stop = listen(model, {
    ...Object.fromEntries(WATCHED.map((name) => [`change:${name}`, refresh])),
    "change:status": complain,
  });
  refresh();
  return () => {
    stop();
    chart.stop();
    within.stop();
    stages.free();
  };
}

export default { render };
