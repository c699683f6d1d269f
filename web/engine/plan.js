// A request, checked and brought into the model's own terms: columns, cells, mapper, weights.

import { common, edited, refinement, requireNew } from "./alignment.js";
import { asMask, dilate, toCells } from "./masks.js";
import { split } from "./words.js";

const USUAL = {
  method: "p2p+mag-edit",
  nudges: 0,
  stepSize: 2.5,
  loss: "token",
  lambda: 3,
  reweight: 1,
  previews: false,
};
const RANGES = {
  steps: [1, 999],
  nudges: [0, 1000],
  stepSize: [0, 1e6],
  crossReplace: [0, 1],
  selfReplace: [0, 1],
  guidance: [-100, 100],
  reweight: [0, 1000],
  lambda: [0, 1e6],
};

/** The request with every setting: those given, the method's, the scene's, the usual ones. */
export function filled(request, manifest) {
  const method = request.method ?? USUAL.method;
  const own = manifest.methods[method];
  if (!own)
    throw new Error(`expected a method (${Object.keys(manifest.methods).join(", ")}), got '${method}'; choose one`);
  const scene = manifest.scenes.find((s) => s.name === request.scene);
  if (request.scene && !scene) {
    const known = manifest.scenes.map((s) => s.name).join(", ") || "none";
    throw new Error(
      `expected a scene that ships (${known}), got '${request.scene}'; choose one, or give image and mask`,
    );
  }
  const shown = scene ? { source: scene.source, target: scene.target, words: scene.words } : {};
  const made = { ...USUAL, ...own, ...shown, ...defined(request), method };
  made.words = typeof made.words === "string" ? [made.words] : (made.words ?? []);
  made.tau ??= Math.floor(made.steps / 2);
  made.bySigma ??= made.loss === "token";
  made.allTokens ??= true;
  made.perHead ??= true;
  return made;
}

const defined = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** All that is wrong with a filled request, a line each. */
export function complaints(r, manifest, tokenizer) {
  const lines = [];
  const note = (check) => {
    try {
      check();
    } catch (error) {
      lines.push(error.message);
    }
  };
  for (const [which, prompt] of [
    ["source", r.source],
    ["target", r.target],
  ])
    if (typeof prompt !== "string") lines.push(`expected a text as ${which} prompt, got none; say what is to be seen`);
  if (lines.length) return lines;
  note(() => tokenizer.encode(r.source));
  note(() => tokenizer.encode(r.target));
  if (!r.words.length) lines.push("expected at least one edit word, got none; name a word of the target prompt");
  if (r.words.length > manifest.words)
    lines.push(`expected at most ${manifest.words} edit words, got ${r.words.length}; leave some out`);
  for (const word of r.words) note(() => column(r, tokenizer, word));
  lines.push(...outOfRange(r));
  if (!r.scene || r.mask) note(() => asMask(r.mask, manifest.picture));
  if (!r.scene && !r.image) lines.push("expected a picture, got none; choose a scene or open one");
  if (r.image) note(() => requireSize(r.image, manifest.picture));
  return lines;
}

/** A word's columns; where it is guided, those that are new. */
function column(r, tokenizer, word) {
  return (r.nudges > 0 && r.tau > 0 ? requireNew : edited)(tokenizer, r.source, r.target, word);
}

function outOfRange(r) {
  const wrong = Object.entries(RANGES).filter(([name, [low, high]]) => !(r[name] >= low && r[name] <= high));
  const lines = wrong.map(([name, [low, high]]) => `expected ${name} of ${low} to ${high}, got ${r[name]}; change it`);
  if (!(r.tau >= 0 && r.tau <= r.steps))
    lines.push(`expected a tau of 0 to ${r.steps}, got ${r.tau}; the run has ${r.steps} steps`);
  if (!(r.loss === "token" || r.loss === "spatial" || (r.loss >= 0 && r.loss <= 1)))
    lines.push(`expected the loss 'token', 'spatial' or a share of 0 to 1, got ${r.loss}; take 'token'`);
  return lines;
}

function requireSize({ width, height }, [rows, columns]) {
  if (width !== columns || height !== rows)
    throw new Error(`expected a picture of ${columns}x${rows}, got ${width}x${height}; crop and resize it`);
}

/** What the loop needs, for a filled request with its mask. */
export function planned(r, mask, manifest, tokenizer) {
  const [rows, columns] = manifest.latent.slice(1);
  const latentMask = toCells(mask, manifest.picture, [rows, columns]);
  const origin = refinement(tokenizer, r.source, r.target);
  const words = r.words.map((word) => column(r, tokenizer, word));
  return {
    request: r,
    mask,
    latentMask,
    blendMask: r.blend && dilate(latentMask, [rows, columns], r.blend.grow),
    words,
    columns: [...new Set(words.flat())].sort((a, b) => a - b),
    cells: toCells(mask, manifest.picture, manifest.cells),
    mapper: mapper(origin),
    taken: Float32Array.from(origin, (from) => (from >= 0 ? 1 : 0)),
    factors: factors(words.flat(), r.reweight, origin.length),
    regions: regions(mask, manifest),
    nudge: guidance(r, words, common(tokenizer, r.source, r.target), mask, manifest),
  };
}

/** Source columns x target columns: a one where the target's column repeats the source's. */
function mapper(origin) {
  const matrix = new Float32Array(origin.length ** 2);
  for (const [column, from] of origin.entries()) if (from >= 0) matrix[from * origin.length + column] = 1;
  return matrix;
}

function factors(columns, factor, length) {
  return Float32Array.from({ length }, (_, i) => (columns.includes(i) ? factor : 1));
}

function regions(mask, { graphs, picture }) {
  const named = Object.entries(graphs.target.inputs).filter(([name]) => name.startsWith("region."));
  return Object.fromEntries(named.map(([name, cells]) => [name, toCells(mask, picture, cells)]));
}

/** The nudge's inputs that stay the same; rows without a word of their own repeat the first, at weight 0. */
function guidance(r, words, shared, mask, manifest) {
  const cells = toCells(mask, manifest.picture, manifest.cells);
  const every = Array.from({ length: manifest.words }, (_, k) => words[k] ?? words[0]);
  const share = { token: 0, spatial: 1 }[r.loss] ?? r.loss;
  const kinds = r.perHead ? [1 - share, share, 0, 0] : [0, 0, 1 - share, share];
  return {
    word: rows(every, manifest.tokens, (columns, i) => columns.includes(i)),
    over: rows(every, manifest.tokens, (columns, i) => r.allTokens || shared.includes(i) || columns.includes(i)),
    cells: repeated(cells, manifest.words),
    weights: Float32Array.from(every, (_, k) => (k < words.length ? 1 / words.length : 0)),
    kinds: Float32Array.from(kinds),
    lam: Float32Array.of(r.lambda),
  };
}

const rows = (every, length, has) =>
  Float32Array.from(every.flatMap((columns) => Array.from({ length }, (_, i) => (has(columns, i) ? 1 : 0))));

function repeated(values, times) {
  const out = new Float32Array(values.length * times);
  for (let k = 0; k < times; k++) out.set(values, k * values.length);
  return out;
}

/** Columns of every word, each spelling once, for figures. */
export function wordColumns(prompt, more, columnsOf) {
  const every = [...new Set([...split(prompt), ...more])];
  return every.map((word) => ({ word, columns: columnsOf(word) }));
}
