// The browser's side of Predict: an answer goes to the kernel once, and what came out is put beside it.

import { element, listen, panel, row, statusLine } from "../shared/dom.js";
import { icon, iconButton } from "../shared/icons.js";
import { GONE, watchKernel } from "../shared/kernel.js";

/** How many of a class gave each choice. */
export function tally(choices, others) {
  return choices.map((choice) => others.filter((other) => other === choice).length);
}

/** How many numbers of a class lie in each of `count` equal parts from low to high. */
export function piles(others, low, high, count = 20) {
  const made = Array(count).fill(0);
  for (const other of others) made[Math.min(count - 1, Math.floor((count * (other - low)) / (high - low)))] += 1;
  return made;
}

/** Where a value lies between low and high, 0 to 1; what is outside is put to the end. */
export function along(value, low, high) {
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** A number with its unit, as the kernel says it. */
export function spoken(value, unit) {
  const digits = String(Number(value.toPrecision(4)));
  return digits + (["", "%", "°"].includes(unit) ? unit : ` ${unit}`);
}

let groups = 0; // radio buttons of two questions must not be one group

/** Choices as large buttons, each with the class's bar: {body, answer, refresh}. */
function makeChoices({ choices, text }, changed) {
  const group = `guess${groups++}`;
  const lines = choices.map((choice) => {
    const input = element("input", { type: "radio", name: group, value: choice });
    input.addEventListener("change", changed);
    const bar = element("span", { className: "share" }),
      note = element("span", { className: "note" });
    return { choice, input, bar, note, label: element("label", { className: "choice" }, bar, input, choice, note) };
  });
  const body = element("div", { className: "choices" }, ...lines.map(({ label }) => label));
  body.setAttribute("role", "radiogroup");
  body.setAttribute("aria-label", text);
  const refresh = ({ guess, outcome, others, closed }) => {
    const counts = tally(choices, others);
    lines.forEach(({ choice, input, bar, note, label }, i) => {
      input.disabled = closed;
      if (guess !== null) input.checked = choice === guess;
      bar.style.width = others.length ? `${(100 * counts[i]) / others.length}%` : "0";
      const said = [choice === guess && "your guess", choice === outcome && "what came out"].filter(Boolean);
      if (others.length) said.push(`${counts[i]} of ${others.length}`);
      note.textContent = said.join(" · ");
      label.classList.toggle("guessed", choice === guess);
      label.classList.toggle("out", choice === outcome);
    });
  };
  return { body, answer: () => lines.find(({ input }) => input.checked)?.choice ?? null, refresh };
}

/** A number on a slider, then a line with guess, outcome and the class: {body, answer, refresh}. */
function makeNumber({ low, high, unit, text }, changed) {
  let touched = false;
  const fine = { min: low, max: high, step: (high - low) / 200 };
  const slide = element("input", { type: "range", ...fine, value: (low + high) / 2, className: "wide" });
  const typed = element("input", { type: "number", min: low, max: high, step: "any", placeholder: "?" });
  slide.setAttribute("aria-label", text);
  typed.setAttribute("aria-label", `${text} As a number`);
  slide.addEventListener("input", () => {
    touched = true;
    typed.value = String(Number(slide.valueAsNumber.toPrecision(3)));
    changed();
  });
  typed.addEventListener("input", () => {
    touched = typed.value !== "";
    if (touched) slide.value = typed.value;
    changed();
  });
  const ask = row(element("span", { textContent: spoken(low, unit) }), slide);
  ask.append(element("span", { textContent: spoken(high, unit) }), typed, element("span", { textContent: unit }));
  const axis = element("div", { className: "axis" });
  const refresh = ({ guess, outcome, others, closed }) => {
    ask.hidden = closed;
    axis.hidden = !closed && !others.length;
    const from = Math.min(low, outcome ?? low),
      to = Math.max(high, outcome ?? high);
    const counts = piles(others, from, to),
      most = Math.max(1, ...counts);
    const bars = counts.map((count) => {
      const bar = element("span", { className: "pile", title: count ? `${count} of the class` : "" });
      bar.style.height = `${(100 * count) / most}%`;
      return bar;
    });
    const marks = [
      ["guessed", guess, "your guess"],
      ["out", outcome, "what came out"],
    ].filter(([, value]) => value !== null);
    const flags = marks.map(([name, value, said]) => {
      const flag = element("span", { className: `flag ${name}`, textContent: `${said}: ${spoken(value, unit)}` });
      flag.style.left = `${100 * along(value, from, to)}%`;
      if (along(value, from, to) > 0.5) flag.classList.add("left");
      return flag;
    });
    axis.replaceChildren(
      element("div", { className: "piles" }, ...bars),
      ...flags,
      element(
        "div",
        { className: "ends" },
        ...[from, to].map((v) => element("span", { textContent: spoken(v, unit) })),
      ),
    );
  };
  return {
    body: element("div", {}, ask, axis),
    answer: () => (touched && typed.value !== "" ? Number(typed.value) : null),
    refresh,
  };
}

/** The class's codes, pasted: a folded part. */
function makeClass(model) {
  const text = element("textarea", {
    rows: 3,
    placeholder: "paste the class's codes here, with whatever is around them",
  });
  text.setAttribute("aria-label", "codes of the class");
  const count = iconButton("class", "count them", () => model.send({ do: "pool", text: text.value }));
  return element(
    "details",
    { className: "folded" },
    element("summary", { textContent: "the class" }),
    text,
    row(count),
  );
}

function render({ model, el }) {
  const question = model.get("_question"),
    [line, say] = statusLine();
  const changed = () => {
    keep.disabled = kernel.gone() || part.answer() === null;
  };
  const part = question.choices.length ? makeChoices(question, changed) : makeNumber(question, changed);
  const keep = iconButton("check", "keep my guess", () => model.send({ do: "keep", guess: part.answer() }));
  keep.classList.add("main");
  const code = element("code"),
    copy = iconButton("copy", "copy", () => navigator.clipboard?.writeText(code.textContent), "copy the code");
  const coded = row("for the class:", code, copy),
    verdict = element("p", { className: "verdict" });
  const head = element("p", { className: "kicker" }, icon("predict"), "Predict");
  el.append(
    panel(
      "predict card",
      head,
      element("p", { className: "question", textContent: question.text }),
      part.body,
      row(keep, coded),
      verdict,
      makeClass(model),
      line,
    ),
  );
  function refresh() {
    const guess = model.get("guess") ?? null,
      outcome = model.get("outcome") ?? null,
      closed = guess !== null || outcome !== null;
    part.refresh({ guess, outcome, others: model.get("others"), closed });
    keep.hidden = closed;
    coded.hidden = guess === null;
    code.textContent = model.get("code");
    verdict.textContent = model.get("verdict");
    verdict.hidden = outcome === null;
    changed();
    if (kernel.gone() && !closed) say(GONE, true);
    else say(model.get("status"), model.get("status").startsWith("expected"));
  }
  const kernel = watchKernel(model.widget_manager, refresh);
  const watched = ["guess", "outcome", "others", "code", "verdict", "status"];
  const stop = listen(model, Object.fromEntries(watched.map((name) => [`change:${name}`, refresh])));
  refresh();
  return () => {
    stop();
    kernel.stop();
  };
}

export default { render };
