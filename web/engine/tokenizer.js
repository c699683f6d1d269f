// CLIP's byte-pair tokenizer with the span of each token, from the JSON that the export writes.

import { required, whole } from "./words.js";

export class Tokenizer {
  /** given: {vocab, merges, pattern, specials, start, end, pad, length} */
  constructor(given) {
    Object.assign(this, given);
    this.names = new Map(Object.entries(given.vocab).map(([name, id]) => [id, name]));
    this.ranks = new Map(given.merges.map((pair, rank) => [pair.join(" "), rank]));
    this.pieces = new RegExp(given.pattern, "gu");
    this.special = new RegExp(
      `(${Object.keys(given.specials)
        .map(RegExp.escape ?? escaped)
        .join("|")})`,
      "gu",
    );
  }

  /** Ids and spans with the start and end tokens and without padding; an error where the model cannot read them all. */
  encode(prompt) {
    if (!(prompt.isWellFormed?.() ?? true))
      throw new Error(`expected a prompt in Unicode, got a lone half of a character; type it anew`);
    const tokens = [{ id: this.start, span: [0, 0] }, ...this.#tokens(prompt), { id: this.end, span: [0, 0] }];
    if (tokens.length > this.length) {
      const count = `prompt has ${tokens.length} tokens, the model reads ${this.length}`;
      throw new Error(`${count}; shorten '${prompt.slice(0, 60)}'`);
    }
    return { ids: tokens.map((t) => t.id), spans: tokens.map((t) => t.span) };
  }

  /** Ids padded to all that the model reads. */
  padded(prompt) {
    const { ids } = this.encode(prompt);
    return [...ids, ...Array(this.length - ids.length).fill(this.pad)];
  }

  tokens = (prompt) => this.encode(prompt).ids.map((id) => this.names.get(id));

  /** Columns of a word's tokens, all its occurrences taken together. */
  positions(prompt, word, which) {
    return this.columns(prompt, required(prompt, word, which));
  }

  /** Columns of the tokens that overlap any of these spans. */
  columns(prompt, wanted) {
    const { spans } = this.encode(prompt);
    const hit = ([a, b]) => b > a && wanted.some(([start, end]) => a < end && b > start);
    return spans.flatMap((span, i) => (hit(span) ? [i] : []));
  }

  /** The words in their order, with span and columns. */
  words(prompt) {
    return whole(prompt).map(([start, end]) => {
      return { word: prompt.slice(start, end), start, end, columns: this.columns(prompt, [[start, end]]) };
    });
  }

  *#tokens(prompt) {
    let at = 0;
    for (const text of prompt.split(this.special)) {
      if (text in this.specials) yield { id: this.specials[text], span: [at, at + text.length] };
      else yield* this.#plain(text, at);
      at += text.length;
    }
  }

  *#plain(text, at) {
    const { normal, spans } = normalised(text);
    for (const match of normal.matchAll(this.pieces)) {
      const { symbols, places } = bytes(match[0], match.index);
      let byte = 0;
      for (const symbol of this.#merged(symbols)) {
        const length = [...symbol.replace("</w>", "")].length;
        const own = places.slice(byte, byte + length).map((place) => spans[place]);
        const span = [at + Math.min(...own.map((s) => s[0])), at + Math.max(...own.map((s) => s[1]))];
        yield { id: this.vocab[symbol] ?? this.end, span };
        byte += length;
      }
    }
  }

  /** Byte-pair encoding: the pair that was learnt first is joined first. */
  #merged(symbols) {
    const parts = [...symbols.slice(0, -1), `${symbols.at(-1)}</w>`];
    for (;;) {
      const ranks = parts.slice(1).map((part, i) => this.ranks.get(`${parts[i]} ${part}`) ?? Infinity);
      const best = Math.min(Infinity, ...ranks);
      if (best === Infinity) return parts;
      const i = ranks.indexOf(best);
      parts.splice(i, 2, parts[i] + parts[i + 1]);
    }
  }
}

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

// What becomes one character when it is composed: white space, a Korean syllable of its letters, a letter with marks.
const COMPOSED = /\s+|[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?\p{M}*|\P{M}\p{M}*|\p{M}+/gu;

/** Composed, in lower case, white space as single blanks; and for each character the span that it came from. */
function normalised(text) {
  let normal = "";
  const spans = [];
  for (const match of text.matchAll(COMPOSED)) {
    const made = /^\s/u.test(match[0]) ? " " : match[0].normalize("NFC").toLowerCase();
    normal += made;
    for (let i = 0; i < made.length; i++) spans.push([match.index, match.index + match[0].length]);
  }
  return { normal, spans };
}

/** The bytes of a text as the printable characters that stand for them, and the place of each byte's character. */
function bytes(text, at) {
  const symbols = [];
  const places = [];
  let place = at;
  for (const character of text) {
    for (const byte of new TextEncoder().encode(character)) {
      symbols.push(BYTES[byte]);
      places.push(place);
    }
    place += character.length;
  }
  return { symbols, places };
}

/** GPT-2's table: printable bytes stand for themselves, the others for characters from 256 on. */
const BYTES = (() => {
  const printable = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++));
})();
