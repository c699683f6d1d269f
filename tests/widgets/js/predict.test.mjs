import assert from "node:assert/strict";
import test from "node:test";
import { along, piles, spoken, tally } from "../../../widgets/predict/predict.js";

test("a class is counted by choice, and by equal parts of a range", () => {
  assert.deepEqual(tally(["a", "b", "c"], ["c", "a", "c"]), [1, 0, 2]);
  assert.deepEqual(piles([0, 24, 25, 99, 100], 0, 100, 4), [2, 1, 0, 2]);
  assert.equal(
    piles([-5, 5, 0], -5, 5).reduce((a, b) => a + b),
    3,
  );
});

test("a mark stays on its line", () => {
  assert.deepEqual([along(-1, 0, 10), along(5, 0, 10), along(11, 0, 10)], [0, 0.5, 1]);
});

test("a number is read with its unit", () => {
  assert.equal(spoken(48.21345, "%"), "48.21%");
  assert.equal(spoken(3, "nudges"), "3 nudges");
});
