// The page: state in, pictures out.

import { button } from "../../widgets/shared/dom.js";
import { calm, fail, METHODS, part, say, set, store } from "./desk.js";
import { decodeShown, methodNow, press } from "./edits.js";
import { dropped, openFiles, saveRun } from "./files.js";
import { isolate } from "./live.js";
import { makeCards } from "./parts/cards.js";
import { makeCurves } from "./parts/curves.js";
import { makeLoop } from "./parts/loop.js";
import { openPainter } from "./parts/painter.js";
import { makePrompt } from "./parts/prompt.js";
import { FIRST, makeSettings, stale } from "./parts/settings.js";
import { makeStage } from "./parts/stage.js";
import { fill, makeStory } from "./parts/story.js";
import { makeTimeline } from "./parts/timeline.js";
import { places } from "./run.js";
import { openScene, openScenes, show } from "./scenes.js";

const VIEWS = { picture: "Picture", attention: "Attention", latent: "Latent", source: "Source" };
let closePainter, first;

// ---------------------------------------------------------------- painting

async function startPainting() {
  const { picture, mask } = store.get();
  set({ painting: true, playing: false });
  closePainter = await openPainter(
    part("painter"),
    part("tools"),
    { picture, mask, size: store.get().size },
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
  part("lab").dataset.run = state.shown;
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
    decodeShown(state);
  };
  document.hidden ? setTimeout(draw, 0) : requestAnimationFrame(draw);
});

// ---------------------------------------------------------------- what a person does

function listen() {
  part("run").addEventListener("click", () => run([methodNow()]));
  part("all").addEventListener("click", () => run(METHODS));
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
    stopPainting();
    await openFiles(await dropped(event.dataTransfer));
  });
  document.addEventListener("keydown", keys);
}

function run(keys) {
  stopPainting();
  press(keys);
}

/** Another scene, which plays its recorded edit. */
function enter(name) {
  stopPainting();
  openScene(name)
    .then(() => set({ at: { step: 0, nudge: null }, playing: !calm }))
    .catch(fail);
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
    " ": () => part("time").querySelector(".play").click(),
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
  if (store.get().scene !== first) await openScene(first); // the story tells of its own scene
  stopPainting();
  const { run, step, nudge = null, view, play = false, paint = false } = wanted;
  const last = step === "last" || (play && calm); // without movement: where it leads
  const at = last ? { step: FIRST.steps - 1, nudge: null } : { step, nudge };
  await show(run, { view, at, playing: play && !calm });
  if (paint) await startPainting();
}

async function begin() {
  listen();
  isolate();
  const scenes = await openScenes("recorded/");
  first = scenes[0].name;
  for (const { name, title } of scenes) {
    const made = button("", () => enter(name), title);
    made.style.backgroundImage = `url(recorded/${name}/picture.png)`;
    made.dataset.name = name;
    made.title = title;
    part("scenes").append(made);
  }
  await openScene(first);
  makeStory(part("story"), part("dots"), (i, wanted) => follow(i, wanted).catch(fail));
}

begin().catch(fail);
