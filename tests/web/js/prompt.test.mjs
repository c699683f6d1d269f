import assert from "node:assert/strict";
import test from "node:test";
import { pieces, refusal, replaced } from "../../../web/page/parts/prompt.js";
import { FIRST, nearest, stale } from "../../../web/page/parts/settings.js";

const GOOD = { target: "a red mug, a mug", words: ["red"], mask: [0, 255] };

test("pieces put together are the prompt, and words are counted", () => {
  const text = " a red-brown mug,  a mug’s box";
  assert.equal(
    pieces(text)
      .map(({ part }) => part)
      .join(""),
    text,
  );
  assert.deepEqual(
    pieces(text)
      .filter(({ at }) => at >= 0)
      .map(({ part }) => part),
    ["a", "red-brown", "mug", "a", "mug’s", "box"],
  );
  assert.deepEqual(pieces(""), []);
});

test("one occurrence of a word is put for another, and nothing else", () => {
  assert.equal(replaced("a mug, a mug", 3, "$& cup"), "a mug, a $& cup");
});

test("a request that can't be run says what was expected, what came, and what to do", () => {
  assert.equal(refusal(GOOD), "");
  for (const wrong of [{ target: " " }, { words: [] }, { words: ["blue"] }, { mask: [0, 0] }, { mask: null }]) {
    const line = refusal({ ...GOOD, ...wrong });
    assert.match(line, /^expected .*, got .*: .+/);
    assert.ok(!line.includes("\n"));
  }
});

test("a run is stale once what it was made with has changed, and only by what its method reads", () => {
  const now = { ...GOOD, settings: FIRST };
  const run = { method: "p2p+mag-edit", request: now };
  assert.equal(stale(run, now), false);
  assert.equal(stale(run, { ...now, settings: { ...FIRST, nudges: 4 } }), true);
  assert.equal(stale({ method: "p2p", request: now }, { ...now, settings: { ...FIRST, nudges: 4 } }), false);
  assert.equal(stale(run, { ...now, mask: [255, 255] }), true);
  assert.equal(stale(run, { ...now, words: ["mug"] }), true);
});

test("a value between two choices of a slider is shown at the nearer one", () => {
  assert.deepEqual(
    [0, 5.9, 6.1, 999].map((value) => nearest([0, 5, 7, 200], value)),
    [0, 1, 2, 3],
  );
});
