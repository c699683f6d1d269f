// The page: state in, pictures out.

import { button } from "../../widgets/shared/dom.js";
import { makeCards } from "./cards.js";
import { makeCurves } from "./curves.js";
import { dropped, runOf, save } from "./files.js";
import { canvasOf, lineOf, loader, requestOf } from "./live.js";
import { makeLoop } from "./loop.js";
import { openPainter } from "./painter.js";
import { makePrompt, refusal } from "./prompt.js";
import { openRecorded } from "./replay.js";
import { addNudge, addStep, emptyRun, places } from "./run.js";
import { FIRST, makeSettings, stale } from "./settings.js";
import { makeStage } from "./stage.js";
import { makeStore } from "./store.js";
import { fill, makeStory } from "./story.js";
import { makeTimeline } from "./timeline.js";

const GUIDED = "p2p+mag-edit";
const METHODS = ["p2p", "p2p+mask", "p2p+reweight", GUIDED];
const VIEWS = { picture: "Picture", attention: "Attention", latent: "Latent", source: "Source" };
const MODELS = "models/tabletop/";
const part = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

const store = makeStore({
  scene: "",
  picture: null,
  mask: null,
  source: "",
  target: part("prompt").textContent.trim(),
  words: [],
  shown: GUIDED,
  runs: {},
  at: { step: 0, nudge: null },
  view: "attention",
  playing: false,
  following: false,
  painting: false,
  running: null,
  settings: FIRST,
  mix: [],
  theme: document.documentElement.dataset.theme,
  tick: 0,
});
let recorded, engine, closePainter;
const say = (text, error = false) => {
  part("status").textContent = text;
  part("status").classList.toggle("error", error);
};
const fail = (error) => error?.name !== "AbortError" && say(lineOf(error), true);
const set = (changes) => store.set(changes);
const renew = () => set({ tick: store.get().tick + 1 });

// ---------------------------------------------------------------- recorded runs

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

async function openScene(name) {
  const scene = recorded.index.scenes.find((one) => one.name === name),
    folder = `recorded/${name}/`;
  store.get().running?.abort();
  const [picture, mask] = await Promise.all([
    pictureOf(`${folder}picture.png`),
    scene.mask ?? maskOf(`${folder}mask.png`, recorded.index.size),
  ]);
  scene.mask = mask;
  stopPainting();
  const { source, target, words } = scene;
  set({ scene: name, picture, mask, source, target, words, runs: {}, shown: GUIDED, settings: FIRST });
  await bring(GUIDED);
  await Promise.all(METHODS.map(bring));
}

/** Shows a run large, at the step that is shown; `at` and `view` may come along. */
async function show(key, more = {}) {
  await bring(key);
  const { runs, settings } = store.get(),
    run = runs[key];
  const known = run?.settings && run.origin === "recorded" && run.method === GUIDED;
  set({ shown: key, following: false, settings: known ? { ...settings, ...run.settings } : settings, ...more });
}

// ---------------------------------------------------------------- live runs

const wake = loader(
  new URL("engine/index.js", document.baseURI).href,
  { base: MODELS, runtime: "engine/runtime/" },
  ({ done, of }) => {
    const share = of ? ` ${Math.round((100 * done) / of)} %` : "";
    part("engine").textContent = `model${share}${of ? ` of ${(of / 1e6).toFixed(0)} MB` : ""}`;
    part("engine").style.setProperty("--share", of ? `${(100 * done) / of}%` : "0%");
  },
);

async function ready() {
  if (!engine) part("engine").textContent = "loading the model";
  engine = await wake();
  const how =
    engine.backend === "webgpu" ? "WebGPU" : `WASM, ${engine.threads} ${engine.threads > 1 ? "threads" : "thread"}`;
  part("engine").textContent = how;
  part("engine").dataset.ready = "true";
  return engine;
}

function pixelsNow() {
  const size = recorded.index.size,
    canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
  canvas.getContext("2d").drawImage(store.get().picture, 0, 0, size, size);
  const { data } = canvas.getContext("2d").getImageData(0, 0, size, size);
  return { data, width: size, height: size };
}

