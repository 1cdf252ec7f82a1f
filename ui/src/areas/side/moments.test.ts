import assert from "node:assert/strict";
import test from "node:test";
import { besides, playingAt, saidIn, secondsOf, stretches } from "./moments.ts";

const line = (start: number, end: number, text = "") => ({ start, end, text });

test("citations that follow each other are one stretch", () => {
  const cited = [{ segment: 4, start: 9, end: 11 }, { segment: 0, start: 0, end: 2 }, { segment: 1, start: 2, end: 4 }];
  assert.deepEqual(stretches(cited), [{ start: 0, end: 4 }, { start: 9, end: 11 }]);
});

test("a stretch says the lines in its middle, a short one the line around it", () => {
  const lines = [line(0, 2, "one"), line(2, 4, "two"), line(4, 6, "three")];
  assert.equal(saidIn(lines, { start: 0, end: 4.1 }), "one two");
  assert.equal(saidIn(lines, { start: 4.1, end: 4.5 }), "three");
});

test("a line plays until a little after its end", () => {
  const lines = [line(1, 2), line(10, 12)];
  assert.deepEqual([0, 1, 3, 5, 10, 60].map((at) => playingAt(lines, at)), [-1, 0, 0, -1, 1, -1]);
});

test("lines of the original go to the translation that they overlap most, also when they were split or joined", () => {
  const found = besides([line(0, 2), line(2, 6)], [line(0, 1, "a"), line(1, 2, "b"), line(1.9, 6, "c")]);
  assert.deepEqual(found.map((one) => one.original), ["a b", "c"]);
});

test("times are read as people write them", () => {
  assert.deepEqual(["1:05", "65", "1:00:05.5", "0:07,5", "a", "1:2:3:4", ""].map(secondsOf), [65, 65, 3605.5, 7.5, null, null, null]);
});
