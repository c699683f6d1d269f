import assert from "node:assert/strict";
import test from "node:test";
import { current, segments } from "../../../widgets/progress/time_line.js";

const LINE = { inverted: [50, 50], nudges: [2, 2, 0, 0], step: 1, nudge: 1, stage: "nudging" };

test("a time line has the inversion, the steps with nudges and those without, by their work", () => {
  const parts = segments(LINE);
  assert.deepEqual(
    parts.map(({ name, text }) => [name, text]),
    [
      ["inverting", "inverting"],
      ["nudging", "nudging, steps 0–1"],
      ["denoising", "denoising, steps 2–3"],
    ],
  );
  assert.deepEqual(
    parts.map(({ share }) => share),
    [1, 1.5, 0.5],
  );
});

test("each part is filled as far as it is done", () => {
  const done = (line, over) => segments(line, over).map((part) => part.done);
  assert.deepEqual(done({ ...LINE, stage: "inverting", inverted: [10, 40] }), [0.25, 0, 0]);
  assert.deepEqual(done(LINE), [1, 4 / 6, 0]); // a whole step of 3, and a nudge of the next
  assert.deepEqual(done({ ...LINE, stage: "denoising", step: 2 }), [1, 1, 0.5]);
  assert.deepEqual(done({ ...LINE, stage: "" }, true), [1, 1, 1]);
});

test("the part under way is that of the step", () => {
  assert.equal(current(segments(LINE), LINE), 1);
  assert.equal(current(segments(LINE), { stage: "denoising", step: 3 }), 2);
  assert.equal(current(segments(LINE), { stage: "inverting", step: 0 }), 0);
  assert.equal(current(segments(LINE), { stage: "", step: 3 }), -1);
});
