"""The step `redo`: has one stretch heard again, and writes what came out better as a new revision.

Whatever people changed stays, also what they change while it is heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.asr.contract import SegmentModel, SpeechRequest, pairs, spans
from brickyard.bricks.chunks import Chunk, plan_chunks
from brickyard.bricks.runner import Computed, each_chunk
from brickyard.echo import derived
from brickyard.echo.coverage.again import heard_again, least_confidence
from brickyard.echo.coverage.place import Place, channel_speaker, place_of, seen_in, told_apart, with_new
from brickyard.echo.coverage.schemas import Coverage, FaultView, RepairView
from brickyard.echo.coverage.words import as_heard
from brickyard.echo.revised import Revised
from brickyard.engines.base import Segment, Span
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.context import StepContext
from brickyard.kit.db import patiently
from brickyard.kit.errors import BadInput, NotFound
from brickyard.kit.sealed import Stored
from brickyard.text import coverage
from brickyard.text.editing import Document, Piece
from brickyard.text.spoken import Turn

AROUND_S = 2.0
"""Heard before and after, when speech is looked for: it tells voice from noise."""


class Spoken(Protocol):
    """What is needed of a transcript. `turns` with the names that speakers have now, in the machine's order."""

    language: str
    turns: list[Turn]


class Paper(Protocol):
    """Where the transcript is written."""

    def newest(self, recording: UUID) -> Revised: ...

    def machine_made(self, recording: UUID) -> dict[str, Piece]:
        """Segments as the machine wrote them, the first time or again, by id."""

    def rewrite(self, recording: UUID, batch: str, wanted: Callable[[Revised, str], Document | None]) -> int | None:
        """Once for each `batch`. `wanted`: what the newest revision is to become, and the beginning of new ids; None
        where nothing is to be done. Returns the number of the new revision."""


@dataclass(frozen=True, slots=True)
class Parts:
    """`transcript_of` as edited, `machines_of` as the machine made it."""

    paper: Paper
    transcript_of: Callable[[UUID], Spoken]
    machines_of: Callable[[UUID], Spoken]


