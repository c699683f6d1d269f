// A run as the page keeps it: the engine's events, and the places that can be gone to. Nothing here draws.

/** A run that has no step yet. origin: "recorded", "live" or "opened". */
export function emptyRun({ key, method, origin, words, tokens = [], settings = {}, steps = 0, request }) {
  return { key, method, origin, words, tokens, settings, request, of: steps, steps: [], open: [], done: false };
}

export function addNudge(run, event) {
  run.open.push(event);
}

/** A finished step; its nudges are those of the event. `frame`: what can be drawn, if there is a picture yet. */
export function addStep(run, event, frame = null) {
  run.steps[event.step] = { ...event, frame };
  run.open = [];
  run.of = event.steps ?? run.of;
}

/** Every moment of a run in its order: each nudge of a step, then the step itself (nudge null). */
export function places(run) {
  const found = run.steps.flatMap((step, i) => [
    ...step.nudges.map((_, k) => ({ step: i, nudge: k })),
    { step: i, nudge: null },
  ]);
  return [...found, ...run.open.map((event, k) => ({ step: event.step, nudge: k }))];
}

/** Which of all places is a step's, or a nudge's of it; the nearest where the run lacks it. */
export function placeOf(all, { step, nudge }) {
  const exact = all.findIndex((p) => p.step === step && p.nudge === nudge);
  if (exact >= 0) return exact;
  const own = all.findIndex((p) => p.step === step && p.nudge === null);
  if (own >= 0) return own;
  return step < 0 ? 0 : all.length - 1;
}

/** The nudge event of a place, or null. */
export function nudgeAt(run, { step, nudge }) {
  if (nudge === null) return null;
  return run.steps[step]?.nudges[nudge] ?? run.open[nudge] ?? null;
}

/** What is known at a place: the step before it (for pictures), the map, the share, and the nudge if there is one. */
export function moment(run, place) {
  const nudge = nudgeAt(run, place);
  const step = run.steps[place.step] ?? null;
  const before = nudge ? (run.steps[place.step - 1] ?? null) : step;
  const timestep = nudge?.timestep ?? step?.timestep;
  return { nudge, step, before, timestep, map: nudge?.map ?? step?.map, share: nudge?.share ?? step?.share };
}

/** All nudges in their order, with the place that each has. */
export function nudges(run) {
  const all = places(run);
  return all.flatMap((place, at) => (place.nudge === null ? [] : [{ at, ...place, event: nudgeAt(run, place) }]));
}

/** The last nudge at or before a place: an index into `nudges`, or -1. */
export function nudgeBefore(list, at) {
  return list.findLastIndex((nudge) => nudge.at <= at);
}

/** Where another step begins among all nudges. */
export function borders(list) {
  return list.flatMap((nudge, i) => (i && list[i - 1].step !== nudge.step ? [i] : []));
}

/** A place in words. */
export function spoken(run, place) {
  const { timestep } = moment(run, place);
  const where = `step ${place.step + 1} of ${run.of || run.steps.length}`;
  const noise = timestep === undefined ? "" : `, timestep ${timestep}`;
  if (place.nudge === null) return `${where}${noise}`;
  const many = run.steps[place.step]?.nudges.length ?? run.settings.nudges ?? run.open.length;
  return `${where}${noise}, nudge ${place.nudge + 1} of ${many}`;
}
