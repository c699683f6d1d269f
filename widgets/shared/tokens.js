// What a prompt's tokens are to each other, and where the lines between two rows of them run.

/** "common", "new" or "dropped" for each token of a row; pairs hold the positions in source and target. */
export function states(count, pairs, side) {
  const joined = new Set(pairs.map((pair) => pair[side]));
  return Array.from({ length: count }, (_, i) => (joined.has(i) ? "common" : side === 1 ? "new" : "dropped"));
}

/** The words with one of them put in or taken out. */
export function toggled(words, word) {
  return words.includes(word) ? words.filter((one) => one !== word) : [...words, word];
}

/** The picked words that none of the tokens is of, so that they can't be clicked away there. */
export function lost(words, tokens) {
  const key = (text) => text.normalize("NFC").toLowerCase().replaceAll("’", "'");
  return words.filter((one) => !tokens.some(({ word }) => word === key(one)));
}

/** A token as people read it: the end of a word is shown by the gap, a token that goes on by a dash. */
export function shown(text) {
  if (text.startsWith("<|")) return text === "<|startoftext|>" ? "start" : "end";
  return text.endsWith("</w>") ? text.slice(0, -4) : `${text}‑`;
}

/** A smooth line from the foot of one box to the head of another. */
export function curve(x0, y0, x1, y1) {
  const middle = (y0 + y1) / 2;
  return `M${x0.toFixed(1)} ${y0.toFixed(1)}C${x0.toFixed(1)} ${middle.toFixed(1)} ${x1.toFixed(1)} ${middle.toFixed(1)} ${x1.toFixed(1)} ${y1.toFixed(1)}`;
}