class RedoStep:
    def __init__(self, engine: sa.Engine, files: RecordingFiles, asr: Asr, parts: Parts) -> None:
        self._engine = engine
        self._files = files
        self._asr = asr
        self._parts = parts

    async def run(self, context: StepContext) -> Any:
        """Params of the job: start, end, channel. Chunk 0 is the plan, so that a job that goes on later does the same;
        the others are {engine, segments}. Returns {recording, kept, revision}."""
        params = context.job.params
        recording = UUID(params["recording"])
        if params["channel"] >= context.results["decode"]["channels"]:
            raise BadInput("channel: this recording has one channel only, number 0.")
        await context.begin(work_total_s=params["end"] - params["start"])
        sound = await asyncio.to_thread(patiently, lambda: self._files.audio(recording))
        plan = (await context.done()).get(0)
        if plan is None:
            plan = await self._plan(context, recording, sound)
            await context.save(0, plan, 0.0, 0.0)
        speech = spans(plan["spans"])
        chunks = await self._heard(context, sound, speech, plan["language"])
        heard = [SegmentModel(**one).value() for chunk in chunks for one in chunk["segments"]]
        after = coverage.quality(speech, heard)
        number = None
        if coverage.is_better(after, plan["before"]):
            number = await asyncio.to_thread(self._write, context, recording, plan, heard)
        engine = chunks[0]["engine"] if chunks else ""
        await asyncio.to_thread(
            self._report, context, recording, plan, heard, round(after, 3), least_confidence(engine), number is not None
        )
        return {"recording": str(recording), "kept": number is not None, "revision": number}

    async def _plan(self, context: StepContext, recording: UUID, sound: Stored) -> dict[str, Any]:
        params, decoded = context.job.params, context.results["decode"]
        looked = (max(0.0, params["start"] - AROUND_S), min(decoded["duration_s"], params["end"] + AROUND_S))
        first = await self._speech(sound, params["channel"], *looked)
        spoken, place, document, speaker = await asyncio.to_thread(self._place, context, recording, first)
        speech = first
        if place.start < looked[0] or place.end > looked[1]:
            until = min(decoded["duration_s"], place.end + AROUND_S)
            speech = await self._speech(sound, params["channel"], max(0.0, place.start - AROUND_S), until)
        free = place.free(speech)
        return {
            "start": place.start,
            "end": place.end,
            "spans": pairs(free),
            "language": spoken.language or None,
            "speaker": speaker,
            "replaced": [piece.id for piece in place.replaced],
            "before": coverage.quality(free, said := [as_heard(piece) for piece in place.replaced]),
            "covered_s": coverage.covered_s(free, said),
            "seen": seen_in(document, place.start, place.end),
        }

    def _place(
        self, context: StepContext, recording: UUID, speech: Sequence[Span]
    ) -> tuple[Spoken, Place, Document, str | None]:
        """Where each channel is one speaker, only what that one said may go."""
        spoken, machines = self._parts.transcript_of(recording), self._parts.machines_of(recording)
        made = self._parts.paper.machine_made(recording)
        document = self._parts.paper.newest(recording).document
        start, end = context.job.params["start"], context.job.params["end"]
        if context.results["decode"]["channels"] == 1:
            return spoken, place_of(document.segments, made, start, end), document, None
        own = channel_speaker(speech, machines.turns)
        called = {was.speaker: now.speaker for was, now in zip(machines.turns, spoken.turns, strict=True)}
        pieces = [
            piece
            for piece in document.segments
            if own is not None and (made[piece.id].speaker if piece.id in made else piece.speaker) in (own, called[own])
        ]
        return spoken, place_of(pieces, made, start, end), document, None if own is None else called[own]

    async def _speech(self, sound: Stored, channel: int, start: float, end: float) -> list[Span]:
        request = SpeechRequest(audio=str(sound.path), key=sound.key_text, channel=channel, start=start, end=end)
        return spans((await self._asr.speech(request)).spans)

    async def _heard(
        self, context: StepContext, sound: Stored, speech: Sequence[Span], language: str | None
    ) -> list[dict[str, Any]]:
        channel = context.job.params["channel"]

        async def hear(chunk: Chunk | None) -> Computed:
            assert chunk is not None  # The first is the plan, which is there already.
            reply = await heard_again(self._asr, context, sound, channel, chunk.spans, language)
            found = [segment.model_dump(exclude_defaults=True) for segment in reply.segments]
            return Computed({"engine": reply.engine, "segments": found}, reply.computed_s)

        parts = plan_chunks(speech, context.results["decode"]["duration_s"])
        return (await each_chunk(context, [None, *parts], lambda chunk: chunk.duration if chunk else 0.0, hear))[1:]

    def _write(self, context: StepContext, recording: UUID, plan: dict[str, Any], heard: list[Segment]) -> int | None:
        turns = self._parts.transcript_of(recording).turns

        def wanted(newest: Revised, prefix: str) -> Document | None:
            if seen_in(newest.document, plan["start"], plan["end"]) != plan["seen"]:
                return None  # Somebody changed something there meanwhile, and that stays.
            if context.results["decode"]["channels"] > 1:
                said = [(plan["speaker"], segment) for segment in heard]
            else:
                said = told_apart(heard, turns, newest.document)
            return with_new(newest.document, plan["replaced"], said, prefix)

        return self._parts.paper.rewrite(recording, f"redo-{context.job.id}", wanted)

    def _report(
        self,
        context: StepContext,
        recording: UUID,
        plan: dict[str, Any],
        heard: list[Segment],
        after: float,
        least: float,
        kept: bool,
    ) -> None:
        """Those of long ago have no report; then there is nothing to bring up to date."""
        try:
            found = derived.get(self._engine, recording, "coverage", "", Coverage)
        except NotFound:
            return
        channel, speech = context.job.params["channel"], spans(plan["spans"])
        left = [
            FaultView(channel=channel, **{**asdict(fault), "kind": fault.kind.value})
            for fault in coverage.faults(speech, heard, plan["language"] or "", least)
        ]
        repair = RepairView(
            start=plan["start"],
            end=plan["end"],
            channel=channel,
            kinds=sorted({fault.kind for fault in found.faults if _is_in(fault, plan, channel)}),
            before=round(plan["before"], 3),
            after=after,
            kept=kept,
        )
        more_s = coverage.covered_s(speech, heard) - plan["covered_s"] if kept else 0.0
        derived.put(
            self._engine,
            recording,
            "coverage",
            "",
            context.job.id,
            with_repair(found, repair, left if kept else None, more_s),
        )


def with_repair(found: Coverage, repair: RepairView, left: list[FaultView] | None, more_s: float) -> Coverage:
    """`left`: the faults of the stretch from now on; None: those that there are. `more_s` of speech have words now."""
    if any(_is_same(one, repair) for one in found.repairs):
        return found  # It was told before the worker was lost.
    faults = found.faults
    if left is not None:
        where = {"start": repair.start, "end": repair.end}
        faults = [*(fault for fault in faults if not _is_in(fault, where, repair.channel)), *left]
    return found.model_copy(
        update={
            "faults": sorted(faults, key=lambda fault: (fault.start, fault.channel)),
            "repairs": sorted([*found.repairs, repair], key=lambda one: (one.start, one.channel)),
            "covered_s": round(min(found.speech_s, max(0.0, found.covered_s + more_s)), 1),
        }
    )


def _is_in(fault: FaultView, where: dict[str, Any], channel: int) -> bool:
    return fault.channel == channel and bool(where["start"] <= (fault.start + fault.end) / 2 <= where["end"])


def _is_same(a: RepairView, b: RepairView) -> bool:
    return a.model_copy(update={"kinds": []}) == b.model_copy(update={"kinds": []})
