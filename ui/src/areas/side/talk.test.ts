import assert from "node:assert/strict";
import test from "node:test";
import { eventsIn, piecesOf } from "./talk.ts";

test("events come out whole, however they are cut", () => {
  const whole = 'event: delta\ndata: {"text": "a"}\n\nevent: end\ndata: {"text": "ab"}\n\n';
  for (let cut = 0; cut <= whole.length; cut++) {
    const first = eventsIn(whole.slice(0, cut));
    const second = eventsIn(first.rest + whole.slice(cut));
    assert.deepEqual([...first.events, ...second.events].map((one) => one.name), ["delta", "end"]);
    assert.equal(second.rest, "");
  }
});

test("citations are told from the text", () => {
  assert.deepEqual(piecesOf("It is so [3][4], they say [5, 6]."), ["It is so", 3, 4, ", they say", 5, 6, "."]);
  assert.deepEqual(piecesOf("No [sic] numbers"), ["No [sic] numbers"]);
});
