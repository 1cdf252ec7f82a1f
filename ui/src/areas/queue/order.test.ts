import assert from "node:assert/strict";
import { test } from "node:test";
import { besides, moved } from "./order.ts";

const job = (id: string, position: number, priority = "standard") => ({ id, position, priority, queue: "default", state: "waiting" as const, created_at: "" });
const LINE = [job("a", 2), job("u", 3, "interactive"), job("b", 5), job("c", 9)];
const seen = (jobs: typeof LINE) => jobs.map((one) => `${one.id}${one.position}`).join(" ");

test("one goes before another, and the places in the line stay", () => {
  const { jobs, before } = moved(LINE, LINE[3]!, 0);
  assert.equal(seen(jobs), "c2 u3 a5 b9");
  assert.equal(before?.id, "a");
});

test("the last place is before nobody", () => {
  const { jobs, before } = moved(LINE, LINE[0]!, 7);
  assert.equal(seen(jobs), "b2 u3 c5 a9");
  assert.equal(before, null);
});

test("only those of the same class change places", () => {
  assert.equal(besides(LINE, LINE[1]!).length, 1);
});
