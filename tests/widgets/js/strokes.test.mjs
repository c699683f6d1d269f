import assert from "node:assert/strict";
import test from "node:test";
import { along } from "../../../widgets/shared/gesture.js";
import { changed, choices } from "../../../widgets/shared/region_list.js";
import { draw, inside, moved, ofRegion, seed, strokeOf } from "../../../widgets/shared/strokes.js";

const settings = { tool: "brush", radius: 0.1, tolerance: 12, region: "mask", erase: false };

test("a place that can't be told from the last one is no point of its own", () => {
  assert.deepEqual(along([[0.5, 0.5]], [0.5, 0.501]), [[0.5, 0.5]]);
  assert.deepEqual(along([[0.5, 0.5]], [0.5, 0.51]), [
    [0.5, 0.5],
    [0.5, 0.51],
  ]);
});

test("a gesture becomes the stroke of its tool", () => {
  const points = [
    [0, 0],
    [1, 0],
    [1, 1],
  ];
  assert.deepEqual(strokeOf(settings, points), { tool: "brush", mode: "add", points, radius: 0.1 });
  assert.deepEqual(strokeOf({ ...settings, tool: "eraser" }, points).mode, "erase");
  assert.deepEqual(strokeOf({ ...settings, tool: "box" }, points), { tool: "box", mode: "add", rect: [0, 0, 1, 1] });
  assert.deepEqual(strokeOf({ ...settings, tool: "grow", erase: true }, points), {
    tool: "grow",
    mode: "erase",
    points: [[1, 1]],
    tolerance: 12,
  });
  assert.equal(strokeOf({ ...settings, tool: "lasso", region: "lamp" }, points).region, "lamp");
});

test("what has too few corners is no stroke yet", () => {
  for (const [tool, count] of [
    ["brush", 0],
    ["box", 1],
    ["lasso", 2],
    ["polygon", 2],
    ["grow", 0],
  ])
    assert.equal(strokeOf({ ...settings, tool }, Array(count).fill([0.5, 0.5])), null);
});

test("the cursor stays inside", () => {
  assert.deepEqual(moved([0.99, 0.5], 1, -1, 0.02), [1, 0.48]);
  assert.equal(inside(-3), 0);
  assert.equal(inside(0.123456), 0.1235);
});

test("a region has its own strokes; those that name none are of the first", () => {
  const a = { tool: "clear" },
    b = { tool: "clear", region: "lamp" };
  assert.deepEqual(ofRegion([a, b], "mask"), [a]);
  assert.deepEqual(ofRegion([a, b], "lamp"), [b]);
});

test("a patch is drawn for any stroke that is equal to the one it was made for", () => {
  const stroke = { tool: "grow", mode: "add", points: [[0.5, 0.9]], tolerance: 12 },
    drawn = [];
  const context = { clearRect: () => {}, drawImage: (...given) => drawn.push(given) };
  draw(context, [structuredClone(stroke), { ...stroke, tolerance: 3 }], 40, 20, new Map([[seed(stroke), "patch"]]));
  assert.deepEqual(drawn, [["patch", 0, 0, 40, 20]]);
});

test("changing one region leaves the others", () => {
  assert.deepEqual(changed([{ name: "a" }, { name: "b" }], 1, { word: "red" }), [
    { name: "a" },
    { name: "b", word: "red" },
  ]);
});

test("a region's own word stays among the choices", () => {
  assert.deepEqual(
    choices(["red"], "red").map(([value]) => value),
    ["", "red"],
  );
  assert.deepEqual(
    choices(["red"], "blue").map(([value]) => value),
    ["", "red", "blue"],
  );
});

test("shapes are drawn in the canvas's own pixels", () => {
  const drawn = [];
  const context = {
    clearRect: () => {},
    fillRect(...box) {
      drawn.push([this.globalCompositeOperation, ...box]);
    },
  };
  const box = { tool: "box", rect: [0.25, 0, 0.5, 1] };
  draw(context, [box, { ...box, mode: "erase" }, { tool: "invert" }], 40, 20);
  assert.deepEqual(drawn, [
    ["source-over", 10, 0, 10, 20],
    ["destination-out", 10, 0, 10, 20],
    ["xor", 0, 0, 40, 20],
  ]);
});
