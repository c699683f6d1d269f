// Runs in and out: a zip that Python loads, and a run folder that is dropped here.

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
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A trace that was opened, as a run of the page; its pictures are decoded when they are looked at. */
export function runOf(trace, key) {
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
