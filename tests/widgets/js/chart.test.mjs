import assert from "node:assert/strict";
import test from "node:test";
import { digits, extent, inWords, needed, placeAt, runs, share } from "../../../widgets/shared/chart.js";

test("a curve with gaps is drawn in unbroken runs", () => {
  assert.deepEqual(runs([1, null, 2, 3, null]), [
    [[0, 1]],
    [
      [2, 2],
      [3, 3],
    ],
  ]);
  assert.deepEqual(runs([null]), []);
});

test("an axis spans its values and is logarithmic only over more than a decade of positive ones", () => {
  const of = (...values) => extent([{ values }]);
  assert.deepEqual(of(2, null, 5), { low: 2, high: 5, log: false });
  assert.deepEqual(of(0.1, 2), { low: 0.1, high: 2, log: true });
  assert.equal(of(0, 5).log, false);
  assert.deepEqual(extent([{ values: [2, 50] }], { zero: true }), { low: 0, high: 50, log: false });
  assert.deepEqual(extent([{ values: [0.1] }], { zero: true, marks: [0.4] }), { low: 0, high: 0.4, log: false });
  assert.deepEqual(extent([{ values: [] }]), { low: 0, high: 1, log: false });
});

test("one value alone has room above and below it", () => {
  const axis = extent([{ values: [3, 3] }]);
  assert.ok(axis.low < 3 && axis.high > 3);
  assert.equal(share(3, axis), 0.5);
});

test("a value lies between the ends, by ratio on a logarithmic axis", () => {
  assert.equal(share(3, { low: 2, high: 4, log: false }), 0.5);
  assert.ok(Math.abs(share(10, { low: 1, high: 100, log: true }) - 0.5) < 1e-12);
});

test("numbers are read in three digits", () => {
  assert.deepEqual(
    [0, 0.98713, 123.4, 0.00004321, 2.5e7].map((v) => digits(v)),
    ["0", "0.987", "123", "4.3e−5", "2.5e7"],
  );
  const narrow = { low: 0.98685, high: 0.98981 };
  assert.deepEqual(
    [narrow.low, narrow.high].map((v) => digits(v, needed(narrow))),
    ["0.9869", "0.9898"],
  );
  assert.equal(needed({ low: 0, high: 5 }), 3);
});

test("a click goes to the nearest place, and to the ends beyond them", () => {
  assert.deepEqual(
    [0, 62, 226, 390, 999].map((x) => placeAt(x, 400, 3)),
    [0, 0, 1, 2, 2],
  );
  assert.equal(placeAt(200, 400, 1), 0);
});

test("a chart is told by the values at its place, or by the last ones", () => {
  const lines = [
    { name: "inside", values: [1, 2, null] },
    { name: "outside", values: [null, 5, 4] },
  ];
  const format = String;
  assert.equal(inWords("Loss", lines, 0, format), "Loss: here inside 1");
  assert.equal(inWords("Loss", lines, undefined, format), "Loss: at the end inside 2, outside 4");
  assert.equal(inWords("Loss", [{ values: [] }], undefined, format), "Loss");
});
