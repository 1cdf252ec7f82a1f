import assert from "node:assert/strict";
import test from "node:test";
import { changes, meant, written, type Limit } from "./units.ts";

const limit = (over: Partial<Limit>): Limit => ({ name: "max_upload_bytes", unit: "bytes", value: 50e9, ceiling: 50e9, changed_at: null, changed_by: null, ...over });

test("limits are written in words' units and come back as they were", () => {
  assert.equal(written(limit({}), 50e9), 50);
  assert.equal(meant(limit({}), 2.5), 2_500_000_000);
  assert.equal(meant({ unit: "seconds", ceiling: 10_800 }, 3), 10_800);
  assert.equal(meant({ unit: "bytes", ceiling: 1_234_567_890 }, 1.235), 1_234_567_890, "rounding never exceeds the ceiling");
  assert.equal(meant(limit({}), null), null);
});

test("only what was changed is sent", () => {
  const set = limit({ value: 10e9, changed_at: "2026-01-01T00:00:00Z" });
  assert.deepEqual(changes([set], { max_upload_bytes: 10 }), {});
  assert.deepEqual(changes([set], { max_upload_bytes: null }), { max_upload_bytes: null });
  assert.deepEqual(changes([limit({})], { max_upload_bytes: null }), {});
});
