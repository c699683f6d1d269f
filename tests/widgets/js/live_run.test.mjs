import assert from "node:assert/strict";
import test from "node:test";
import { labelled, left, meaning, spoken } from "../../../widgets/live_run.js";

test("a field's text means a number, nothing, or one of the choices", () => {
  assert.equal(meaning("number", [], "2.5"), 2.5);
  assert.equal(meaning("maybe-whole", [], " "), null);
  assert.equal(meaning("yes", [], "false"), false);
  assert.equal(meaning("choice", [null, true, false], "null"), null);
  assert.equal(meaning("choice", ["refine", "swap"], "swap"), "swap");
  assert.equal(meaning("choice", ["refine", "swap"], "burn"), undefined);
});

test("choices are read as words", () => {
  assert.deepEqual([null, true, false, "mask"].map(spoken), ["as usual", "yes", "no", "mask"]);
});

test("time left is said in seconds, then in minutes", () => {
  assert.deepEqual([null, 4.2, 89, 90, 121].map(left), ["", "5 s left", "89 s left", "2 min left", "3 min left"]);
});

test("a field is called by its setting, without the base that it is of", () => {
  assert.deepEqual(["base.blend.grow", "stop_step", "seed"].map(labelled), [
    "blend grow",
    "stop step",
    "method's seed",
  ]);
});
