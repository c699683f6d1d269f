// The one loop of an edit: source pass, nudges, target passes, blend; a stream of nudges and steps.

import { blended, guided, move, x0 } from "./schedule.js";

/** The noise prediction of a plain pass. */
export async function predicted(core, z, t, text) {
  const { out } = await core.graphs.run("unet", { z, t: Float32Array.of(t), text });
  return core.schedule.eps(out.data, z, core.schedule.level(t));
}

/** Yields {nudge} and {step}. path: {latents, times, uncond, cond, pin}. alive(): lets messages in, and throws once the
 * run is cancelled. */
export async function* steps(core, plan, path, cond, alive) {
  let [source, target] = [path.latents[0], path.latents[0]];
  for (const [i, t] of path.times.entries()) {
    const began = performance.now();
    const now = { i, t, source, target, cond, path, here: core.schedule.level(t) };
    now.there = core.schedule.level(path.times[i + 1] ?? -1);
    const injected = await inject(core, plan, now, alive);
    const nudges = [];
    for (let k = 0; k < nudgesAt(plan, i); k++) {
      const event = await nudged(core, plan, now, injected, k);
      nudges.push(event);
      yield { nudge: event };
      await alive();
    }
    const step = await moved(core, plan, now, injected, alive);
    [source, target] = [step.source, step.target];
    const seconds = (performance.now() - began) / 1000;
    yield { step: stepEvent(plan, now, step, injected, nudges, seconds) };
    await alive();
  }
}

const nudgesAt = ({ request }, i) => (i < request.tau ? request.nudges : 0);

/** Whether step i lies in the first share of so many rows. */
const within = (i, share, rows) => i < Math.trunc(share * rows);

/** A source pass where any of its maps is taken, and what the target's passes get of it. */
async function inject(core, plan, { i, t, source, path }, alive) {
  const { request: r, taken, factors, regions } = plan;
  const cross = within(i, r.crossReplace, r.steps + 1);
  const itself = within(i, r.selfReplace, r.steps);
  const flags = {
    taken: cross ? taken : new Float32Array(taken.length),
    factors: cross ? factors : new Float32Array(factors.length).fill(1),
    itself: Float32Array.of(Number(itself)),
    ...regions,
  };
  if (!(cross && taken.some(Boolean)) && !itself) return { ...core.empty, ...flags, heat: null };
  const { heat, ...maps } = await core.graphs.run("source", {
    z: source,
    t: Float32Array.of(t),
    text: path.cond,
    mapper: plan.mapper,
  });
  await alive();
  return { ...maps, ...flags, heat: heat.data };
}

/** One nudge (Eq. 4); `now.target` is moved. */
async function nudged(core, plan, now, injected, iteration) {
  const { request: r, latentMask: mask } = plan;
  const stepSize = r.stepSize * (r.bySigma ? core.schedule.sigma(now.t) : 1);
  const own = { z: now.target, t: Float32Array.of(now.t), text: now.cond, delta: Float32Array.of(stepSize), mask };
  const out = await core.graphs.run("nudge", { ...injected, ...plan.nudge, ...own });
  const { moved, loss, terms, gradient, heat } = Object.fromEntries(Object.entries(out).map(([k, v]) => [k, v.data]));
  if (!moved.every(Number.isFinite)) throw unfinite(`step ${now.i}, timestep ${now.t}, iteration ${iteration + 1}`);
  const change = Math.sqrt(moved.reduce((sum, v, k) => sum + (v - now.target[k]) ** 2, 0));
  now.target = moved;
  const map = summed(heat, plan.columns, plan.cells.length);
  const maps = joined(plan.columns.map((column) => summed(heat, [column], plan.cells.length)));
  return {
    step: now.i,
    timestep: now.t,
    iteration,
    loss: loss[0],
    terms: [...terms].slice(0, plan.words.length),
    ...sizes(gradient, mask),
    map,
    maps,
    share: inside(map, plan.cells),
    moved: change,
    stepSize,
  };
}

