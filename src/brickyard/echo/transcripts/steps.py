"""The steps from sound to transcript. Each keeps its chunks; later steps read them from there.

decode ─┬─► speech ──► asr ──► coverage ──┐
        │      └───────────┐              ├─► transcript
        └─► diarize ───────┴─► speakers ──┘
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.asr.contract import SpeechRequest, TranscribeRequest, pairs, spans
from brickyard.bricks.chunks import SPEECH_WINDOW_S, Chunk, chunks_of_speech, settled, turns_of_channels, windows_of
from brickyard.bricks.diarize.client import Diarize
from brickyard.bricks.diarize.contract import LinkRequest, ObserveRequest, TurnModel
from brickyard.bricks.runner import Computed, chunks_as_they_come, each_chunk
from brickyard.echo.coverage.steps import repaired, segments_by_channel
from brickyard.echo.coverage.words import as_spoken
from brickyard.echo.transcripts import schemas, store
from brickyard.engines import plausibility
from brickyard.engines.base import Segment, Turn
from brickyard.engines.catalog import MOONSHINE
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.context import StepContext
from brickyard.kit.db import patiently
from brickyard.kit.sealed import Stored
from brickyard.text import spoken
from brickyard.text.align import speak
from brickyard.text.coverage import heard_s

DEFAULT_LANGUAGE = "en"
ONE_SPEAKER_A_CHANNEL = "a speaker a channel"


def without_speakers(params: Mapping[str, Any]) -> bool:
    """Whether nobody asked who speaks."""
    return not params.get("diarize", True)


class TranscriptSteps:
    """`asr` and `diarize` are the bricks; both read the decoded sound from the same files."""

    def __init__(self, engine: sa.Engine, files: RecordingFiles, asr: Asr, diarize: Diarize) -> None:
        self._engine = engine
        self._files = files
        self._asr = asr
        self._diarize = diarize

    async def speech(self, context: StepContext) -> Any:
        """Chunks of about two minutes, channel after channel: {channel, spans, next}, `next` being where it ends."""
        decoded = context.results["decode"]
        duration_s = decoded["duration_s"]
        await context.begin(work_total_s=duration_s * decoded["channels"])
        sound = await self._sound(context)
        done = await context.done()
        index, speech_s = 0, 0.0
        for channel in range(decoded["channels"]):
            start_s = 0.0
            while start_s < duration_s:
                if index not in done:
                    since = time.monotonic()
                    done[index] = await self._find_speech(sound, channel, start_s, duration_s)
                    work_s = done[index]["next"] - start_s
                    await context.save(index, done[index], work_s, time.monotonic() - since)
                speech_s += sum(end - start for start, end in done[index]["spans"])
                start_s = done[index]["next"]
                index += 1
        return {"speech_s": round(speech_s, 1)}

    async def _find_speech(self, sound: Stored, channel: int, start_s: float, duration_s: float) -> Any:
        end_s = min(duration_s, start_s + SPEECH_WINDOW_S)
        request = SpeechRequest(audio=str(sound.path), key=sound.key_text, channel=channel, start=start_s, end=end_s)
        found = spans((await self._asr.speech(request)).spans)
        kept, next_s = settled(found, start_s, end_s, is_last=end_s >= duration_s)
        return {"channel": channel, "spans": pairs(kept), "next": next_s}

    async def asr(self, context: StepContext) -> Any:
        """Chunks of about a minute, through all channels: {channel, engine, segments}. Begins while speech is found."""
        decoded = context.results["decode"]
        await context.begin(work_total_s=decoded["duration_s"] * decoded["channels"])
        sound = await self._sound(context)

        async def transcribe(place: tuple[int, float, Chunk]) -> Computed:
            channel, _, chunk = place
            request = TranscribeRequest(
                audio=str(sound.path),
                key=sound.key_text,
                channel=channel,
                start=chunk.start,
                end=chunk.end,
                spans=pairs(chunk.spans),
                language=context.job.params.get("language"),
                priority=context.job.priority.name.lower(),
                tenant=context.job.owner,
            )
            reply = await self._asr.transcribe(request)
            found = reply.model_dump(exclude_defaults=True, exclude={"computed_s"})
            return Computed({"channel": channel, **found}, reply.computed_s)

        chunks = chunks_of_speech(context.follow("speech"), decoded["duration_s"])
        done = await chunks_as_they_come(context, chunks, lambda place: place[1], transcribe)
        await context.begin(chunks_total=len(done))
        return {"chunks": len(done)}

    async def diarize(self, context: StepContext) -> Any:
        """Chunks as the engine wants them: observations. None where each channel is a speaker, or nobody asked."""
        decoded = context.results["decode"]
        if decoded["channels"] > 1:
            return {"engine": ONE_SPEAKER_A_CHANNEL}
        if without_speakers(context.job.params):
            return {"engine": None}
        health = await self._diarize.health()
        overlap_s = health.overlap_s or 0.0
        sound = await self._sound(context)
        windows = windows_of(decoded["duration_s"], health.window_s or 60.0, overlap_s)

        def new_s(window: tuple[float, float]) -> float:
            """Overlaps counted once, so that a second of work is a second of audio as in the other steps."""
            return window[1] - window[0] - (overlap_s if window[0] > 0 else 0.0)

        async def observe(window: tuple[float, float]) -> Computed:
            request = ObserveRequest(
                audio=str(sound.path),
                key=sound.key_text,
                start=window[0],
                end=window[1],
                priority=context.job.priority.name.lower(),
                tenant=context.job.owner,
            )
            reply = await self._diarize.observe(request)
            return Computed(reply.observations, reply.computed_s)

        await each_chunk(context, windows, new_s, observe)
        return {"engine": health.engine}

    async def speakers(self, context: StepContext) -> Any:
        """One chunk: turns with labels that hold over the whole recording."""
        engine = context.results["diarize"]["engine"]

        async def link(_: int) -> Computed:
            if engine is None:
                return Computed([])
            if engine == ONE_SPEAKER_A_CHANNEL:
                return Computed([asdict(turn) for turn in turns_of_channels(await context.chunks_of("speech"))])
            observations = [seen for chunk in await context.chunks_of("diarize") for seen in chunk]
            request = LinkRequest(observations=observations, speakers=context.job.params.get("speakers"))
            reply = await self._diarize.link(request)
            return Computed([turn.model_dump() for turn in reply.turns], reply.computed_s)

        work_s = 0.0 if engine in (None, ONE_SPEAKER_A_CHANNEL) else context.results["decode"]["duration_s"]
        await each_chunk(context, [0], lambda _: work_s, link)
        return {"engine": engine}

    async def transcript(self, context: StepContext) -> Any:
        """Words to speakers, and the whole into the database. Returns what is worth knowing of it."""
        await context.begin(work_total_s=context.results["decode"]["duration_s"])
        [turns] = await context.chunks_of("speakers")
        chunks = await context.chunks_of("asr")
        repairs = await context.chunks_of("coverage")
        transcript = await asyncio.to_thread(assemble, context, chunks, turns, repairs)
        await asyncio.to_thread(store.put, self._engine, transcript)
        return {
            "recording": str(transcript.recording),
            "language": transcript.language,
            "speakers": len(transcript.speakers),
            "segments": len(transcript.segments),
            "warnings": transcript.warnings,
        }

    async def _sound(self, context: StepContext) -> Stored:
        recording = UUID(context.job.params["recording"])
        return await asyncio.to_thread(patiently, lambda: self._files.audio(recording))


def assemble(
    context: StepContext, chunks: Sequence[Any], turns: Sequence[Any], repairs: Sequence[Any] = ()
) -> schemas.Transcript:
    """`repairs`: what the step `coverage` decoded again; the better of the two is taken."""
    decoded = context.results["decode"]
    turn_values = [TurnModel(**turn).value() for turn in turns]
    by_channel = repaired(segments_by_channel(chunks), repairs)
    said: list[tuple[int | None, Segment]]
    if context.results["speakers"]["engine"] == ONE_SPEAKER_A_CHANNEL:
        said = [(channel, segment) for channel, own in by_channel.items() for segment in own]
    else:
        said = speak(by_channel.get(0, []), turn_values)
    said.sort(key=lambda pair: (pair[1].start, pair[1].end))
    segments = [segment for _, segment in said]
    language = _language(context, segments)
    names = _names(turn_values, [speaker for speaker, _ in said])
    engines = {"asr": chunks[0]["engine"]} if chunks else {}
    if context.results["speakers"]["engine"]:
        engines["diarize"] = context.results["speakers"]["engine"]
    return schemas.Transcript(
        recording=UUID(context.job.params["recording"]),
        job=context.job.id,
        duration=round(decoded["duration_s"], 3),
        language=language,
        engines=engines,
        speakers=list(names.values()),
        segments=[as_spoken(segment, names.get(speaker)) for speaker, segment in said],
        turns=[spoken.Turn(start=t.start, end=t.end, speaker=names[t.speaker]) for t in turn_values],
        warnings=[*decoded["warnings"], *_doubts(segments, language, engines.get("asr"))],
    )


def _doubts(segments: Sequence[Segment], language: str, engine: str | None) -> list[str]:
    """Each engine counts confidence on a scale of its own."""
    least = plausibility.LEAST_CONFIDENCE if engine == MOONSHINE else plausibility.LEAST_CONFIDENCE_OF_WHISPER
    return plausibility.doubts(segments, language, least)


def _names(turns: Sequence[Turn], speakers: Sequence[int | None]) -> dict[int | None, str]:
    """Speaker 1, Speaker 2, … in the order in which they are first heard."""
    order = dict.fromkeys([turn.speaker for turn in sorted(turns, key=lambda turn: turn.start)])
    order |= dict.fromkeys(speaker for speaker in speakers if speaker is not None)
    return {speaker: f"Speaker {number}" for number, speaker in enumerate(order, 1)}


def _language(context: StepContext, segments: Sequence[Segment]) -> str:
    """What was asked for, else what the engine heard most, in seconds."""
    asked = context.job.params.get("language")
    heard = heard_s(segments)
    return asked or (max(heard, key=lambda name: heard[name]) if heard else DEFAULT_LANGUAGE)


def reading_step(engine: sa.Engine) -> Callable[[StepContext], Awaitable[Any]]:
    """For jobs over a transcript that is there: which revision of it they are about, though it be edited meanwhile."""

    async def run(context: StepContext) -> Any:
        """Returns {recording, language, segments, revision}; `revision` null: as the machine made it."""
        await context.begin(work_total_s=context.job.work_s)
        recording = UUID(context.job.params["recording"])
        found = await asyncio.to_thread(store.get, engine, recording)
        return {
            "recording": str(recording),
            "language": found.language,
            "segments": len(found.segments),
            "revision": found.revision,
        }

    return run
