// The list of regions beside MaskPainter: which is painted, its edit word and its weight.

import { button, element, row } from "./dom.js";
import { ofRegion } from "./strokes.js";

/** Regions with one of them changed. */
export function changed(regions, index, values) {
  return regions.map((region, i) => (i === index ? { ...region, ...values } : region));
}

/** Choices of words for a region: those on offer, and its own where that isn't among them. */
export function choices(words, own) {
  const all = own && !words.includes(own) ? [...words, own] : words;
  return [["", "choose a word"], ...all.map((word) => [word, word])];
}

/** A fieldset that shows and changes a model's regions: {field, refresh}. `put` sends changes. */
export function regionList(model, put) {
  const list = element("div");
  const name = element("input", { type: "text", placeholder: "name", maxLength: 40 });
  name.setAttribute("aria-label", "name of a new region");
  const add = () => {
    if (!name.value.trim()) return name.focus();
    const made = { name: name.value.trim(), word: "", weight: 1 };
    put({ regions: [...model.get("regions"), made], active: made.name });
    name.value = "";
  };
  name.addEventListener("keydown", (event) => event.key === "Enter" && add());
  const field = element(
    "fieldset",
    {},
    element("legend", { textContent: "regions: paint one for each edit word" }),
    list,
    row(name, button("add region", add)),
  );
  const refresh = () => {
    const held = list.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    list.replaceChildren(...model.get("regions").map((region, i) => line(model, put, region, i)));
    if (held) list.querySelector(`[data-key="${held}"]`)?.focus();
  };
  return { field, refresh };
}

function line(model, put, region, index) {
  const keyed = (made, key) => {
    made.dataset.key = `${key}${index}`;
    return made;
  };
  const change = (values) => put({ regions: changed(model.get("regions"), index, values) });
  const pick = keyed(
    button(region.name, () => put({ active: region.name }), `paint region ${region.name}`),
    "pick",
  );
  pick.setAttribute("aria-pressed", String(model.get("active") === region.name));
  const tints = model.get("_tints");
  const swatch = element("span", { className: "swatch" });
  swatch.style.background = tints[index % tints.length];
  const word = keyed(wordInput(model.get("words"), region.word), "word");
  word.setAttribute("aria-label", `edit word of region ${region.name}`);
  word.addEventListener("change", () => change({ word: word.value.trim() }));
  const weight = keyed(element("input", { type: "number", min: 0, step: 0.1, value: region.weight }), "weight");
  weight.addEventListener("change", () => change({ weight: weight.valueAsNumber || 0 }));
  const lambda = element("span", { textContent: `λ ${(model.get("_lambdas")[index] ?? 0).toFixed(2)}` });
  const own = ofRegion(model.get("strokes"), region.name).length;
  const remove = keyed(
    button(
      "remove",
      () => {
        if (!own || remove.textContent !== "remove") return drop(model, put, region.name);
        remove.textContent = `remove ${own} ${own === 1 ? "stroke" : "strokes"} too?`; // undo brings no region back
      },
      `remove region ${region.name}`,
    ),
    "drop",
  );
  remove.disabled = model.get("regions").length < 2;
  return row(swatch, pick, word, element("label", {}, "weight", weight), lambda, remove);
}

function wordInput(words, own) {
  if (!words.length) return element("input", { type: "text", value: own, placeholder: "edit word", size: 12 });
  const made = element(
    "select",
    {},
    ...choices(words, own).map(([value, shown]) => element("option", { value, textContent: shown })),
  );
  made.value = own;
  return made;
}

/** A region goes with its strokes; in one message, else a stroke would be without its region for a moment. */
function drop(model, put, name) {
  const others = (strokes) => strokes.filter((stroke) => (stroke.region ?? "mask") !== name);
  const regions = model.get("regions").filter((region) => region.name !== name);
  const active = model.get("active") === name ? regions[0].name : model.get("active");
  put({ regions, active, strokes: others(model.get("strokes")), undone: others(model.get("undone")) });
}
