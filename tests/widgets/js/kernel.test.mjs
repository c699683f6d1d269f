import assert from "node:assert/strict";
import test from "node:test";
import { asked, gone } from "../../../widgets/shared/kernel.js";

const alive = { closest: () => null },
  cut = { closest: (name) => (name === ".jupyter-widgets-disconnected" ? {} : null) };

test("the kernel is gone where Jupyter has cut the widget off, or has no kernel for it", () => {
  assert.ok(gone(cut, { kernel: { status: "idle" } })); // restarted: it knows nothing of this widget
  assert.ok(gone(alive, { kernel: null }));
  assert.ok(gone(alive, { kernel: { status: "dead" } }));
});

test("a kernel that works or rests is there, and so is one of which nothing is known", () => {
  for (const status of ["idle", "busy", "starting"]) assert.ok(!gone(alive, { kernel: { status } }));
  assert.ok(!gone(alive, {}));
  assert.ok(!gone(alive, undefined));
});

test("what is asked of a busy kernel says that it must wait", () => {
  assert.equal(asked({ kernel: { status: "busy" } }), "asked; the kernel is busy with a cell");
  assert.equal(asked({ kernel: { status: "idle" } }), "asked");
  assert.equal(asked(undefined), "asked");
});
