// The browser's side of PromptEditor: prompts go to the kernel; their tokens, alignment and warnings come from it.

import { button, element, listen, panel, row, sender, statusLine, vector } from "./shared/dom.js";
import { iconButton } from "./shared/icons.js";
import { GONE, watchKernel } from "./shared/kernel.js";
import { curve, lost, shown, states, toggled } from "./shared/tokens.js";

const TITLES = {
  source: "source: what the picture shows",
  target: "target: what it should show",
  negative: "negative: what is to fade (may stay empty)",
};
const WAIT = 150; // milliseconds after the last key, before the kernel is asked
const MARKS = { new: "+", dropped: "−", common: "" };

/** A text field for one prompt, sent a moment after the last key. */
function field(model, name, put) {
  const input = element("input", { type: "text", value: model.get(name), spellcheck: false, maxLength: 2000 });
  let timer;
  const send = () => {
    clearTimeout(timer);
    put({ [name]: input.value });
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(send, WAIT);
  });
  input.addEventListener("change", send);
  const refresh = () => {
    if (document.activeElement !== input) input.value = model.get(name);
  };
  return {
    label: element("label", { className: "prompt" }, TITLES[name], input),
    refresh,
    stop: () => clearTimeout(timer),
  };
}

/** One token: a button where its word can be picked, else a plain box. Its column in the attention maps stands below. */
function chip({ text, word }, column, state, picked, pick) {
  const name = `${MARKS[state]}${shown(text)}`;
  const special = text.startsWith("<|");
  const made =
    pick && word
      ? button(name, () => pick(word), `${shown(text)}, ${state}; pick the word ${word}`)
      : element("span", { textContent: name });
  made.classList.add("token", state);
  if (pick && word) made.setAttribute("aria-pressed", String(picked.includes(word)));
  made.dataset.key = `${column}`;
  return element("li", { className: special ? "special" : "" }, made, element("small", { textContent: column }));
}

/** A row of tokens that keeps the keyboard's place when it is drawn anew. */
function fillRow(list, tokens, kinds, picked, pick) {
  const held = list.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  list.replaceChildren(...tokens.map((token, i) => chip(token, i, kinds[i], picked, pick)));
  if (held !== undefined) list.querySelector(`[data-key="${held}"]`)?.focus();
}

/** Lines between the tokens that both prompts have. */
function drawLines(svg, board, source, target, pairs) {
  const origin = board.getBoundingClientRect();
  const box = (list, i) => list.children[i].getBoundingClientRect();
  const lines = pairs
    .filter(([i, j]) => source.children[i] && target.children[j])
    .map(([i, j]) => {
      const a = box(source, i),
        b = box(target, j);
      return vector("path", {
        d: curve(
          a.left + a.width / 2 - origin.left,
          a.bottom - origin.top,
          b.left + b.width / 2 - origin.left,
          b.top - origin.top,
        ),
      });
    });
  svg.setAttribute("width", board.scrollWidth);
  svg.setAttribute("height", board.scrollHeight);
  svg.replaceChildren(...lines);
}

function makeBoard() {
  const lists = Object.fromEntries(
    ["source", "target", "negative"].map((name) => {
      const list = element("ol", { className: "tokens" });
      list.setAttribute("aria-label", `tokens of the ${name} prompt`);
      return [name, list];
    }),
  );
  const svg = vector("svg", { class: "lines", "aria-hidden": "true" });
  const board = element("div", { className: "board" }, svg, lists.source, lists.target);
  const legend = row(
    ...["common", "new", "dropped", "picked"].map((kind) =>
      element("span", { className: `token ${kind}`, textContent: `${MARKS[kind] ?? ""}${kind}` }),
    ),
  );
  legend.classList.add("legend");
  legend.prepend("tokens as the model reads them, numbered as in the attention maps:");
  return { lists, svg, board, scroll: element("div", { className: "boardscroll" }, board), legend };
}

function render({ model, el }) {
  const put = sender(model);
  const fields = ["source", "target", "negative"].map((name) => field(model, name, put));
  const { lists, svg, board, scroll, legend } = makeBoard();
  const [line, say] = statusLine();
  const warnings = element("ul", { className: "warnings" });
  const away = element("div", { className: "boardscroll" }, lists.negative),
    gone = row();
  const toggle = (name, word) => put({ [name]: toggled(model.get(name), word) });
  const root = panel(
    "prompts",
    element("div", { className: "pairfields" }, fields[0].label, fields[1].label),
    element("p", { className: "ask", textContent: "Click the words to be made true:" }),
    scroll,
    legend,
    element("div", { className: "negative" }, fields[2].label, away),
    warnings,
    gone,
    line,
  );
  const all = iconButton("more", "tokens", () => {
    all.setAttribute("aria-pressed", String(!root.classList.toggle("bare")));
    lines();
  });
  all.setAttribute("aria-label", "show how the model reads both prompts");
  all.setAttribute("aria-pressed", "false");
  if (model.get("folded")) {
    root.classList.add("bare", "narrow");
    root.querySelector(".ask").before(all);
  }
  el.append(root);

  const lines = () => drawLines(svg, board, lists.source, lists.target, model.get("_pairs"));
  function refresh() {
    const { source = [], target = [], negative = [] } = model.get("_tokens"),
      pairs = model.get("_pairs");
    fillRow(lists.source, source, states(source.length, pairs, 0), []);
    fillRow(lists.target, target, states(target.length, pairs, 1), model.get("words"), (word) => toggle("words", word));
    fillRow(
      lists.negative,
      negative,
      negative.map(() => "common"),
      model.get("negative_words"),
      (word) => toggle("negative_words", word),
    );
    away.hidden = !negative.length;
    gone.replaceChildren(
      ...[
        ["words", target],
        ["negative_words", negative],
      ].flatMap(([name, tokens]) =>
        lost(model.get(name), tokens).map((word) => button(`drop “${word}”`, () => toggle(name, word))),
      ),
    );
    warnings.replaceChildren(...model.get("warnings").map((text) => element("li", { textContent: text })));
    if (kernel.gone()) say(GONE, true);
    else say(model.get("status"), model.get("warnings").length > 0 || model.get("status").startsWith("expected"));
    fields.forEach((one) => one.refresh());
    lines();
  }
  const watched = {};
  for (const name of [
    "source",
    "target",
    "negative",
    "words",
    "negative_words",
    "_tokens",
    "_pairs",
    "warnings",
    "status",
  ])
    watched[`change:${name}`] = refresh;
  const kernel = watchKernel(model.widget_manager, refresh);
  const stop = listen(model, watched);
  const resized = new ResizeObserver(lines);
  resized.observe(board);
  refresh();
  return () => {
    stop();
    kernel.stop();
    resized.disconnect();
    fields.forEach((one) => one.stop());
  };
}

export default { render };
