import assert from "node:assert/strict";
import test from "node:test";
import { found, ground, listed, nudges, shortSite, told } from "../../../widgets/attention_explorer.js";

const word = {
  word: "red",
  edited: true,
  top: 0.5,
  at: { target: [0, 1] },
  share: { target: [0.1, 0.2] },
  inner: {
    at: [
      [5, 6],
      [-1, -1],
    ],
    share: [
      [0.3, 0.4],
      [null, null],
    ],
  },
  sites: { up: { "": { at: [7], top: 0.8, share: [0.5, 0.6] }, 1: { at: [8], top: 0.9, share: [0.7, 0.8] } } },
};
const state = { step: 0, nudge: null, site: "", head: null };

test("a step has its own map after its nudges, and one before each of them", () => {
  assert.deepEqual(found(word, "target", state, 1), { at: 0, share: 0.1, top: 0.5, lot: [0.1, 0.2] });
  assert.equal(found(word, "target", { ...state, nudge: 1 }, 1).at, 6);
  assert.equal(found(word, "target", { ...state, step: 1, nudge: 1 }, 1).at, 1);
  assert.deepEqual(
    [0, 1].map((step) => nudges(word, step)),
    [2, 0],
  );
});

test("a layer and its heads have a scale of their own, and the nearest step that was sent", () => {
  const part = found(word, "target", { ...state, step: 1, site: "up", head: 1, nudge: 0 }, 2);
  assert.deepEqual(part, { at: 8, share: 0.8, top: 0.9, lot: [0.7, 0.8] });
  assert.equal(found(word, "target", { ...state, site: "up" }, 2).at, 7);
});

test("a branch without the word has no map", () => {
  assert.equal(found(word, "source", state, 1).at, -1);
  assert.match(told("source", word, state, found(word, "source", state, 1)), /has no attention of “red”/);
  assert.match(told("target", word, state, { at: -1, share: null }), /was not run at step 0/);
});

test("what is shown is said in a line", () => {
  assert.equal(
    told("target", word, { ...state, nudge: 1 }, { at: 6, share: 0.4 }),
    "“red” in the target branch, step 0, before nudge 1: 40.0% inside the mask.",
  );
  const at = { ...state, site: "up", head: 1 };
  assert.match(told("target", word, at, found(word, "target", at, 1)), /at up, head 1, step 0: 70.0% inside/);
});

test("special tokens and layers have names that can be read", () => {
  assert.equal(listed({ word: "<end>" }), "end token and padding");
  assert.equal(listed(word), "red (edited)");
  assert.equal(shortSite("up_blocks.1.attentions.0.transformer_blocks.0.attn2.probs"), "up 1 · 0");
});

test("a step's map lies over what that step foresees", () => {
  assert.deepEqual(ground("target", 1, ["a", "b"]), [1, "target: the picture that step 1 foresees"]);
  assert.equal(ground("target", 1, [])[0], "target");
  assert.equal(ground("source", 1, ["a", "b"])[0], "source");
});
