// A made-up run as the zip that the page downloads, or a run folder's files as the page reads them.

import { packed } from "../../../web/engine/folder.js";
import { opened } from "../../../web/engine/opening.js";

const given = JSON.parse(await new Response(process.stdin).text());
const base64 = (bytes) => Buffer.from(bytes).toString("base64");

/** Numbers that tell one place from another. */
const counted = (n, from = 0) => Float32Array.from({ length: n }, (_, i) => ((from + i) % 97) / 97);

function trace({ tokens, sourceTokens, columns, nudges, side, cells }) {
  const one = cells * cells;
  const nudge = (step, k) => ({
    step,
    timestep: 501 - step,
    iteration: k,
    loss: 0.9 - 0.1 * k - 0.01 * step,
    terms: [0.9 - 0.1 * k - 0.01 * step],
    gradientInside: 2 + k,
    gradientOutside: 1 + k,
    gradientMap: counted(32 * 32, k),
    map: counted(one, k),
    maps: counted(one * columns.length, k),
    share: 0.5,
    moved: 3 + k,
    stepSize: 5,
  });
  const step = (i) => ({
    step: i,
    timestep: 501 - i,
    steps: 2,
    x0: counted(4 * 32 * 32, i),
    latent: counted(4 * 32 * 32, i),
    attention: counted((tokens.length + 1) * one, i),
    sourceAttention: counted((sourceTokens.length + 1) * one, 7 + i),
    map: counted(one, i),
    share: 0.5,
    losses: [],
    gradients: {},
    seconds: 0,
    nudges: Array.from({ length: nudges[i] }, (_, k) => nudge(i, k)),
  });
  const data = Uint8ClampedArray.from({ length: 4 * side * side }, (_, i) => (i % 4 === 3 ? 255 : (i * 7) % 256));
  const picture = { data, width: side, height: side };
  const mask = Float32Array.from({ length: side * side }, (_, i) => Number(i < (side * side) / 4));
  return {
    ...given.texts,
    request: {},
    tokens,
    sourceTokens,
    columns,
    cells: [cells, cells],
    latent: [4, 32, 32],
    sites: ["a", "b"],
    picture: [side, side],
    mask,
    image: picture,
    result: picture,
    steps: nudges.map((_, i) => step(i)),
  };
}

function facts(run) {
  const numbers = (key) => run.steps.map((s) => s.nudges.map((n) => n[key]));
  return {
    words: run.words,
    tokens: run.tokens,
    columns: run.columns,
    losses: run.steps.map((s) => s.losses),
    inside: numbers("gradientInside"),
    moved: numbers("moved"),
    times: run.steps.map((s) => s.timestep),
    attention: [...run.steps.at(-1).attention],
    x0: run.steps.map((s) => s.x0 && [...s.x0].slice(0, 5)),
    inner: run.steps.map((s) => s.nudges.map((n) => [...n.map].slice(0, 5))),
    mask: run.mask.reduce((a, b) => a + b),
    image: [...run.image.data].slice(0, 12),
    result: run.result && [...run.result.data].slice(0, 12),
    share: run.steps[0].share,
  };
}

if (given.files) {
  const file = ([name, text]) => new File([Buffer.from(text, "base64")], name);
  try {
    console.log(JSON.stringify(facts(await opened(Object.entries(given.files).map(file)))));
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
  }
} else console.log(JSON.stringify({ zip: base64(await (await packed(trace(given))).arrayBuffer()) }));
