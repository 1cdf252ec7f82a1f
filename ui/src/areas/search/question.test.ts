import assert from "node:assert/strict";
import { test } from "node:test";
import { address, dayAgo, question, type Hit } from "./question.ts";

const asked = (query: string) => question(new URLSearchParams(query));

test("nothing to search for is no question", () => {
  assert.equal(asked("q=%20&kind=screen"), null);
});

test("what the address says wrongly counts as not said", () => {
  const wrong = asked("q=a&kind=smell&recording=1&language=English&since=2026-13&until=soon");
  assert.deepEqual(Object.values(wrong!).filter((value) => value !== undefined), ["a"]);
});

test("the last day of a period belongs to it", () => {
  const { since, until } = asked("q=a&since=2026-02-28&until=2026-02-28")!;
  assert.equal(Date.parse(until!) - Date.parse(since!), 86_400_000);
});

test("days ago go over the ends of months", () => {
  assert.equal(dayAgo(7, new Date(2026, 2, 3, 0, 30)), "2026-02-24");
});

test("a find leads to the tab of its kind", () => {
  const hit = { recording: "r", kind: "translation", variant: "es", start: 14.488 } as Hit;
  assert.equal(address(hit, '"good story"'), "/recordings/r?at=14.5&q=%22good+story%22&tab=translation&into=es");
});
