// The large picture: what the step foresees, attention as light over it, the latent, the mask's outline.

import { element } from "../../../widgets/shared/dom.js";
import { outlineCanvas } from "../../../widgets/shared/maps.js";
import { glow, latentPixels } from "../colours.js";
import { moment, spoken } from "../run.js";

/** Draw pixels of a small picture onto a canvas of that size. */
export function put(canvas, pixels, width, height = width) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
}

/** A mask of pixels in cells: those that it covers at least by half. */
export function cellsOf(mask, side, cells) {
  const factor = side / cells,
    counts = new Float32Array(cells * cells);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      counts[Math.floor(y / factor) * cells + Math.floor(x / factor)] += mask[y * side + x] / 255;
  return Uint8Array.from(counts, (count) => (count >= (factor * factor) / 2 ? 1 : 0));
}

/** {draw(state)} into the element given. */
export function makeStage(root, size) {
  const picture = element("canvas", { width: size, height: size, className: "picture" }),
    latent = element("canvas", { className: "latent", width: 32, height: 32 }),
    light = element("canvas", { className: "light", width: 16, height: 16 }),
    outline = outlineCanvas(size / 4, size / 4),
    badge = element("span", { className: "badge" });
  outline.canvas.className = "outline";
  for (const canvas of [picture, latent, light]) canvas.setAttribute("aria-hidden", "true");
  badge.setAttribute("aria-hidden", "true");
  root.setAttribute("role", "img");
  root.append(picture, latent, light, outline.canvas, badge);
  let masked, cells;

  function drawMask(mask) {
    if (masked === mask) return;
    masked = mask;
    cells = mask ? cellsOf(mask, size, size / 4) : null;
  }

  /** What is drawn below: the source, a foreseen picture, or the latent where there is no picture yet. */
  function ground(state, now) {
    const frame = state.view === "source" ? state.picture : (now?.before?.frame ?? now?.step?.frame);
    const shown = frame ?? (now?.before || now?.nudge ? null : state.picture);
    if (shown) picture.getContext("2d").drawImage(shown, 0, 0, size, size);
    return Boolean(shown);
  }

  function draw(state) {
    const run = state.runs[state.shown],
      now = run?.steps.length || run?.open.length ? moment(run, state.at) : null;
    drawMask(state.mask);
    outline.draw(cells);
    const there = ground(state, now),
      values = (now?.before ?? now?.step)?.latent;
    const asLatent = state.view === "latent" || (!there && state.view !== "source");
    latent.hidden = !(asLatent && values);
    latent.classList.toggle("smooth", state.view !== "latent");
    if (!latent.hidden) put(latent, latentPixels(values, state.mix), Math.sqrt(values.length / (state.mix.length - 1)));
    light.hidden = !(state.view === "attention" && now?.map);
    if (!light.hidden) put(light, glow(now.map), Math.sqrt(now.map.length));
    outline.canvas.hidden = state.view === "picture" && !state.painting;
    badge.textContent = caption(state, now);
    root.setAttribute("aria-label", described(state, run, now));
  }
  return { draw };
}

function caption(state, now) {
  if (state.view === "source" || !now) return "source";
  if (state.view === "latent") return "latent";
  if (state.view === "attention") return `where “${state.words[0]}” looks`;
  if (now.nudge && !(now.before ?? now.step)?.frame) return "latent";
  return state.at.step + 1 === state.runs[state.shown].of && !now.nudge ? "result" : "as this step foresees it";
}

function described(state, run, now) {
  if (state.view === "source" || !now) return `The source picture: ${state.source}. The mask is outlined.`;
  const share = now.share === undefined ? "" : ` ${Math.round(100 * now.share)} % of it lies inside the mask.`;
  const what = {
    picture: `The finished picture as this step foresees it, for “${state.target}”.`,
    attention: `The attention of “${state.words[0]}” over the picture.${share}`,
    latent: "The latent, 32 by 32 cells of four channels, as colours.",
  }[state.view];
  return `${what} ${spoken(run, state.at)}.`;
}
