// Which characters make up a word, in any script: the rules of magedit_lab.prompts.words.

const EMOJI = /[\p{Extended_Pictographic}\p{Regional_Indicator}]/uy;
const CHARACTER = /[\p{Script=Han}\p{Script=Hiragana}]\p{M}*/uy;
const LETTERS =
  /(?:(?![\p{Script=Han}\p{Script=Hiragana}])[\p{L}\p{N}\p{Pc}][\p{M}\u200c\u200d]*|(?<=\p{N})[.,](?=\p{N}))+(?:[+#]+(?![\p{L}\p{N}]))?/uy;
const JOIN = /^[\p{Pd}'\u2019]$/u; // what joins two parts to a word: champagne-coloured, don't

/** The words of a prompt, in lower case and composed, without punctuation. */
export const split = (prompt) => whole(prompt).map(([a, b]) => key(prompt.slice(a, b)));

/** Spans [start, end) of a word or a phrase in a prompt; what is no whole word is looked for between hyphens. */
export function occurrences(prompt, word) {
  const found = runs(prompt, word, whole);
  return found.length ? found : runs(prompt, word, parts);
}

/** `occurrences`, or an error that names the words that there are. */
export function required(prompt, word, which = "target") {
  const spans = occurrences(prompt, word);
  if (spans.length) return spans;
  const known = [...new Set(split(prompt))].join(", ") || "none";
  throw new Error(`word '${word}' is not in the ${which} prompt '${prompt}'; its words are: ${known}`);
}

/** Spans of the words as they are written. */
export function whole(text) {
  const spans = [];
  for (const [start, end] of parts(text)) {
    const joined = spans.length && JOIN.test(text.slice(spans.at(-1)[1], start));
    spans.push([joined ? spans.pop()[0] : start, end]);
  }
  return spans;
}

function parts(text) {
  const spans = [];
  for (let i = 0; i < text.length; ) {
    const length = partAt(text, i);
    if (length) spans.push([i, i + length]);
    i += length || String.fromCodePoint(text.codePointAt(i)).length;
  }
  return spans;
}

/** How many characters the part that begins at `i` has; 0 where none does. */
function partAt(text, i) {
  if (matched(EMOJI, text, i)) return grapheme(text.slice(i)).length;
  return matched(CHARACTER, text, i) || matched(LETTERS, text, i);
}

/** The first character as it is seen, with all that belongs to it. */
function grapheme(text) {
  const [first] = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text);
  return first.segment;
}

function matched(pattern, text, i) {
  pattern.lastIndex = i;
  return pattern.exec(text)?.[0].length ?? 0;
}

function runs(prompt, word, spansOf) {
  const spans = spansOf(prompt);
  const wanted = spansOf(word).map(([a, b]) => key(word.slice(a, b)));
  const known = spans.map(([a, b]) => key(prompt.slice(a, b)));
  const found = [];
  for (let i = 0; wanted.length && i + wanted.length <= known.length; i++)
    if (wanted.every((w, k) => w === known[i + k])) found.push([spans[i][0], spans[i + wanted.length - 1][1]]);
  return found;
}

const key = (word) => word.normalize("NFC").toLowerCase().normalize("NFC").replaceAll("\u2019", "'");
