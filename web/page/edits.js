// Edits that are computed in this tab: the engine is woken, run, cancelled, and asked for pictures.

import { fail, GUIDED, METHODS, part, renew, say, set, store } from "./desk.js";
import { canvasOf, loader, requestOf } from "./live.js";
import { refusal } from "./parts/prompt.js";
import { addNudge, addStep, emptyRun } from "./run.js";

const MODELS = "models/tabletop/";
let engine;

const wake = loader(
  new URL("engine/index.js", document.baseURI).href,
  { base: MODELS, runtime: "engine/runtime/" },
  ({ done, of }) => {
    const share = of ? ` ${Math.round((100 * done) / of)} %` : "";
    part("engine").textContent = `model${share}${of ? ` of ${(of / 1e6).toFixed(0)} MB` : ""}`;
    part("engine").style.setProperty("--share", of ? `${(100 * done) / of}%` : "0%");
  },
);

export async function ready() {
  if (!engine) part("engine").textContent = "loading the model";
  engine = await wake();
  const how =
    engine.backend === "webgpu" ? "WebGPU" : `WASM, ${engine.threads} ${engine.threads > 1 ? "threads" : "thread"}`;
  part("engine").textContent = how;
  part("engine").dataset.ready = "true";
  return engine;
}

function pixelsNow() {
  const size = store.get().size,
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
  const result = await engine.edit(request, {
    signal,
    onInvert: (done, of) => say(`inverting the picture: ${done} of ${of}`),
    onNudge: (event) => {
      addNudge(run, event);
      follow({ step: event.step, nudge: event.iteration });
    },
    onStep: (event) => {
      addStep(run, event);
      say(`step ${event.step + 1} of ${event.steps}`);
      follow({ step: event.step, nudge: null });
      decode(run.steps[event.step]);
    },
  });
  run.steps.at(-1).frame = canvasOf(result.picture);
  Object.assign(run, { done: true, trace: result.trace, tokens: result.trace.tokens });
  renew();
  return (performance.now() - began) / 1000;
}

/** The button: run, or cancel what runs. */
export async function press(keys) {
  const state = store.get();
  if (state.running) return state.running.abort();
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

export const methodNow = () =>
  store.get().runs[store.get().shown]?.method ?? (METHODS.includes(store.get().shown) ? store.get().shown : GUIDED);

let decoding = false;

/** Decodes what a step foresees, one step at a time: while an edit runs, whatever comes meanwhile is left for later. */
async function decode(step) {
  if (decoding || !step || step.frame || !step.x0) return;
  decoding = true;
  try {
    const frame = canvasOf(await engine.decode(step.x0));
    step.frame ??= frame;
  } catch (error) {
    step.x0 = null; // it is not asked for again and again
    fail(error);
  }
  decoding = false;
  renew();
}

/** The picture that is looked at, then those of the other steps, once no edit runs. */
export function decodeShown({ running, runs, shown, at }) {
  const run = runs[shown];
  if (!engine || running || !run) return;
  const missing = (step) => step && !step.frame && step.x0;
  decode(missing(run.steps[at.step]) ? run.steps[at.step] : run.steps.findLast(missing));
}