/** Runs one method live; the page follows it. */
async function runLive(key, signal) {
  const state = store.get(),
    { settings, target, words, mask } = state;
  const run = emptyRun({ key, method: key, origin: "live", words, settings, steps: settings.steps });
  run.request = { settings, target, words, mask };
  const request = requestOf(state, key, engine.manifest, pixelsNow);
  set({
    runs: { ...state.runs, [key]: run },
    shown: key,
    at: { step: 0, nudge: null },
    following: true,
    playing: false,
  });
  const began = performance.now();
  const follow = (at) => (store.get().following ? set({ at, tick: store.get().tick + 1 }) : renew());
  const result = await engine.edit(
    { ...request, previews: true },
    {
      signal,
      onInvert: (done, of) => say(`inverting the picture: ${done} of ${of}`),
      onNudge: (event) => {
        addNudge(run, event);
        follow({ step: event.step, nudge: event.iteration });
      },
      onStep: (event) => {
        addStep(run, event, event.preview ? canvasOf(event.preview) : null);
        say(`step ${event.step + 1} of ${event.steps}`);
        follow({ step: event.step, nudge: null });
      },
    },
  );
  run.steps.at(-1).frame = canvasOf(result.picture);
  Object.assign(run, { done: true, trace: result.trace, tokens: result.trace.tokens });
  renew();
  return (performance.now() - began) / 1000;
}

/** The button: run, or cancel what runs. */
async function press(keys) {
  const state = store.get();
  if (state.running) return state.running.abort();
  stopPainting();
  const reason = refusal(state);
  if (reason) return say(reason, true);
  const running = new AbortController();
  set({ running, playing: false });
  try {
    say("loading the model; it is kept for the next visit");
    await ready();
    running.signal.throwIfAborted();
    for (const key of keys) {
      const seconds = await runLive(key, running.signal);
      say(`done in ${seconds.toFixed(1)} s: drag the slider to look at every step`);
    }
  } catch (error) {
    if (error.name === "AbortError") say("cancelled");
    else fail(error);
  } finally {
    set({ running: null });
  }
}

const methodNow = () =>
  store.get().runs[store.get().shown]?.method ?? (METHODS.includes(store.get().shown) ? store.get().shown : GUIDED);

/** Decodes what a step foresees where it has no picture yet; one at a time. */
let decoding = false;
async function decodeShown() {
  const state = store.get(),
    step = state.runs[state.shown]?.steps[state.at.step];
  if (decoding || !engine || state.running || !step || step.frame || !step.x0) return;
  decoding = true;
  try {
    step.frame = canvasOf(await engine.decode(step.x0));
  } catch (error) {
    fail(error);
    step.x0 = null;
  } finally {
    decoding = false;
    renew();
  }
}

// ---------------------------------------------------------------- mask and files

async function startPainting() {
  const { picture, mask } = store.get();
  set({ painting: true, playing: false });
  closePainter = await openPainter(
    part("painter"),
    part("tools"),
    { picture, mask, size: recorded.index.size },
    { changed: (painted) => set({ mask: painted }), say, finish: stopPainting },
  );
}

function stopPainting() {
  if (!store.get().painting) return;
  closePainter?.();
  closePainter = null;
  say("");
  set({ painting: false });
}

