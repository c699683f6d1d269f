import assert from "node:assert/strict";
import test from "node:test";
import { fitted, MOST, sendable } from "../../../widgets/shared/upload.js";

const file = (name, type, size) => ({ name, type, size, arrayBuffer: async () => `the bytes of ${name}` });
const browser = (made, seen = []) => ({
  decode: async () => ({ width: 6000, height: 4000 }),
  redraw: async (_picture, size) => {
    seen.push(size);
    return made && { size: made, arrayBuffer: async () => "redrawn" };
  },
});

test("a small picture goes as it is, so that the kernel reads all of it", async () => {
  assert.deepEqual(await sendable(file("a.tif", "image/tiff", MOST), 1024), { bytes: "the bytes of a.tif" });
  assert.deepEqual(await sendable(file("a", "", 10), 1024), { bytes: "the bytes of a" });
});

test("a large one is made smaller before it is sent", async () => {
  const seen = [];
  assert.deepEqual(await sendable(file("a.png", "image/png", 11e6), 1024, browser(3e6, seen)), { bytes: "redrawn" });
  assert.deepEqual(seen, [[1024, 683]]);
});

test("no message is larger than Jupyter takes", async () => {
  assert.ok(MOST < 10 * 1024 * 1024 * 0.9);
  const { refused } = await sendable(file("a.png", "image/png", 90e6), 9000, browser(MOST + 1));
  assert.equal(refused, "expected at most 8.0 MB, got a.png (90.0 MB): make it smaller");
});

test("what is no picture, or none that this browser reads, is refused in a line", async () => {
  assert.match(
    (await sendable(file("a.pdf", "application/pdf", 10), 1024)).refused,
    /^expected a picture, got a.pdf \(0.0 MB\)/,
  );
  const blind = {
    decode: async () => {
      throw new Error("no codec");
    },
  };
  assert.match(
    (await sendable(file("a.tif", "image/tiff", 20e6), 1024, blind)).refused,
    /this browser can read, got a.tif \(20.0 MB\)/,
  );
});

test("a picture is never made larger, and never vanishes", () => {
  assert.deepEqual(fitted(300, 200, 1024), [300, 200]);
  assert.deepEqual(fitted(100000, 3, 1024), [1024, 1]);
});
