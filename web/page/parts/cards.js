// The four methods side by side at the same step; a press shows one of them large.

import { element } from "../../../widgets/shared/dom.js";
import { moment, placeOf, places } from "../run.js";
import { LOOKS } from "./curves.js";
import { stale } from "./settings.js";

const NOTES = {
  p2p: "swaps the prompt, keeps the layout",
  "p2p+mask": "and keeps what is outside",
  "p2p+reweight": "and shouts the word",
  "p2p+mag-edit": "and nudges the noise",
};

function makeCard(key, show) {
  const canvas = element("canvas", { width: 256, height: 256 }),
    share = element("span", { className: "share" }),
    bar = element("i");
  canvas.setAttribute("aria-hidden", "true");
  const meter = element("span", { className: "meter" }, bar);
  meter.setAttribute("aria-hidden", "true");
  const card = element(
    "button",
    { type: "button", className: "card" },
    canvas,
    element(
      "span",
      { className: "words" },
      element("b", { textContent: LOOKS[key].name }),
      element("small", { textContent: NOTES[key] }),
      meter,
      share,
    ),
  );
  card.style.setProperty("--own", LOOKS[key].colour);
  card.addEventListener("click", () => show(key));
  return { card, canvas, share, bar };
}

/** {draw(state)} into the element given; `show(key)` shows a method's run. */
export function makeCards(root, show) {
  const cards = Object.fromEntries(Object.keys(LOOKS).map((key) => [key, makeCard(key, show)]));
  root.append(...Object.values(cards).map(({ card }) => card));

  function draw(state) {
    for (const [key, { card, canvas, share, bar }] of Object.entries(cards)) {
      const shownHere = state.runs[state.shown]?.method === key,
        run = shownHere ? state.runs[state.shown] : state.runs[key];
      card.setAttribute("aria-pressed", String(shownHere));
      const every = run ? places(run) : [];
      card.classList.toggle("empty", !every.length);
      if (!every.length) {
        canvas.getContext("2d").clearRect(0, 0, 256, 256);
        share.textContent = "run it";
        bar.style.inlineSize = "0%";
        card.setAttribute("aria-label", `${LOOKS[key].name}: not run yet`);
        continue;
      }
      const now = moment(run, every[placeOf(every, shownHere ? state.at : { step: state.at.step, nudge: null })]);
      const frame = now.before?.frame ?? now.step?.frame;
      if (frame) canvas.getContext("2d").drawImage(frame, 0, 0, 256, 256);
      const other = stale(run, state);
      card.classList.toggle("stale", other);
      const percent = Math.round(100 * (now.share ?? 0));
      share.textContent = other ? "other settings" : `${percent} % inside`;
      bar.style.inlineSize = `${percent}%`;
      card.setAttribute(
        "aria-label",
        `${LOOKS[key].name}: ${NOTES[key]}; ${percent} % of the attention inside the mask`,
      );
    }
  }
  return { draw };
}
