// A run's stages on a line, and a strip of its pictures.

import { addresses, element } from "../shared/dom.js";

/** The parts of a time line, each {name, text, share, done}: the inversion, then runs of steps with or without nudges.
 * share: of the line's length, by the work that it is; done: 0 to 1. */
export function segments(
  { inverted: [done, of] = [0, 1], nudges = [], step = 0, nudge = 0, stage = "" },
  over = false,
) {
  const began = stage === "nudging" || stage === "denoising" || over;
  const made = [{ name: "inverting", text: "inverting", share: 1, done: began ? 1 : of ? done / of : 0 }];
  const works = nudges.map((count) => 1 + count),
    whole = works.reduce((a, b) => a + b, 0) || 1;
  const past = over ? nudges.length : began ? step + (stage === "denoising" ? 1 : 0) : 0;
  let from = 0;
  while (from < nudges.length) {
    let to = from;
    while (to < nudges.length && nudges[to] > 0 === nudges[from] > 0) to++;
    const work = works.slice(from, to).reduce((a, b) => a + b, 0);
    let gone = works.slice(from, Math.max(from, Math.min(to, past))).reduce((a, b) => a + b, 0);
    if (stage === "nudging" && step >= from && step < to) gone += nudge;
    const name = nudges[from] > 0 ? "nudging" : "denoising",
      steps = to - from === 1 ? `step ${from}` : `steps ${from}–${to - 1}`;
    made.push({ name, text: `${name}, ${steps}`, share: (2 * work) / whole, done: Math.min(1, gone / work), from, to });
    from = to;
  }
  return made;
}

/** Which segment is under way; -1 where none is. */
export function current(parts, { stage, step }) {
  if (stage === "inverting") return 0;
  return stage ? parts.findIndex(({ from, to }) => from !== undefined && step >= from && step < to) : -1;
}

/** {box, draw(line, over)} of the stages. */
export function makeTimeLine() {
  const box = element("ol", { className: "timeline" });
  box.setAttribute("aria-label", "stages of the run");
  const draw = (line, over) => {
    const parts = segments(line, over),
      now = current(parts, line);
    box.replaceChildren(
      ...parts.map(({ name, text, share, done }, i) => {
        const fill = element("span", { className: "fill" });
        fill.style.width = `${100 * done}%`;
        const part = element(
          "li",
          { className: name },
          element("span", { className: "track" }, fill),
          element("span", { className: "stagename", textContent: text, title: text }),
        );
        part.style.flexGrow = Math.max(0.5, share);
        if (i === now) part.setAttribute("aria-current", "step");
        return part;
      }),
    );
  };
  return { box, draw };
}

/** {box, draw(frames), stop} of the pictures. */
export function makeStrip() {
  const box = element("ol", { className: "strip" });
  box.setAttribute("aria-label", "pictures of the run's way");
  let free = () => {};
  const draw = (frames) => {
    free();
    const got = addresses(frames.map(({ picture }) => picture));
    free = got.free;
    box.hidden = !frames.length;
    box.replaceChildren(
      ...frames.map(({ stage, text }, i) =>
        element("li", { className: stage }, element("img", { src: got.urls[i], alt: text, title: text })),
      ),
    );
  };
  return { box, draw, stop: () => free() };
}
