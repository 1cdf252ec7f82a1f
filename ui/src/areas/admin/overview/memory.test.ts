import assert from "node:assert/strict";
import test from "node:test";
import { shares } from "./memory.ts";

const device = { name: "gpu0", budget_bytes: 100, resident_bytes: 40, working_bytes: 10, notebook_bytes: 20, elsewhere_bytes: 5, free_bytes: 25, slots: 1, computing: 0 };
const lease = (over: object) => ({ device: "gpu0", holder: "h", tenant: "echo", user: "", class: "standard", kind: "resident", model: "m", bytes: 10, since: "", ends_at: null, ...over });

test("leases are added up by who has them, and the parts make the whole", () => {
  const found = shares(device, [lease({}), lease({ kind: "working" }), lease({ kind: "notebook", user: "cleo", bytes: 20 }), lease({ device: "gpu1", bytes: 99 })]);
  assert.deepEqual(found.map((one) => [one.kind, one.who, one.bytes]), [["tenant", "echo", 20], ["notebook", "cleo", 20], ["other", "", 30], ["elsewhere", "", 5], ["free", "", 25]]);
  assert.equal(found.reduce((sum, one) => sum + one.bytes, 0), device.budget_bytes);
});
