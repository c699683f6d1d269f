// The scenes that ship, and their recorded runs.

import { GUIDED, METHODS, set, store } from "./desk.js";
import { FIRST } from "./parts/settings.js";
import { openRecorded } from "./replay.js";
import { addStep, emptyRun } from "./run.js";

let recorded;

/** Reads which scenes there are: [{name, title}]. */
export async function openScenes(base) {
  recorded = await openRecorded(base);
  set({ mix: recorded.index.colours, size: recorded.index.size });
  return recorded.index.scenes;
}

/** A recorded run of the scene shown, as the page keeps runs. */
async function recordedRun(scene, key) {
  const { meta, events, frames } = await recorded.load(scene.name, key);
  const settings = { ...FIRST, ...meta.settings, steps: scene.steps, guidance: scene.guidance };
  const method = METHODS.includes(key) ? key : GUIDED;
  const { words, tokens = meta.tokens } = scene;
  const run = emptyRun({ key, method, origin: "recorded", words, tokens, settings, steps: scene.steps });
  events.forEach((event, i) => addStep(run, event, frames[i]));
  const { target, mask } = scene;
  run.request = { settings, target, words, mask };
  run.done = true;
  return run;
}

const sceneNow = () => recorded.index.scenes.find(({ name }) => name === store.get().scene);

/** Brings a recorded run in, unless a live one has its place. */
async function bring(key) {
  const scene = sceneNow();
  if (store.get().runs[key] || !scene?.runs.includes(key)) return;
  const run = await recordedRun(scene, key);
  const { runs } = store.get();
  if (store.get().scene === scene.name && !runs[key]) set({ runs: { ...runs, [key]: run } });
}

async function pictureOf(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

async function maskOf(url, size) {
  const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(await pictureOf(url), 0, 0, size, size);
  const { data } = context.getImageData(0, 0, size, size);
  return Uint8ClampedArray.from({ length: size * size }, (_, i) => (data[4 * i] > 127 ? 255 : 0));
}

export async function openScene(name) {
  const scene = recorded.index.scenes.find((one) => one.name === name),
    folder = `recorded/${name}/`;
  store.get().running?.abort();
  const [picture, mask] = await Promise.all([
    pictureOf(`${folder}picture.png`),
    scene.mask ?? maskOf(`${folder}mask.png`, store.get().size),
  ]);
  scene.mask = mask;
  const { source, target, words } = scene;
  set({ scene: name, picture, mask, source, target, words, runs: {}, shown: GUIDED, settings: FIRST });
  await bring(GUIDED);
  await Promise.all(METHODS.map(bring));
}

/** Shows a run large, at the step that is shown; `at` and `view` may come along. */
export async function show(key, more = {}) {
  await bring(key);
  const { runs, settings } = store.get(),
    run = runs[key];
  const known = run?.settings && run.origin === "recorded" && run.method === GUIDED;
  set({ shown: key, following: false, settings: known ? { ...settings, ...run.settings } : settings, ...more });
}
