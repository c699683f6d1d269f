// Runs in and out: a zip that Python loads, and a run folder that is dropped here.

import { fail, GUIDED, say, set, store } from "./desk.js";
import { ready } from "./edits.js";
import { canvasOf } from "./live.js";
import { addStep, emptyRun } from "./run.js";

/** Every file below what was dropped, folders included. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  return (await Promise.all(entries.map(below))).flat();
}

function below(entry) {
  if (entry.isFile) return new Promise((done, failed) => entry.file((file) => done([file]), failed));
  const reader = entry.createReader();
  const some = () => new Promise((done, failed) => reader.readEntries(done, failed));
  return (async () => {
    const files = [];
    for (let batch = await some(); batch.length; batch = await some())
      files.push(...(await Promise.all(batch.map(below))).flat());
    return files;
  })();
}

/** Gives a blob to the person as a file. */
function save(blob, name) {
  const url = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A trace that was opened, as a run of the page; its pictures are decoded when they are looked at. */
function runOf(trace, key) {
  const { request } = trace;
  const run = emptyRun({
    key,
    method: request.method ?? "p2p+mag-edit",
    origin: "opened",
    words: trace.words,
    tokens: trace.tokens,
    settings: request,
    steps: trace.steps.length,
  });
  for (const event of trace.steps) addStep(run, { ...event, steps: trace.steps.length });
  run.trace = trace;
  run.done = true;
  return run;
}

export async function openFiles(files) {
  if (!files.length) return;
  try {
    say("loading the model, which decodes the run's pictures");
    const engine = await ready();
    const trace = await engine.open(files),
      run = runOf(trace, GUIDED);
    const picture = trace.image instanceof Blob ? await createImageBitmap(trace.image) : canvasOf(trace.image);
    const mask = Uint8ClampedArray.from(trace.mask, (v) => (v > 0.5 ? 255 : 0)),
      { source, target, words } = trace;
    const last = run.steps.at(-1);
    if (trace.result && last)
      last.frame = trace.result instanceof Blob ? await createImageBitmap(trace.result) : canvasOf(trace.result);
    set({
      scene: "",
      picture,
      mask,
      source,
      target,
      words,
      runs: { [run.method]: { ...run, key: run.method } },
      shown: run.method,
    });
    set({ at: { step: run.steps.length - 1, nudge: null } });
    say(`opened: ${run.steps.length} steps`);
  } catch (error) {
    fail(error);
  }
}

export async function saveRun() {
  const run = store.get().runs[store.get().shown];
  if (!run?.trace) return say("expected a run of this tab to save, got a recorded one: press Run first", true);
  save(await (await ready()).download(run.trace), `mag-edit-${run.words.join("-")}.zip`);
}
