// The charts: loss and gradient of every nudge, and the share of attention inside the mask of every method.

import { makeChart } from "../../../widgets/shared/chart.js";
import { borders, nudgeBefore, nudges, places } from "../run.js";

export const LOOKS = {
  p2p: { name: "P2P", colour: "var(--soft)", dash: "2 4" },
  "p2p+mask": { name: "+ Mask", colour: "var(--third)", dash: "8 5" },
  "p2p+reweight": { name: "+ Re-weight", colour: "var(--second)", dash: "9 3 2 3" },
  "p2p+mag-edit": { name: "MAG-Edit", colour: "var(--accent)" },
};

/** A curve whose part up to `here` is drawn, and the rest only hinted at. */
export function grown(line, here) {
  const until = line.values.map((v, i) => (i <= here ? v : null)),
    rest = line.values.map((v, i) => (i >= here ? v : null));
  return [
    { ...line, name: "", values: rest, width: 1, dash: "1 4" },
    { ...line, values: until },
  ];
}

/** {draw(state)} into the element given; `go(place)` moves the page to a place of the shown run. */
export function makeCurves(root, go) {
  let list = [];
  const toNudge = (i) => list[i] && go({ step: list[i].step, nudge: list[i].nudge });
  const loss = makeChart("Loss", toNudge),
    gradient = makeChart("Gradient", toNudge),
    share = makeChart("Share of the word’s attention inside the mask", (step) => go({ step, nudge: null }));
  root.append(loss.figure, gradient.figure, share.figure);

  function drawNudges(run, at) {
    const here = Math.max(
      0,
      nudgeBefore(
        list,
        places(run).findIndex((p) => p.step === at.step && p.nudge === at.nudge),
      ),
    );
    const ends = [`step ${list[0].step + 1}`, `step ${list.at(-1).step + 1}`],
      edges = borders(list);
    const line = (name, field, colour, dash) =>
      grown({ name, values: list.map(({ event }) => event[field]), colour, dash }, here);
    const few = { here, ends, borders: edges.length < 40 ? edges : [], count: list.length };
    loss.draw({ ...few, lines: line("", "loss", "var(--accent)") });
    gradient.draw({
      ...few,
      lines: [
        ...line("inside", "gradientInside", "var(--accent)"),
        ...line("outside", "gradientOutside", "var(--second)", "8 5"),
      ],
    });
  }

  function drawShares(state) {
    const shown = Object.entries(LOOKS).filter(([key]) => state.runs[key]?.steps.length);
    const lines = shown.map(([key, look]) => ({
      ...look,
      values: state.runs[key].steps.map((step) => 100 * step.share),
      width: key === state.shown ? 4 : 2,
    }));
    const steps = Math.max(...shown.map(([key]) => state.runs[key].steps.length));
    share.draw({ lines, here: state.at.step, ends: ["step 1", `step ${steps}`], zero: true, format: percent });
  }

  function draw(state) {
    const run = state.runs[state.shown];
    if (!run?.steps.length && !run?.open.length) return;
    list = nudges(run);
    loss.figure.hidden = gradient.figure.hidden = !list.length;
    share.figure.hidden = Boolean(list.length);
    if (list.length) drawNudges(run, state.at);
    else drawShares(state);
  }
  return { draw };
}

const percent = (value) => `${Math.round(value)} %`;
