// What all of the page shares: its state, and where it says something.

import { lineOf } from "./live.js";
import { FIRST } from "./parts/settings.js";
import { makeStore } from "./store.js";

export const GUIDED = "p2p+mag-edit";
export const METHODS = ["p2p", "p2p+mask", "p2p+reweight", GUIDED];
export const part = (id) => document.getElementById(id);
export const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

export const store = makeStore({
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
  size: 256,
  mix: [],
  theme: document.documentElement.dataset.theme,
  tick: 0,
});

export const set = (changes) => store.set(changes);
/** Draws anew: a run has grown. */
export const renew = () => set({ tick: store.get().tick + 1 });

const NARROW = matchMedia("(max-width: 999px)"); // where what is said lies over the page
let fading;

export function say(text, error = false) {
  clearTimeout(fading);
  if (NARROW.matches && text && !error) fading = setTimeout(() => say(""), 5000);
  part("status").textContent = text;
  part("status").classList.toggle("error", error);
}

/** Says what went wrong; being cancelled is nothing wrong. */
export const fail = (error) => error?.name !== "AbortError" && say(lineOf(error), true);
