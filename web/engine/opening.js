// A run from the folder that Python's magedit_lab writes, of any schema, or from the zip that `packed` makes.

import { toCells } from "./masks.js";
import { decodePng } from "./png.js";
import { readTensors } from "./safetensors.js";
import { unzipped } from "./zip.js";

const OLDER = 2; // all steps in one file
const NEWEST = 3; // a file a step
const STEP = /^step-\d+\.safetensors$/;

/** A run from its folder's files, or from one zip of them: of today's form, a file a step, or all in one file. */
export async function opened(files) {
  const bytes = await byName([...files]);
  const need = (name) => {
    if (bytes[name]) return bytes[name];
    const got = Object.keys(bytes).slice(0, 5).join(", ") || "nothing";
    throw new Error(`expected a run's folder with ${name}, got ${got}; choose all its files`);
  };
  return bytes["run.json"] ? growing(bytes, need) : single(bytes, need);
}

async function single(bytes, need) {
  const meta = known(json(need("trace.json")), OLDER);
  const { tensors } = readTensors(need("trace.safetensors"), "trace.safetensors");
  const image = await decodePng(need("image.png"), "image.png");
  const result = bytes["result.png"] ? await decodePng(bytes["result.png"], "result.png") : null;
  return shaped(meta, tensors, image, result);
}

/** Schema 3: run.json, and files of the run: its inputs, its layout, a file for each step, pictures at the end. */
function growing(bytes, need) {
  const meta = { ...known(json(need("run.json")), NEWEST), ...json(need("layout.json")), times: [], terms: [] };
  const { tensors } = readTensors(need("inputs.safetensors"), "inputs.safetensors");
  const image = picture(tensors.image);
  for (const name of Object.keys(bytes)
    .filter((n) => STEP.test(n))
    .sort())
    addStep(meta, tensors, readTensors(bytes[name], name));
  const made = bytes["pictures.safetensors"]
    ? readTensors(bytes["pictures.safetensors"], "pictures.safetensors").tensors
    : {};
  return shaped(meta, tensors, image, made.result ? picture(made.result) : null);
}

function addStep(meta, tensors, { tensors: rows, metadata }) {
  const i = meta.times.length;
  meta.times.push(JSON.parse(metadata.t));
  meta.terms.push(JSON.parse(metadata.terms));
  for (const [name, tensor] of Object.entries(rows)) tensors[`${i}.${name.replace(/^row\./, "")}`] = tensor;
}

/** A picture of height x width x 3 bytes as RGBA. */
function picture({ shape: [height, width], data: rgb }) {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) for (let k = 0; k < 3; k++) data[4 * i + k] = rgb[3 * i + k];
  return { data, width, height };
}

function known(meta, newest) {
  if (meta.schema <= newest) return meta;
  throw new Error(`schema ${meta.schema} is newer than ${newest}; reload the page for a newer one`);
}

const json = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

async function byName(files) {
  const found = {};
  for (const file of files) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const inner = bytes[0] === 80 && bytes[1] === 75 ? await unzipped(bytes) : { [file.name]: bytes };
    for (const [name, content] of Object.entries(inner)) found[name.split("/").at(-1)] = content;
  }
  return found;
}

function shaped(meta, tensors, image, result) {
  const of = (branch) =>
    meta.columns
      .filter(([b, word]) => b === branch && !/^<(start|end)>$/.test(word))
      .map(([, word, columns]) => ({ word, columns }));
  const wordColumns = of("target");
  const own = meta.task.words.flatMap((word) => wordColumns.find((w) => w.word === word)?.columns ?? []);
  const trace = {
    request: {},
    source: meta.task.source,
    target: meta.task.target,
    words: meta.task.words,
    tokens: meta.tokens,
    sourceTokens: meta.source_tokens,
    columns: [...new Set(own)].sort((a, b) => a - b),
    wordColumns,
    sourceColumns: of("source"),
    cells: meta.cells,
    sites: meta.sites,
    mask: tensors["mask.0"].data,
    picture: tensors["mask.0"].shape,
    image,
    result,
  };
  trace.steps = meta.times.map((timestep, i) => step(meta, tensors, trace, timestep, i));
  trace.latent = tensors["0.x0"]?.shape ?? null;
  return trace;
}

function step(meta, tensors, trace, timestep, i) {
  const get = (name) => tensors[`${i}.${name}`]?.data ?? null;
  const cells = trace.cells[0] * trace.cells[1];
  const attention = get("target_attention");
  const map = attention && added(attention, trace.columns, cells);
  const nudges = meta.terms[i].map((terms, k) => nudge({ get, tensors, trace, timestep, i, k, terms, cells }));
  return {
    step: i,
    timestep,
    steps: meta.times.length,
    x0: get("x0"),
    latent: get("x0"),
    attention,
    map,
    sourceAttention: get("source_attention"),
    share: map && share(map, trace),
    losses: nudges.map((n) => n.loss),
    gradients: { inside: nudges.map((n) => n.gradientInside), outside: nudges.map((n) => n.gradientOutside) },
    nudges,
    seconds: 0,
  };
}

function nudge({ get, trace, timestep, i, k, terms, cells }) {
  const row = (name, size) => get(name)?.slice(k * size, (k + 1) * size) ?? null;
  const size = get("gradient_maps") ? get("gradient_maps").length / get("loss").length : 0;
  const maps = row("inner_attention", cells * trace.columns.length);
  const map = maps && added(maps, [...trace.columns.keys()], cells);
  return {
    step: i,
    timestep,
    iteration: k,
    loss: get("loss")[k],
    terms: Object.values(terms),
    gradientInside: get("inside")[k],
    gradientOutside: get("outside")[k],
    gradientMap: row("gradient_maps", size),
    map,
    maps,
    moved: get("moved")[k],
    share: map && share(map, trace),
    stepSize: get("step_size")[k],
  };
}

function added(planes, columns, cells) {
  const out = new Float32Array(cells);
  for (const column of columns) for (let i = 0; i < cells; i++) out[i] += planes[column * cells + i];
  return out;
}

function share(map, trace) {
  const inside = toCells(trace.mask, trace.picture, trace.cells);
  return map.reduce((sum, v, i) => sum + v * inside[i], 0) / map.reduce((sum, v) => sum + v, 0);
}
