// A run as the folder that Python's magedit_lab reads and writes: trace.json, trace.safetensors, pictures.

import { encodePng, joined } from "./png.js";
import { writeTensors } from "./safetensors.js";
import { zipped } from "./zip.js";

const SCHEMA = 2; // all steps in one file

/** The run's folder as a zip. */
export async function packed(trace) {
  const files = { "trace.json": new TextEncoder().encode(JSON.stringify(facts(trace), null, 1)) };
  files["trace.safetensors"] = joined(writeTensors(arrays(trace)));
  files["image.png"] = await png(trace.image);
  if (trace.result) files["result.png"] = await png(trace.result);
  return new Blob([zipped(files)], { type: "application/zip" });
}

const png = async (picture) =>
  picture instanceof Blob ? new Uint8Array(await picture.arrayBuffer()) : encodePng(picture);

function facts(trace) {
  const columns = ["target", "source"].flatMap((branch) => {
    const [words, tokens] =
      branch === "target" ? [trace.wordColumns, trace.tokens] : [trace.sourceColumns, trace.sourceTokens];
    const ends = [
      [branch, "<start>", [0]],
      [branch, "<end>", [tokens.length - 1, tokens.length]],
    ];
    return [...words.map(({ word, columns: c }) => [branch, word, c]), ...ends];
  });
  return {
    schema: SCHEMA,
    keep: {
      attention: true,
      nudges: true,
      gradients: true,
      previews: true,
      heads: false,
      reconstruction: false,
      sites: [],
    },
    tokens: trace.tokens,
    source_tokens: trace.sourceTokens,
    times: trace.steps.map((s) => s.timestep),
    terms: trace.steps.map((s) => s.nudges.map((n) => Object.fromEntries(trace.words.map((w, k) => [w, n.terms[k]])))),
    cells: trace.cells,
    sites: trace.sites,
    columns,
    task: {
      source: trace.source,
      target: trace.target,
      words: trace.words,
      negative: null,
      negative_words: [],
      weights: trace.words.map(() => 1 / trace.words.length),
    },
  };
}

function arrays(trace) {
  const [h, w] = trace.cells;
  const [height, width] = trace.latent.slice(1);
  const found = {};
  for (const [i, step] of trace.steps.entries()) {
    const add = (name, data, shape) => Object.assign(found, { [`${i}.${name}`]: { data, shape } });
    const { nudges } = step;
    const numbers = {
      loss: "loss",
      inside: "gradientInside",
      outside: "gradientOutside",
      step_size: "stepSize",
      moved: "moved",
    };
    for (const [name, key] of Object.entries(numbers))
      add(
        name,
        Float64Array.from(nudges, (n) => n[key]),
        [nudges.length],
      );
    add("x0", step.x0, trace.latent);
    add("target_attention", step.attention, [trace.tokens.length + 1, h, w]);
    if (step.sourceAttention) add("source_attention", step.sourceAttention, [trace.sourceTokens.length + 1, h, w]);
    if (nudges.length) add("gradient_maps", stacked(nudges, "gradientMap"), [nudges.length, height, width]);
    if (nudges.length) add("inner_attention", stacked(nudges, "maps"), [nudges.length, trace.columns.length, h, w]);
  }
  const rows = Math.round(Math.sqrt(trace.mask.length));
  return Object.assign(found, { "mask.0": { data: trace.mask, shape: trace.picture ?? [rows, rows] } });
}

function stacked(nudges, key) {
  const size = nudges[0][key].length;
  const out = new Float32Array(size * nudges.length);
  for (const [k, nudge] of nudges.entries()) out.set(nudge[key], k * size);
  return out;
}
