import assert from "node:assert/strict";
import test from "node:test";
import { keyed, settled, transform } from "../../../widgets/compare.js";

test("a zoomed picture always fills its frame", () => {
  assert.deepEqual(settled([0, 1], 1), [0.5, 0.5]);
  assert.deepEqual(settled([0, 0.9], 4), [0.125, 0.875]);
  assert.deepEqual(settled([0.4, 0.6], 4), [0.4, 0.6]);
});

test("the centre comes to the middle of the frame", () => {
  assert.equal(transform([0.5, 0.5], 1), "translate(0.000%, 0.000%) scale(1)");
  assert.equal(transform([0.25, 0.75], 2), "translate(50.000%, -50.000%) scale(2)");
});

test("arrow keys move by the same share of what is seen, plus and minus zoom about the centre", () => {
  assert.deepEqual(keyed("ArrowRight", [0.5, 0.5], 4), { centre: [0.525, 0.5], zoom: 4 });
  assert.deepEqual(keyed("ArrowUp", [0.5, 0.5], 1), { centre: [0.5, 0.5], zoom: 1 });
  assert.deepEqual(keyed("+", [0.5, 0.5], 2), { centre: [0.5, 0.5], zoom: 2.5 });
  assert.equal(keyed("+", [0.5, 0.5], 7.9).zoom, 8);
  assert.equal(keyed("-", [0.5, 0.5], 1.1).zoom, 1);
  assert.deepEqual(keyed("0", [0.2, 0.2], 5), { centre: [0.5, 0.5], zoom: 1 });
  assert.equal(keyed("a", [0.5, 0.5], 1), null);
});
