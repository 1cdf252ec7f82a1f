import assert from "node:assert/strict";
import { test } from "node:test";
import { metadataOf, type Options } from "./wishes.ts";

const OPTIONS: Options = { language: null, speakers: 2, diarize: true, translate_into: ["fr", "es"], summary: "minutes", summary_instruction: "kept from before", ocr: true, ocr_languages: [], priority: "standard" };

test("what was not said is left out, lists have commas", () => {
  assert.deepEqual(metadataOf(OPTIONS, null, true), { speakers: "2", diarize: "true", translate_into: "fr,es", summary: "minutes", ocr: "true", priority: "standard" });
});

test("the screen is read of video alone, an instruction goes with its template alone", () => {
  const said = metadataOf({ ...OPTIONS, summary: "free" }, "t1", false);
  assert.equal(said.ocr, "false");
  assert.equal(said.summary_instruction, "kept from before");
  assert.equal(said.team, "t1");
});
