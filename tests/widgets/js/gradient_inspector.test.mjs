import assert from "node:assert/strict";
import test from "node:test";
import { borders, nearest, placeOf, sizes } from "../../../widgets/gradient_inspector.js";

const places = [
  [0, 0],
  [0, 1],
  [0, 2],
  [4, 0],
  [4, 1],
];

test("a step and its nudge have one place among all nudges", () => {
  assert.equal(placeOf(places, 4, 0), 3);
  assert.equal(placeOf(places, 1, 0), -1);
});

test("a new step begins where the step changes", () => {
  assert.deepEqual(borders(places), [3]);
  assert.deepEqual(borders([[2, 0]]), []);
});

test("another step shows the same nudge, or its last", () => {
  assert.deepEqual(nearest(places, 4, 2), { step: 4, nudge: 1 });
  assert.deepEqual(nearest(places, 0, 1), { step: 0, nudge: 1 });
});

test("the curves are those of the whole loss, or of a word's own", () => {
  const curves = { inside: [1], outside: [2], "inside red": [3], "outside red": [4] };
  assert.deepEqual(sizes(curves, ""), [[1], [2]]);
  assert.deepEqual(sizes(curves, "red"), [[3], [4]]);
});
