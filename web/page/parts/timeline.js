// From noise to picture: play, pause, and every step and nudge under one slider.

import { element } from "../../../widgets/shared/dom.js";
import { placeOf, places, spoken } from "../run.js";

const PACE = { nudge: 110, step: 210 }; // milliseconds that a moment is shown

/** {draw(state), stop}. `set` changes the state; calm: no movement unless asked for. */
export function makeTimeline(root, store) {
  const button = element("button", { type: "button", className: "play" });
  const input = element("input", { type: "range", min: 0, step: 1, className: "scrub" }),
    ticks = element("canvas", { className: "ticks", height: 10 }),
    words = element("output", { className: "where" });
  ticks.setAttribute("aria-hidden", "true");
  input.setAttribute("aria-label", "step and nudge, from noise to picture");
  root.append(button, element("div", { className: "track" }, input, ticks), words);
  let timer, drawn;

  const all = () => places(store.get().runs[store.get().shown] ?? { steps: [], open: [] });
  const go = (i) => {
    const every = all();
    if (every[i]) store.set({ at: every[i] });
  };
  function play() {
    clearTimeout(timer);
    const every = all(),
      at = placeOf(every, store.get().at);
    if (at >= every.length - 1) {
      if (!store.get().running) store.set({ playing: false });
      return;
    }
    timer = setTimeout(
      () => {
        if (!store.get().playing) return;
        go(at + 1);
        play();
      },
      every[at].nudge === null ? PACE.step : PACE.nudge,
    );
  }
  button.addEventListener("click", () => {
    const { playing, at } = store.get(),
      every = all();
    if (!playing && placeOf(every, at) === every.length - 1) store.set({ at: every[0] });
    store.set({ playing: !playing });
  });
  input.addEventListener("input", () => {
    store.set({ playing: false, following: false });
    go(Number(input.value));
  });

  function draw(state, names) {
    const run = state.runs[state.shown];
    if (names.includes("playing") || names.includes("shown")) state.playing ? play() : clearTimeout(timer);
    button.textContent = state.playing ? "Pause" : "Play";
    button.dataset.on = String(state.playing);
    if (!run?.steps.length && !run?.open.length) return;
    const every = all(),
      at = placeOf(every, state.at);
    input.max = every.length - 1;
    input.value = at;
    input.setAttribute("aria-valuetext", spoken(run, every[at]));
    input.style.setProperty("--done", `${(100 * at) / Math.max(1, every.length - 1)}%`);
    words.textContent = spoken(run, every[at]);
    if (drawn !== `${state.shown} ${every.length} ${state.theme} ${ticks.clientWidth}`) {
      drawn = `${state.shown} ${every.length} ${state.theme} ${ticks.clientWidth}`;
      drawTicks(ticks, every);
    }
  }
  return { draw, stop: () => clearTimeout(timer) };
}

/** A line for every step, a small one for every nudge. */
function drawTicks(canvas, every) {
  canvas.width = 2 * Math.max(100, canvas.clientWidth);
  canvas.height = 20;
  const context = canvas.getContext("2d"),
    style = getComputedStyle(canvas);
  const thumb = 18; // the slider's own, in the canvas's pixels: it does not reach the ends
  every.forEach(({ nudge }, i) => {
    const x = thumb + ((canvas.width - 2 * thumb) * i) / Math.max(1, every.length - 1);
    context.fillStyle = nudge === null ? style.color : style.outlineColor;
    context.fillRect(x - 1, 0, nudge === null ? 2.5 : 2, nudge === null ? 16 : 8);
  });
}
