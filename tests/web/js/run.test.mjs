import assert from "node:assert/strict";
import test from "node:test";
import {
  addNudge,
  addStep,
  borders,
  emptyRun,
  moment,
  nudgeBefore,
  nudges,
  placeOf,
  places,
  spoken,
} from "../../../web/page/run.js";

const nudge = (step, iteration) => ({
  step,
  iteration,
  timestep: 900 - step,
  loss: 1,
  share: 0.5,
  map: [step, iteration],
});
const step = (i, count) => ({
  step: i,
  steps: 3,
  timestep: 900 - i,
  map: [i],
  share: 0.9,
  nudges: Array.from({ length: count }, (_, k) => nudge(i, k)),
});

function run() {
  const made = emptyRun({
    key: "m",
    method: "p2p+mag-edit",
    origin: "live",
    words: ["red"],
    settings: { nudges: 2 },
    steps: 3,
  });
  addStep(made, step(0, 2), "picture 0");
  addStep(made, step(1, 0), "picture 1");
  return made;
}

test("every nudge is a place of its own, before its step, also of the step under way", () => {
  const made = run();
  addNudge(made, nudge(2, 0));
  assert.deepEqual(places(made), [
    { step: 0, nudge: 0 },
    { step: 0, nudge: 1 },
    { step: 0, nudge: null },
    { step: 1, nudge: null },
    { step: 2, nudge: 0 },
  ]);
  addStep(made, step(2, 1));
  assert.equal(places(made).length, 6); // the open nudge became the step's own
});

test("another run's place is the same step's where it has no such nudge", () => {
  const all = places(run());
  assert.equal(placeOf(all, { step: 0, nudge: 1 }), 1);
  assert.equal(placeOf(all, { step: 1, nudge: 1 }), 3);
  assert.equal(placeOf(all, { step: 9, nudge: null }), all.length - 1);
});

test("at a nudge the picture is the one before it, and the map the nudge's", () => {
  const made = run();
  addNudge(made, nudge(2, 0));
  const now = moment(made, { step: 2, nudge: 0 });
  assert.equal(now.before.frame, "picture 1");
  assert.deepEqual(now.map, [2, 0]);
  assert.equal(moment(made, { step: 0, nudge: 0 }).before, null);
  assert.equal(moment(made, { step: 1, nudge: null }).before.frame, "picture 1");
});

test("a step after the nudges keeps the curves at the last nudge", () => {
  const list = nudges(run());
  assert.deepEqual(
    [0, 1, 2, 3].map((at) => nudgeBefore(list, at)),
    [0, 1, 1, 1],
  );
  assert.deepEqual(borders([...list, { step: 4 }]), [2]);
});

test("a place is said in words that count from one", () => {
  const made = run();
  assert.equal(spoken(made, { step: 0, nudge: 1 }), "step 1 of 3, timestep 900, nudge 2 of 2");
  assert.equal(spoken(made, { step: 1, nudge: null }), "step 2 of 3, timestep 899");
  addNudge(made, nudge(2, 0));
  assert.equal(spoken(made, { step: 2, nudge: 0 }), "step 3 of 3, timestep 898, nudge 1 of 2");
});