/** The target's two passes, the move, and the blend. */
async function moved(core, plan, now, injected, alive) {
  const { i, t, here, there, path } = now;
  const target = await core.graphs.run("target", { ...injected, z: now.target, t: Float32Array.of(t), text: now.cond });
  await alive();
  const uncond = await predicted(core, now.target, t, path.uncond[i] ?? path.uncond[0]);
  await alive();
  const cond = core.schedule.eps(target.out.data, now.target, here);
  const eps = guided(uncond, cond, plan.request.guidance);
  const next = move(now.target, eps, here, there);
  if (!next.every(Number.isFinite)) throw unfinite(`step ${i}, timestep ${t}`);
  const source = path.pin ? path.latents[i + 1] : await sourceAfter(core, plan, now, alive);
  const blends = plan.blendMask && i >= Math.trunc(plan.request.blend.start * path.times.length);
  return {
    source,
    target: blends ? blended(source, next, plan.blendMask) : next,
    x0: x0(now.target, eps, here),
    heat: target.heat.data,
  };
}

/** The source's own latent after the step, where the path is not replayed. */
async function sourceAfter(core, plan, { i, t, source, here, there, path }, alive) {
  const uncond = await predicted(core, source, t, path.uncond[i] ?? path.uncond[0]);
  await alive();
  const cond = await predicted(core, source, t, path.cond);
  return move(source, guided(uncond, cond, plan.request.guidance), here, there);
}

function stepEvent(plan, { i, t, path }, step, injected, nudges, seconds) {
  const cells = plan.cells.length;
  const map = summed(step.heat, plan.columns, cells);
  return {
    step: i,
    timestep: t,
    steps: path.times.length,
    x0: step.x0,
    latent: step.target,
    attention: planes(step.heat, plan.tokens.length, cells),
    sourceAttention: injected.heat && planes(injected.heat, plan.sourceTokens.length, cells),
    map,
    share: inside(map, plan.cells),
    losses: nudges.map((n) => n.loss),
    gradients: { inside: nudges.map((n) => n.gradientInside), outside: nudges.map((n) => n.gradientOutside) },
    nudges,
    seconds,
  };
}

/** A plane for each token, and one of the padding's, summed. */
function planes(heat, tokens, cells) {
  const out = new Float32Array((tokens + 1) * cells);
  for (let i = 0; i < heat.length; i++) out[Math.min(Math.floor(i / cells), tokens) * cells + (i % cells)] += heat[i];
  return out;
}

function summed(heat, columns, cells) {
  const out = new Float32Array(cells);
  for (const column of columns) for (let i = 0; i < cells; i++) out[i] += heat[column * cells + i];
  return out;
}

function joined(rows) {
  const out = new Float32Array(rows.reduce((n, row) => n + row.length, 0));
  for (const [k, row] of rows.entries()) out.set(row, k * row.length);
  return out;
}

/** The share of a map that falls inside the mask. */
function inside(map, cells) {
  const sum = (weight) => map.reduce((n, v, i) => n + v * weight(i), 0);
  return sum((i) => cells[i]) / sum(() => 1);
}

/** Root mean square of a gradient over channels, in each cell and inside and outside the mask. */
function sizes(gradient, mask) {
  const channels = gradient.length / mask.length;
  const square = new Float32Array(mask.length);
  for (let i = 0; i < gradient.length; i++) square[i % mask.length] += gradient[i] ** 2 / channels;
  const mean = (side) => {
    const cells = square.filter((_, i) => mask[i] > 0.5 === side);
    return Math.sqrt(cells.reduce((sum, v) => sum + v, 0) / Math.max(1, cells.length));
  };
  return { gradientInside: mean(true), gradientOutside: mean(false), gradientMap: square.map(Math.sqrt) };
}

const unfinite = (where) =>
  new Error(`expected finite latents, got NaN or infinity at ${where}; take a smaller step size`);
