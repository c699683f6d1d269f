import assert from "node:assert/strict";
import test from "node:test";
import { asked, watchKernel } from "../../../widgets/shared/kernel.js";

/** A kernel as Jupyter's connection to it: a status, and who listens to its changes. */
function makeKernel(status) {
  const listeners = new Set();
  const statusChanged = { connect: (one) => listeners.add(one), disconnect: (one) => listeners.delete(one) };
  return { status, statusChanged, listeners, become: (now) => listeners.forEach((one) => one({}, now)) };
}

function watched(manager, action) {
  let times = 0;
  const kernel = watchKernel(manager, () => {
    times += 1;
  });
  action(kernel);
  kernel.stop();
  return [kernel.gone(), times];
}

test("a kernel that is restarted or shut down is gone, and stays so", () => {
  for (const end of ["restarting", "autorestarting", "terminating", "dead"]) {
    const own = makeKernel("idle");
    assert.deepEqual(
      watched({ kernel: own }, () => [end, "starting", "idle"].forEach(own.become)),
      [true, 1],
    );
    assert.equal(own.listeners.size, 0);
  }
});

test("a kernel that works, rests or is reconnected is there", () => {
  const own = makeKernel("idle");
  assert.deepEqual(
    watched({ kernel: own }, () => ["busy", "unknown", "idle"].forEach(own.become)),
    [false, 0],
  );
});

test("a kernel that is changed for another, or for none, is gone", async () => {
  for (const other of [makeKernel("idle"), null]) {
    const manager = { kernel: makeKernel("idle") },
      kernel = watchKernel(manager, () => {});
    manager.kernel = other;
    await new Promise((done) => setTimeout(done, 700));
    assert.ok(kernel.gone());
    kernel.stop();
  }
});

test("where nothing is known of a kernel it counts as there", () => {
  for (const manager of [undefined, {}, { kernel: null }])
    assert.deepEqual(
      watched(manager, () => {}),
      [false, 0],
    );
});

test("what is asked of a busy kernel says that it must wait", () => {
  assert.equal(asked({ kernel: { status: "busy" } }), "asked; the kernel is busy with a cell");
  assert.equal(asked({ kernel: { status: "idle" } }), "asked");
  assert.equal(asked(undefined), "asked");
});
