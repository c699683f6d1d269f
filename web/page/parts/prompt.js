// The prompt in large letters: the edit word is typed or picked where it stands, every other word can be pressed.

import { element } from "../../../widgets/shared/dom.js";

export const IDEAS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "brown"];

/** Texts and words of a prompt in their order; `at` is a word's number among the words, or -1. */
export function pieces(text) {
  let at = -1;
  return (text.match(/[\p{L}\p{N}'’-]+|[^\p{L}\p{N}'’-]+/gu) ?? []).map((part) => {
    const word = /[\p{L}\p{N}]/u.test(part);
    if (word) at += 1;
    return { part, at: word ? at : -1 };
  });
}

/** A prompt with one of its words put for another. */
export function replaced(text, at, word) {
  return pieces(text)
    .map((piece) => (piece.at === at ? word : piece.part))
    .join("");
}

/** Why a request can't be run, in a line, or an empty text. */
export function refusal({ target, words, mask }) {
  const own = pieces(target).map(({ part }) => part.toLowerCase());
  if (!target.trim()) return "expected a target prompt, got none: type what the picture is to show";
  if (!words.length) return "expected an edit word, got none: press a word of the prompt";
  const strange = words.find((word) => !own.includes(word.toLowerCase()));
  if (strange) return `expected a word of the target prompt, got “${strange}”: press one of its words`;
  if (!mask?.some((value) => value > 127)) return "expected a mask, got an empty one: paint or click an object";
  return "";
}

/** {draw(state)} into the element given. */
export function makePrompt(root, store) {
  const field = element("input", { type: "text", className: "word", spellcheck: false, autocomplete: "off" });
  field.setAttribute("list", "ideas");
  field.setAttribute("aria-label", "the edit word");
  const ideas = element("datalist", { id: "ideas" }, ...IDEAS.map((value) => element("option", { value })));
  const line = element("p", { className: "line" });
  root.replaceChildren(line, ideas);
  let place = -1,
    drawn = "";

  field.addEventListener("input", () => {
    const word = field.value.trim();
    fit();
    if (!/^[\p{L}\p{N}'’-]+$/u.test(word)) return;
    const { target } = store.get();
    drawn = `${replaced(target, place, word)}|${word}`; // the field stays as it is while it is typed into
    store.set({ target: replaced(target, place, word), words: [word] });
  });
  const fit = () => {
    field.style.inlineSize = `${Math.max(3, field.value.length + 1)}ch`;
  };

  function draw(state) {
    const now = `${state.target}|${state.words.join(" ")}`;
    if (now === drawn) return;
    drawn = now;
    const [word] = state.words;
    place = pieces(state.target).find(({ part }) => part === word)?.at ?? -1;
    line.replaceChildren(
      ...pieces(state.target).map(({ part, at }) => {
        if (at < 0) return part;
        if (at === place) {
          field.value = word;
          return field;
        }
        const made = element("button", { type: "button", textContent: part });
        made.setAttribute("aria-label", `edit the word ${part}`);
        made.addEventListener("click", () => store.set({ words: [part] }));
        return made;
      }),
    );
    fit();
  }
  return { draw };
}