async function openFiles(files) {
  if (!files.length) return;
  try {
    say("loading the model, which decodes the run's pictures");
    await ready();
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

async function saveRun() {
  const run = store.get().runs[store.get().shown];
  if (!run?.trace) return say("expected a run of this tab to save, got a recorded one: press Run first", true);
  save(await engine.download(run.trace), `mag-edit-${run.words.join("-")}.zip`);
}

// ---------------------------------------------------------------- drawing

const drawers = [
  makeStage(part("stage"), 256),
  makeLoop(part("loop"), 256),
  makeCurves(part("curves"), (at) => set({ at, playing: false, following: false })),
  makeCards(part("cards"), (key) => show(key)),
  makePrompt(part("prompt"), store),
  makeSettings(part("settings"), part("further"), store),
  makeTimeline(part("time"), store),
];
const views = Object.entries(VIEWS).map(([view, text]) => {
  const made = button(text, () => set({ view }));
  part("views").append(made);
  return [view, made];
});

function drawButtons(state) {
  const run = state.runs[state.shown];
  for (const [view, made] of views) made.setAttribute("aria-pressed", String(state.view === view));
  part("run").textContent = state.running ? "Cancel" : stale(run, state) ? "Run again" : "Run live";
  part("run").classList.toggle("wanted", !state.running && stale(run, state));
  part("paint").setAttribute("aria-pressed", String(state.painting));
  for (const [id, there] of [
    ["painter", state.painting],
    ["tools", state.painting],
    ["stage", !state.painting],
    ["views", !state.painting],
  ])
    part(id).hidden = !there;
  for (const id of ["source", "target"]) if (document.activeElement !== part(id)) part(id).value = state[id];
  for (const made of part("scenes").children)
    made.setAttribute("aria-pressed", String(made.dataset.name === state.scene));
}

/** All drawing is done once a frame. */
let waiting = null;
store.on((_, names) => {
  if (waiting) return names.forEach((name) => waiting.add(name));
  waiting = new Set(names);
  const draw = () => {
    const changed = [...waiting],
      state = store.get();
    waiting = null;
    if (!state.picture) return;
    document.querySelector(".poster")?.remove();
    for (const one of [...drawers, { draw: drawButtons }]) one.draw(state, changed);
    if (changed.includes("runs")) fill(part("story"), state.runs);
    decodeShown();
  };
  document.hidden ? setTimeout(draw, 0) : requestAnimationFrame(draw);
});

// ---------------------------------------------------------------- what a person does

function listen() {
  part("run").addEventListener("click", () => press([methodNow()]));
  part("all").addEventListener("click", () => press(METHODS));
  part("paint").addEventListener("click", () => (store.get().painting ? stopPainting() : startPainting().catch(fail)));
  part("save").addEventListener("click", () => saveRun().catch(fail));
  part("open").addEventListener("click", () => part("chosen").click());
  part("chosen").addEventListener("change", () => openFiles([...part("chosen").files]));
  part("theme").addEventListener("click", turnTheme);
  for (const id of ["source", "target"])
    part(id).addEventListener("change", () => set({ [id]: part(id).value.trim() }));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    await openFiles(await dropped(event.dataTransfer));
  });
  document.addEventListener("keydown", keys);
}

function turnTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches,
    now = store.get().theme === "auto" ? (dark ? "dark" : "light") : store.get().theme;
  const theme = now === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  set({ theme });
}

/** Space plays, arrows go a moment on or back, 1 to 4 choose the method; not while something is typed or painted. */
function keys(event) {
  if (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    event.target.closest("input, select, button, summary, .painter, .parts")
  )
    return;
  const state = store.get(),
    every = places(state.runs[state.shown] ?? { steps: [], open: [] });
  const at = every.findIndex(({ step, nudge }) => step === state.at.step && nudge === state.at.nudge);
  const go = (i) => every[i] && set({ at: every[i], playing: false, following: false });
  const actions = {
    " ": () => set({ playing: !state.playing }),
    ArrowRight: () => go(at + 1),
    ArrowLeft: () => go(at - 1),
    Escape: () => state.running?.abort(),
  };
  METHODS.forEach((key, i) => {
    actions[String(i + 1)] = () => show(key);
  });
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

/** What a part of the story wants: a run, a place in it, a view, and whether it plays. */
async function follow(_, wanted) {
  if (store.get().running) return;
  if (store.get().scene !== recorded.index.scenes[0].name) return; // the story tells of its own scene
  stopPainting();
  const { run, step, nudge = null, view, play = false, paint = false } = wanted;
  const last = wanted.step === "last" ? store.get().runs[run]?.of - 1 || 19 : step;
  await show(run, { view, at: { step: last, nudge }, playing: play && !calm });
  if (paint) await startPainting();
}

/** Where the server sets no headers, a worker sets them, so that WebAssembly may have threads: from the next visit on. */
function isolate() {
  if (globalThis.crossOriginIsolated || !navigator.serviceWorker) return;
  navigator.serviceWorker.register("isolate.js").catch(() => {}); // one thread then, which works too
}

async function begin() {
  listen();
  isolate();
  recorded = await openRecorded("recorded/");
  set({ mix: recorded.index.colours });
  for (const { name, title } of recorded.index.scenes) {
    const made = button(
      "",
      () =>
        openScene(name)
          .then(() => set({ at: { step: 0, nudge: null }, playing: !calm }))
          .catch(fail),
      title,
    );
    made.style.backgroundImage = `url(recorded/${name}/picture.png)`;
    made.dataset.name = name;
    made.title = title;
    part("scenes").append(made);
  }
  await openScene(recorded.index.scenes[0].name);
  makeStory(part("story"), part("dots"), (i, wanted) => follow(i, wanted).catch(fail));
}

begin().catch(fail);
