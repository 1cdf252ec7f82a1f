import assert from "node:assert/strict";
import test from "node:test";
import { csv } from "./csv.ts";

test("commas, quotes and lines stay in their cell, and formulas stay text", () => {
  assert.equal(csv([["a,b", 'say "x"', 3, null], ["=1+1", "two\nlines", -4, true]]), '"a,b","say ""x""",3,\r\n\'=1+1,"two\nlines",-4,true\r\n');
});
