import assert from "node:assert/strict";
import test from "node:test";
import { labelled, path, ticks } from "./scale.ts";

test("the lines of a chart are round and cover the most there is", () => {
  assert.deepEqual(ticks(7), [0, 2, 4, 6, 8]);
  assert.deepEqual(ticks(0), [0, 1]);
  assert.deepEqual(ticks(0.4), [0, 0.1, 0.2, 0.3, 0.4]);
  assert.deepEqual(ticks(100), [0, 25, 50, 75, 100]);
  for (const most of [1, 3, 9.99, 12345, 0.0017]) assert.ok(ticks(most).at(-1)! >= most && ticks(most).length <= 6);
});

test("labels are left out where they would touch", () => {
  assert.equal(labelled(24, 24 * 60), 1);
  assert.equal(labelled(30, 300), 6);
});

test("a line has a gap where nothing was measured", () => {
  assert.equal(path([[0, 1], null, [2, 3], [4, 5]]), "M0.0 1.0M2.0 3.0L4.0 5.0");
});
