// Every widget's script stands as the one module that anywidget takes.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

const folder = new URL("../../../widgets/", import.meta.url);

for (const name of readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".js"))) {
  const text = readFileSync(new URL(name, folder), "utf8");
  test(`${name} is a module, and writes no HTML`, async () => {
    assert.ok(Object.keys(await import(new URL(name, folder))).length > 0);
    assert.ok(!/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/.test(text));
  });
}
