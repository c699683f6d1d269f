import assert from "node:assert/strict";
import test from "node:test";
import { border, bytes, colourise, rescaled } from "../../../widgets/shared/maps.js";

test("each value has its own colour, and is as opaque as it is high where it fades", () => {
  const table = Uint8Array.from({ length: 768 }, (_, i) => i % 256),
    plane = Uint8Array.of(0, 255);
  assert.deepEqual([...colourise(plane, table)], [0, 1, 2, 255, 253, 254, 255, 255]);
  const [, , , low, , , , high] = colourise(plane, table, true);
  assert.deepEqual([low, high], [0, 255]);
});

test("a plane on a scale of its own is put on the common one", () => {
  assert.deepEqual([...rescaled(Uint8Array.of(0, 100, 255), 0.5, 1)], [0, 50, 128]);
  assert.deepEqual([...rescaled(Uint8Array.of(9), 2, 2)], [9]);
  assert.deepEqual([...rescaled(Uint8Array.of(255), 2, 1)], [255]);
});

test("a cell's border has four sides, and what two cells share is none", () => {
  assert.equal(border(Uint8Array.of(0, 1, 0, 0), 2, 2).length, 4);
  assert.equal(border(Uint8Array.of(1, 1, 0, 0), 2, 2).length, 6);
});

test("a view into a longer buffer is read from where it begins", () => {
  const whole = Uint8Array.of(1, 2, 3, 4);
  assert.deepEqual([...bytes(new DataView(whole.buffer, 1, 2))], [2, 3]);
});
