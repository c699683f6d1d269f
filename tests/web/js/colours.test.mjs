import assert from "node:assert/strict";
import test from "node:test";
import { bytesOf, glow, latentPixels, ramp, TABLE } from "../../../web/page/colours.js";

test("a ramp begins and ends with its colours, and lies between them in the middle", () => {
  const table = ramp([
    [0, 0, 0],
    [255, 100, 0],
  ]);
  assert.deepEqual([...table.slice(0, 3)], [0, 0, 0]);
  assert.deepEqual([...table.slice(-3)], [255, 100, 0]);
  assert.ok(Math.abs(table[3 * 128] - 128) <= 1);
});

test("the maps' colours grow lighter all along, so that they are read without colour vision", () => {
  const light = Array.from(
    { length: 256 },
    (_, i) => 0.2126 * TABLE[3 * i] + 0.7152 * TABLE[3 * i + 1] + 0.0722 * TABLE[3 * i + 2],
  );
  for (let i = 8; i < 256; i++) assert.ok(light[i] > light[i - 8]);
});

test("values become bytes of their top, and a flat 0 stays 0", () => {
  assert.deepEqual([...bytesOf([0, 0.5, 1, 2], 1)], [0, 128, 255, 255]);
  assert.deepEqual([...bytesOf([0, 0])], [0, 0]);
});

test("attention is light: dark where there is none, gold and clear where there is most", () => {
  const [r0, , , a0, r1, g1, b1, a1] = glow([0, 1]);
  assert.ok(a0 > 150 && r0 < 20);
  assert.ok(a1 < a0 && r1 > g1 && g1 > b1);
});

test("a latent's channels mix linearly", () => {
  const mix = [
    [10, 0, 0],
    [0, 20, 0],
    [1, 2, 3],
  ];
  assert.deepEqual([...latentPixels([2, 3, 4, 5], mix)], [21, 82, 3, 255, 31, 102, 3, 255]);
});
