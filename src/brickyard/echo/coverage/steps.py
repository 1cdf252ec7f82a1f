"""The step `coverage`: finds what the transcript lacks, has it decoded again in another way, and keeps the better."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.asr.contract import SegmentModel, spans
from brickyard.bricks.runner import Computed, each_chunk
from brickyard.echo import derived
from brickyard.echo.coverage.again import heard_again, least_confidence
from brickyard.echo.coverage.schemas import Coverage, FaultView, RepairView
from brickyard.engines.base import Segment, Span
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.context import StepContext
from brickyard.kit.db import patiently
from brickyard.kit.sealed import Stored
from brickyard.text import coverage
from brickyard.text.coverage import FaultKind, Stretch

MOST_SHARE = 0.1
MOST_S = 60.0
"""A tenth of the recording is decoded again at most, or a minute where that is more."""

Channel = int


class CoverageStep:
    def __init__(self, engine: sa.Engine, files: RecordingFiles, asr: Asr) -> None:
        self._engine = engine
        self._files = files
        self._asr = asr

    async def run(self, context: StepContext) -> Any:
        """A chunk for each stretch that is decoded again: {channel, start, end, kinds, before, after, segments}.

        `segments` is there only where they are better. Returns {repairs, kept, speech_s, covered_s}.
        """
        speech = speech_by_channel(await context.chunks_of("speech"))
        chunks = await context.chunks_of("asr")
        segments = segments_by_channel(chunks)
        engine = chunks[0]["engine"] if chunks else ""
        language = context.job.params.get("language")
        least = least_confidence(engine)
        duration_s = context.results["decode"]["duration_s"]
        left_s = max(MOST_S, MOST_SHARE * duration_s)
        places: list[tuple[Channel, Stretch]] = []
        for channel, own in sorted(speech.items()):
            said = segments.get(channel, [])
            found = coverage.faults(own, said, _language(language, said), least)
            chosen = coverage.stretches(found, said, left_s)
            left_s -= sum(stretch.duration for stretch in chosen)
            places += [(channel, stretch) for stretch in chosen]

        recording = UUID(context.job.params["recording"])
        sound = await asyncio.to_thread(patiently, lambda: self._files.audio(recording))

        async def decode_again(place: tuple[Channel, Stretch]) -> Computed:
            channel, stretch = place
            return await self._decode_again(
                context, sound, channel, stretch, speech[channel], segments.get(channel, [])
            )

        again_s = sum(stretch.duration for _, stretch in places)

        def share_s(place: tuple[Channel, Stretch]) -> float:
            """All chunks together are the whole recording: for estimates what counts is what a recording costs."""
            return float(duration_s * place[1].duration / again_s)

        repairs = await each_chunk(context, places, share_s, decode_again)
        if not places:
            await context.begin(work_total_s=duration_s)
        document = report(recording, speech, segments, repairs, language, least)
        await asyncio.to_thread(derived.put, self._engine, document.recording, "coverage", "", context.job.id, document)
        kept = sum(repair.kept for repair in document.repairs)
        return {
            "repairs": len(repairs),
            "kept": kept,
            "speech_s": document.speech_s,
            "covered_s": document.covered_s,
        }

    async def _decode_again(
        self,
        context: StepContext,
        sound: Stored,
        channel: Channel,
        stretch: Stretch,
        speech: Sequence[Span],
        said: Sequence[Segment],
    ) -> Computed:
        """What slipped into another language is given the main one; else what was asked for stays."""
        language = context.job.params.get("language")
        if FaultKind.LANGUAGE in stretch.kinds:
            language = language or coverage.main_language(said)
        own = coverage.speech_inside(speech, stretch)
        if not own:
            return Computed(_outcome(channel, stretch, 0.0, 0.0, None))
        reply = await heard_again(self._asr, context, sound, channel, own, language)
        new = [segment.value() for segment in reply.segments]
        before = coverage.quality(own, coverage.inside(said, stretch))
        after = coverage.quality(own, new)
        found = None
        if coverage.is_better(after, before):
            found = [segment.model_dump(exclude_defaults=True) for segment in reply.segments]
        return Computed(_outcome(channel, stretch, before, after, found), reply.computed_s)


def repaired(segments: Mapping[Channel, Sequence[Segment]], repairs: Sequence[Any]) -> dict[Channel, list[Segment]]:
    """The segments of each channel, with those exchanged that came out better the second time."""
    done = {channel: list(own) for channel, own in segments.items()}
    for repair in repairs:
        if repair["segments"] is not None:
            new = [SegmentModel(**segment).value() for segment in repair["segments"]]
            own = done.get(repair["channel"], [])
            done[repair["channel"]] = coverage.replaced(own, repair["start"], repair["end"], new)
    return done


def speech_by_channel(windows: Sequence[Any]) -> dict[Channel, list[Span]]:
    found: dict[Channel, list[Span]] = {}
    for window in windows:
        found.setdefault(window["channel"], []).extend(spans(window["spans"]))
    return {channel: sorted(own, key=lambda span: span.start) for channel, own in found.items()}


def segments_by_channel(chunks: Sequence[Any]) -> dict[Channel, list[Segment]]:
    found: dict[Channel, list[Segment]] = {}
    for chunk in chunks:
        own = found.setdefault(chunk["channel"], [])
        own.extend(SegmentModel(**segment).value() for segment in chunk["segments"])
    return found


def report(
    recording: UUID,
    speech: Mapping[Channel, Sequence[Span]],
    segments: Mapping[Channel, Sequence[Segment]],
    repairs: Sequence[Any],
    language: str | None,
    least_confidence: float | None,
) -> Coverage:
    after = repaired(segments, repairs)
    left = [
        FaultView(channel=channel, **{**asdict(fault), "kind": fault.kind.value})
        for channel, own in speech.items()
        for fault in coverage.faults(
            own, after.get(channel, []), _language(language, after.get(channel, [])), least_confidence
        )
    ]
    return Coverage(
        recording=recording,
        speech_s=round(sum(span.duration for own in speech.values() for span in own), 1),
        covered_s=round(sum(coverage.covered_s(own, after.get(c, [])) for c, own in speech.items()), 1),
        faults=sorted(left, key=lambda fault: (fault.start, fault.channel)),
        repairs=[
            RepairView(
                **{name: repair[name] for name in repair if name != "segments"}, kept=repair["segments"] is not None
            )
            for repair in repairs
        ],
    )


def _outcome(
    channel: Channel, stretch: Stretch, before: float, after: float, segments: list[Any] | None
) -> dict[str, Any]:
    return {
        "channel": channel,
        "start": stretch.start,
        "end": stretch.end,
        "kinds": [kind.value for kind in stretch.kinds],
        "before": round(before, 3),
        "after": round(after, 3),
        "segments": segments,
    }


def _language(asked: str | None, segments: Sequence[Segment]) -> str:
    return asked or coverage.main_language(segments) or ""
