import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { lacking, lineOf } from "../../../web/page/live.js";
import { grown } from "../../../web/page/parts/curves.js";
import { cellsOf } from "../../../web/page/parts/stage.js";
import { value } from "../../../web/page/parts/story.js";
import { events, unpack } from "../../../web/page/replay.js";
import { makeModel, makeStore } from "../../../web/page/store.js";

const STORY = join(dirname(fileURLToPath(import.meta.url)), "../../../web/story");

test("listeners hear every change once, in its order, also one that a listener makes", () => {
  const store = makeStore({ a: 1, b: 1 }),
    heard = [];
  store.on(({ a }, names) => {
    if (names.includes("a") && a === 2) store.set({ b: 5 });
  });
  store.on(({ a, b }, names) => heard.push([a, b, names.join()]));
  store.set({ a: 2 });
  store.set({ a: 2 });
  assert.deepEqual(heard, [
    [1, 1, "a,b"],
    [2, 1, "a"],
    [2, 5, "b"],
  ]);
});

test("a model without a kernel tells its listeners on save, and no longer once they are off", () => {
  const model = makeModel({ tool: "box" });
  let heard = 0;
  const listen = () => {
    heard += 1;
  };
  model.on("change:tool", listen);
  model.set("tool", "brush");
  assert.equal(heard, 0);
  model.save_changes();
  model.off("change:tool", listen);
  model.set("tool", "grow");
  model.save_changes();
  assert.deepEqual([heard, model.get("tool")], [1, "grow"]);
});

test("an error is one line with a remedy", () => {
  const lines = [
    "Failed to fetch dynamically imported module: https://example.org/engine/index.js",
    "WebAssembly.instantiate(): Out of bounds",
    "Array buffer allocation failed",
    "expected 3 files, got 2: load it again",
    "x is undefined\n  at main.js",
  ].map((text) => lineOf(new Error(text)));
  for (const line of lines) assert.match(line, /:.*(again|take a current)/);
  assert.ok(!lines[0].includes("example.org") && !lines[4].includes("main.js"));
  assert.match(lines[2], /memory/);
  assert.equal(lines[3], "expected 3 files, got 2: load it again");
});

test("a browser without WebAssembly or workers is told so before anything is fetched", () => {
  assert.match(lacking({}), /WebAssembly/);
  assert.match(lacking({ WebAssembly: {} }), /workers/);
  assert.equal(lacking({ WebAssembly: {}, Worker: class {} }), "");
});

test("a recording becomes the engine's events, scaled back", () => {
  const meta = {
    times: [900, 500],
    columns: [1],
    share: [0.1, 0.2],
    losses: [[0.9], []],
    inside: [[2], []],
    outside: [[1], []],
    moved: [[3], []],
    step_size: [[4], []],
    shares: [[0.15], []],
    planes: { latent: [2, 1, 2, 2], attention: [2, 2, 1, 1], nudgeMaps: [1, 1, 1, 1], gradientMaps: [1, 1, 2, 2] },
    tops: {
      attention: [
        [1, 0.5],
        [1, 2],
      ],
      nudgeMaps: [[0.5]],
      gradientMaps: [[10]],
    },
  };
  const bytes = Uint8Array.of(0, 255, 0, 255, 255, 0, 255, 0, 255, 255, 255, 51, 255, 0, 255, 0, 51);
  const [first, second] = events(meta, bytes.buffer, 4);
  assert.deepEqual([...first.latent], [-4, 4, -4, 4]);
  assert.deepEqual([...first.map], [0.5]);
  assert.ok(Math.abs(second.map[0] - 0.4) < 1e-6);
  assert.deepEqual([first.nudges.length, second.nudges.length], [1, 0]);
  const { loss, gradientInside, map, gradientMap, share } = first.nudges[0];
  assert.deepEqual([loss, gradientInside, map[0], share], [0.9, 2, 0.5, 0.15]);
  assert.deepEqual([...gradientMap].map(Math.round), [0, 10, 0, 2]);
  assert.throws(() => unpack(bytes.buffer, { latent: [3] }), /expected 3 bytes .* got 17/);
});

test("a curve is drawn up to the place shown, and only hinted at beyond", () => {
  const [rest, until] = grown({ name: "loss", values: [3, 2, 1] }, 1);
  assert.deepEqual(
    [until.values, rest.values],
    [
      [3, 2, null],
      [null, 2, 1],
    ],
  );
  assert.deepEqual([until.name, rest.name], ["loss", ""]);
});

test("a cell belongs to the mask where it is covered by half at least", () => {
  const mask = Uint8Array.of(255, 0, 255, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  assert.deepEqual([...cellsOf(mask, 4, 2)], [1, 0, 0, 0]);
});

test("numbers in the story are the runs' own", () => {
  const runs = {
    p2p: {
      steps: [
        { share: 0.084, nudges: [] },
        { share: 0.5, nudges: [{ loss: 0.93 }, { loss: 0.91 }] },
      ],
    },
  };
  assert.equal(value(runs, "p2p 0 share"), "8 %");
  assert.equal(value(runs, "p2p last loss"), "0.91");
  assert.equal(value(runs, "p2p 1 before"), "0.93");
  assert.equal(value(runs, "other 0 share"), "");
});

test("the story has eight parts, each with a state that the page knows", () => {
  const files = readdirSync(STORY).sort();
  assert.equal(files.length, 8);
  files.forEach((name, i) => {
    const text = readFileSync(join(STORY, name), "utf-8");
    const { run, view, step, ...more } = JSON.parse(text.match(/data-state='([^']+)'/)[1]);
    assert.ok(["p2p", "p2p+mask", "p2p+reweight", "p2p+mag-edit", "too-far"].includes(run), name);
    assert.ok(["picture", "attention", "latent", "source"].includes(view), name);
    assert.ok(step === "last" || Number.isInteger(step), name);
    assert.ok(
      Object.keys(more).every((key) => ["nudge", "play", "paint"].includes(key)),
      name,
    );
    assert.ok(text.includes(`${i + 1} of 8`));
  });
});
