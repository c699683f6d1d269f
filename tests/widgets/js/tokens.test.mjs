import assert from "node:assert/strict";
import test from "node:test";
import { curve, lost, shown, states, toggled } from "../../../widgets/shared/tokens.js";

test("what is in no pair is new in the target and dropped in the source", () => {
  const pairs = [
    [0, 0],
    [2, 3],
  ];
  assert.deepEqual(states(3, pairs, 0), ["common", "dropped", "common"]);
  assert.deepEqual(states(4, pairs, 1), ["common", "new", "new", "common"]);
});

test("a word is picked and put back", () => {
  assert.deepEqual(toggled(["red"], "blue"), ["red", "blue"]);
  assert.deepEqual(toggled(["red", "blue"], "red"), ["blue"]);
});

test("a picked word that has left the prompt is known, a phrase too", () => {
  const tokens = [{ word: "" }, { word: "light" }, { word: "blue" }, { word: "mug" }];
  assert.deepEqual(lost(["Blue", "red", "light blue"], tokens), ["red", "light blue"]);
});

test("a token reads as a word, or as a piece that goes on", () => {
  assert.deepEqual(["ball</w>", "ze", "<|startoftext|>", "<|endoftext|>"].map(shown), ["ball", "ze‑", "start", "end"]);
});

test("a line begins and ends where it is told to", () => {
  assert.equal(curve(1, 2, 3, 6), "M1.0 2.0C1.0 4.0 3.0 4.0 3.0 6.0");
});
