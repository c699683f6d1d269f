import assert from "node:assert/strict";
import test from "node:test";
import { curvesOf, mark, missing } from "../../../widgets/ablate.js";

const cells = [
  { there: true, losses: [], spots: [] },
  { there: true, losses: [3, 2], spots: [0, 0.5] },
  { there: false, losses: [9], spots: [0] },
];

test("the curve of the value shown is drawn last, over the others", () => {
  const lines = curvesOf(cells, ["0", "2", "5"], 1);
  assert.deepEqual(
    lines.map(({ name, values }) => [name, values]),
    [
      ["other values", [9]],
      ["2", [3, 2]],
    ],
  );
  assert.ok(lines[1].width > lines[0].width);
  assert.deepEqual(
    curvesOf(cells, ["0", "2", "5"], 0).map(({ name }) => name),
    ["other values", ""],
  );
});

test("what is missing can be told and asked for", () => {
  assert.deepEqual(missing(cells), [2]);
  assert.deepEqual(
    [mark("5", cells[2], false), mark("5", cells[2], true), mark("2", cells[1], false)],
    ["5 ?", "5 …", "2"],
  );
});
