// One nudge as a loop of four tiles: latent, attention, loss, gradient, and back to the latent.

import { digits } from "../../../widgets/shared/chart.js";
import { element, vector } from "../../../widgets/shared/dom.js";
import { colourise, outlineCanvas } from "../../../widgets/shared/maps.js";
import { bytesOf, latentPixels, TABLE } from "../colours.js";
import { moment } from "../run.js";
import { cellsOf, put } from "./stage.js";

function tile(name, title, note, inner) {
  const words = element("small", { textContent: note });
  const figure = element(
    "figure",
    { className: `tile ${name}` },
    element("div", { className: "face" }, ...inner),
    element("figcaption", {}, element("b", { textContent: title }), words),
  );
  figure.setAttribute("role", "img");
  return { figure, words, say: (text) => figure.setAttribute("aria-label", `${title}: ${text}`) };
}

function arrow(text) {
  const svg = vector("svg", { viewBox: "0 0 28 14", class: "arrow", "aria-hidden": "true" });
  svg.append(vector("path", { d: "M1 7H24M18 2l7 5-7 5" }));
  return element("span", { className: "link" }, svg, element("small", { textContent: text }));
}

function mapTile(name, title, note) {
  const canvas = element("canvas", { className: "cells" }),
    outline = outlineCanvas(32, 32);
  outline.canvas.className = "outline";
  canvas.setAttribute("aria-hidden", "true");
  return { canvas, outline, ...tile(name, title, note, [canvas, outline.canvas]) };
}

/** {draw(state)} into the element given. */
export function makeLoop(root, size) {
  const latent = mapTile("latent", "latent z", "noise, on its way"),
    map = mapTile("attention", "attention", "of the word"),
    gradient = mapTile("gradient", "gradient", "of the loss by z");
  const inside = element("i", { className: "in" }),
    number = element("output"),
    of = element("span", { className: "of" });
  const gauge = element("div", { className: "gauge" }, inside);
  gauge.setAttribute("aria-hidden", "true");
  const loss = tile("loss", "loss", "0 is perfect", [number, gauge, of]);
  const back = element("p", { className: "back" });
  root.append(
    latent.figure,
    arrow("U-Net"),
    map.figure,
    arrow("Eq. 1"),
    loss.figure,
    arrow("∇"),
    gradient.figure,
    back,
  );
  let masked, cells;

  function drawNudge(now, guided) {
    const { nudge } = now;
    root.classList.toggle("still", !nudge);
    gradient.canvas.hidden = !nudge;
    if (!nudge) {
      number.textContent = "–";
      back.textContent = stillness(now, guided);
      gradient.say("none at this step");
      loss.say("none at this step");
      return;
    }
    number.textContent = digits(nudge.loss);
    const side = Math.sqrt(nudge.gradientMap.length);
    put(gradient.canvas, colourise(bytesOf(nudge.gradientMap), TABLE), side);
    back.textContent = `z ← z − mask · ${digits(nudge.stepSize)} · gradient, and again`;
    loss.say(digits(nudge.loss));
    gradient.say(`${digits(nudge.gradientInside)} inside the mask, ${digits(nudge.gradientOutside)} outside`);
  }

  function draw(state) {
    const run = state.runs[state.shown];
    if (!run?.steps.length && !run?.open.length) return;
    const now = moment(run, state.at),
      values = (now.before ?? now.step)?.latent;
    if (masked !== state.mask) {
      masked = state.mask;
      cells = state.mask ? cellsOf(state.mask, size, 32) : null;
    }
    for (const part of [map, gradient]) part.outline.draw(cells);
    if (values) put(latent.canvas, latentPixels(values, state.mix), Math.sqrt(values.length / (state.mix.length - 1)));
    latent.say(`timestep ${now.timestep}`);
    latent.words.textContent = `timestep ${now.timestep}`;
    map.words.textContent = `of “${state.words[0]}”`;
    if (now.map) put(map.canvas, colourise(bytesOf(now.map), TABLE), Math.sqrt(now.map.length));
    const share = Math.round(100 * (now.share ?? 0));
    map.say(`of “${state.words[0]}”: ${share} % inside the mask`);
    inside.style.inlineSize = `${share}%`;
    of.textContent = `${share} % inside`;
    drawNudge(now, run.method === "p2p+mag-edit");
  }
  return { draw };
}

/** Why there is no nudge at a place. */
export function stillness({ step }, guided) {
  if (step?.nudges.length) return "the nudges of this step are done: the latent moves on";
  return guided ? "the guided steps are over: what is decided stays" : "no nudges: the word looks where it likes";
}
