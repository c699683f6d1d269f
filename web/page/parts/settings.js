// What can be dragged before a run: nudges, step size, tau, and the rest behind a fold.

import { element } from "../../../widgets/shared/dom.js";

export const FIRST = { nudges: 3, stepSize: 5, tau: 10, steps: 20, guidance: 4, loss: "token" };
const SLIDERS = [
  ["nudges", "nudges a step", 0, 15, 1],
  ["stepSize", "step size δ", [0, 0.5, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200]],
  ["tau", "guided steps τ", 0, 20, 1],
];
const FURTHER = [
  ["steps", "steps", 5, 50, 1],
  ["guidance", "guidance", 1, 10, 0.5],
];

/** The place of a value among choices: the nearest. */
export function nearest(choices, value) {
  const far = choices.map((choice) => Math.abs(choice - value));
  return far.indexOf(Math.min(...far));
}

/** A labelled slider, from least to most, or over choices of a list. */
function slider(store, [name, text, least, most, by]) {
  const choices = Array.isArray(least) ? least : null,
    first = choices ? 0 : least;
  const input = element("input", {
      type: "range",
      min: first,
      max: choices ? choices.length - 1 : most,
      step: by ?? 1,
    }),
    value = element("output");
  input.addEventListener("input", () => {
    const chosen = choices ? choices[Number(input.value)] : Number(input.value);
    const settings = { ...store.get().settings, [name]: chosen };
    store.set({ settings: { ...settings, tau: Math.min(settings.tau, settings.steps) } });
  });
  input.setAttribute("aria-label", text);
  const label = element("label", { className: "setting" }, element("span", { textContent: text }), value, input);
  const draw = ({ settings }) => {
    if (name === "tau") input.max = settings.steps;
    input.value = choices ? nearest(choices, settings[name]) : settings[name];
    value.textContent = settings[name];
    input.setAttribute("aria-valuetext", settings[name]);
    input.style.setProperty("--done", `${(100 * (input.value - first)) / (input.max - first)}%`);
  };
  return { label, draw };
}

function lossChoice(store) {
  const input = element(
    "select",
    {},
    element("option", { value: "token", textContent: "token ratio (Eq. 1)" }),
    element("option", { value: "spatial", textContent: "spatial ratio (Eq. 2)" }),
  );
  input.addEventListener("change", () => store.set({ settings: { ...store.get().settings, loss: input.value } }));
  const draw = ({ settings }) => {
    input.value = settings.loss;
  };
  return { label: element("label", { className: "setting" }, element("span", { textContent: "loss" }), input), draw };
}

/** {draw(state)} into the elements given. */
export function makeSettings(root, further, store) {
  const first = SLIDERS.map((row) => slider(store, row)),
    more = [...FURTHER.map((row) => slider(store, row)), lossChoice(store)];
  root.append(...first.map(({ label }) => label));
  further.append(...more.map(({ label }) => label));
  return { draw: (state) => [...first, ...more].forEach((part) => part.draw(state)) };
}

/** Whether a run was made with other settings, words, or mask than the page has now. */
export function stale(run, { settings, target, words, mask }) {
  const asked = run?.request;
  if (!asked) return false;
  const own = run.method === "p2p+mag-edit" ? Object.keys(FIRST) : ["steps", "guidance"];
  return (
    own.some((name) => asked.settings[name] !== settings[name]) ||
    asked.target !== target ||
    asked.words.join() !== words.join() ||
    asked.mask !== mask
  );
}
