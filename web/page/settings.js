// What can be dragged before a run: nudges, step size, tau, and the rest behind a fold.

import { element } from "../../widgets/shared/dom.js";

export const FIRST = { nudges: 3, stepSize: 5, tau: 10, steps: 20, guidance: 4, loss: "token" };
const SLIDERS = [
  ["nudges", "nudges a step", 0, 15, 1],
  ["stepSize", "step size δ", 0, 40, 0.5],
  ["tau", "guided steps τ", 0, 20, 1],
];
const FURTHER = [
  ["steps", "steps", 5, 50, 1],
  ["guidance", "guidance", 1, 10, 0.5],
];

function slider(store, [name, text, least, most, by]) {
  const input = element("input", { type: "range", min: least, max: most, step: by }),
    value = element("output");
  input.addEventListener("input", () => {
    const settings = { ...store.get().settings, [name]: Number(input.value) };
    store.set({ settings: { ...settings, tau: Math.min(settings.tau, settings.steps) } });
  });
  input.setAttribute("aria-label", text);
  const label = element("label", { className: "setting" }, element("span", { textContent: text }), value, input);
  const draw = ({ settings }) => {
    if (name === "tau") input.max = settings.steps;
    input.value = settings[name];
    value.textContent = settings[name];
    input.style.setProperty("--done", `${(100 * (settings[name] - least)) / (Number(input.max) - least)}%`);
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
