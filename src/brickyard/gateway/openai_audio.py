"""OpenAI's API for recordings: transcriptions and translations, in every response format, whole or as a stream; and
`/v1/audio/diarization` in the same manner, which OpenAI does not have."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from brickyard.bricks.listening import Asked, Listening, Sound
from brickyard.bricks.translate.client import Translate
from brickyard.engines.base import Segment, Turn
from brickyard.engines.catalog import ModelCard, recognizer_for
from brickyard.gateway.dialect import ours, route_class
from brickyard.gateway.gate import Caller, Gate
from brickyard.gateway.openai_llm import render
from brickyard.gateway.presence import while_there
from brickyard.gateway.room import Room
from brickyard.gateway.sound import Sounds
from brickyard.gateway.translating import into_english
from brickyard.kit.errors import BadInput, BrickyardError
from brickyard.text import spoken, subtitles
from brickyard.text.align import speak
from brickyard.text.coverage import heard_s

SCOPE = "audio"
SERVICE = "audio"
ALIASES = frozenset({"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize"})
"""Names that clients have built in; they stand for the best model here."""
NAMES = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "fi": "finnish", "fr": "french", "he": "hebrew", "hi": "hindi", "hu": "hungarian",
    "it": "italian", "ja": "japanese", "ko": "korean", "nl": "dutch", "no": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish", "uk": "ukrainian",
    "vi": "vietnamese", "zh": "chinese",
}  # fmt: skip
"""As Whisper calls them; other languages are told by their code."""


class Format(StrEnum):
    json = "json"
    text = "text"
    srt = "srt"
    vtt = "vtt"
    verbose_json = "verbose_json"
    diarized_json = "diarized_json"


class Granularity(StrEnum):
    word = "word"
    segment = "segment"


@dataclass(frozen=True, slots=True)
class Said:
    """What a recording holds. `speakers`: one for each segment, or None where nobody asked."""

    duration_s: float
    language: str
    segments: tuple[Segment, ...]
    speakers: tuple[str | None, ...]
    engine: str

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)


@dataclass(frozen=True)
class AudioApi:
    """The parts that these routes are made of. `cards`: the installed models."""

    gate: Gate
    room: Room
    sounds: Sounds
    listening: Listening
    translate: Translate
    cards: Sequence[ModelCard]

    def router(self) -> APIRouter:
        routes = APIRouter(route_class=route_class(render, self.gate.recognise))

        @routes.post("/v1/audio/transcriptions", include_in_schema=False, response_model=None)
        async def transcriptions(
            request: Request,
            file: Annotated[UploadFile, File()],
            model: Annotated[str, Form()],
            language: Annotated[str | None, Form()] = None,
            response_format: Annotated[Format, Form()] = Format.json,
            stream: Annotated[bool, Form()] = False,
            granularities: Annotated[list[Granularity] | None, Form(alias="timestamp_granularities[]")] = None,
            speakers: Annotated[int | None, Form(ge=1, le=50)] = None,
        ) -> Response:
            caller = await self.gate.admit(request, SCOPE)
            asked = self._asked(caller, model, language, speakers)
            if granularities and response_format is not Format.verbose_json:
                raise BadInput("timestamp_granularities[] needs response_format=verbose_json.")
            diarized = response_format is Format.diarized_json
            if stream:
                if response_format not in (Format.json, Format.text, Format.diarized_json):
                    raise BadInput("stream needs response_format json, text or diarized_json.")
                return await self._streamed(caller, file, asked, diarized)
            said = await while_there(request, self._said(caller, file, asked, diarized))
            return answer(said, response_format, granularities or [Granularity.segment])

        @routes.post("/v1/audio/translations", include_in_schema=False, response_model=None)
        async def translations(
            request: Request,
            file: Annotated[UploadFile, File()],
            model: Annotated[str, Form()],
            response_format: Annotated[Format, Form()] = Format.json,
        ) -> Response:
            caller = await self.gate.admit(request, SCOPE)
            if response_format is Format.diarized_json:
                raise BadInput("Translations have no response_format diarized_json.")
            asked = self._asked(caller, model, None, None)
            said = await while_there(request, self._said(caller, file, asked, diarized=False))
            english = await while_there(request, into_english(self.translate, said.segments, said.language, caller))
            return answer(replace(said, segments=english, language="en"), response_format, [Granularity.segment])

        @routes.post("/v1/audio/diarization", include_in_schema=False, response_model=None)
        async def diarization(
            request: Request,
            file: Annotated[UploadFile, File()],
            speakers: Annotated[int | None, Form(ge=1, le=50)] = None,
        ) -> Response:
            caller = await self.gate.admit(request, SCOPE)
            asked = Asked(speakers=speakers, priority=caller.priority, tenant=caller.owner)
            turns, duration_s = await while_there(request, self._turns(caller, file, asked))
            return JSONResponse(turns_answer(turns, duration_s))

        return routes

    def _asked(self, caller: Caller, model: str, language: str | None, speakers: int | None) -> Asked:
        """Raises Unsupported for a model or language that is not installed, before the recording is read."""
        name = None if model in ALIASES else model
        recognizer_for(language, self.cards, name)
        return Asked(language, name, speakers, caller.priority, caller.owner)

    async def _turns(self, caller: Caller, file: UploadFile, asked: Asked) -> tuple[list[Turn], float]:
        with self.room.place():
            async with self.sounds.decoded(file.file) as sound:
                turns = await self.listening.turns(sound, asked)
        self.gate.meter(caller, SERVICE, "diarization", requests=1, audio_s=sound.duration_s)
        return turns, sound.duration_s

    async def _said(self, caller: Caller, file: UploadFile, asked: Asked, diarized: bool) -> Said:
        with self.room.place():
            async with self.sounds.decoded(file.file) as sound:
                heard = [one async for one in self.listening.words(sound, asked)]
                turns = await self.listening.turns(sound, asked) if diarized else []
        segments = [(one.channel, segment) for one in heard for segment in one.segments]
        engine = heard[0].engine if heard else "none"
        self.gate.meter(caller, SERVICE, engine, requests=1, audio_s=sound.duration_s)
        return _told(sound, asked, engine, segments, turns)

    async def _streamed(self, caller: Caller, file: UploadFile, asked: Asked, diarized: bool) -> Response:
        """Errors up to the decoded sound are answered with their status; later ones inside the stream."""
        async with AsyncExitStack() as stack:
            stack.enter_context(self.room.place())
            sound = await stack.enter_async_context(self.sounds.decoded(file.file))
            kept = stack.pop_all()
        events = self._events(caller, sound, asked, diarized, kept)
        return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def _events(
        self, caller: Caller, sound: Sound, asked: Asked, diarized: bool, kept: AsyncExitStack
    ) -> AsyncIterator[str]:
        async with kept:
            segments: list[tuple[int, Segment]] = []
            engine = "none"
            try:
                async for heard in self.listening.words(sound, asked):
                    engine = heard.engine
                    for segment in heard.segments:
                        delta = f" {segment.text}" if segments else segment.text
                        segments.append((heard.channel, segment))
                        yield _event({"type": "transcript.text.delta", "delta": delta})
                turns = await self.listening.turns(sound, asked) if diarized else []
            except BrickyardError as error:
                yield f"data: {bytes(render(ours(error)).body).decode()}\n\n"
                return
            finally:
                self.gate.meter(caller, SERVICE, engine, requests=1, audio_s=sound.duration_s)
        said = _told(sound, asked, engine, segments, turns)
        if diarized:
            for segment_event in _diarized(said):
                yield _event(segment_event)
        yield _event({"type": "transcript.text.done", "text": said.text, "usage": _usage(said)})


def _told(
    sound: Sound, asked: Asked, engine: str, segments: Sequence[tuple[int, Segment]], turns: Sequence[Turn]
) -> Said:
    """In order of time. Where each channel is a speaker, a segment is that speaker's; else words go to the turns."""
    if not turns:
        pairs: list[tuple[int | None, Segment]] = [(None, segment) for _, segment in segments]
    elif sound.channels > 1:
        pairs = list(segments)
    else:
        pairs = speak([segment for _, segment in segments], turns)
    pairs.sort(key=lambda pair: (pair[1].start, pair[1].end))
    labels = {speaker: _letters(k) for k, speaker in enumerate(dict.fromkeys(s for s, _ in pairs if s is not None))}
    heard = heard_s(segment for _, segment in pairs)
    return Said(
        duration_s=round(sound.duration_s, 3),
        language=asked.language or max(heard, key=lambda code: heard[code], default="en"),
        segments=tuple(segment for _, segment in pairs),
        speakers=tuple(None if speaker is None else labels[speaker] for speaker, _ in pairs),
        engine=engine,
    )


def answer(said: Said, form: Format, granularities: Sequence[Granularity]) -> Response:
    if form is Format.text:
        return PlainTextResponse(said.text + "\n")
    if form in (Format.srt, Format.vtt):
        written = subtitles.render(_spoken(said), subtitles.TextFormat(form.value))
        return PlainTextResponse(written)
    if form is Format.diarized_json:
        document = {"task": "transcribe", "duration": said.duration_s, "text": said.text, "segments": _diarized(said)}
        return JSONResponse({**document, "usage": _usage(said)})
    if form is Format.verbose_json:
        return JSONResponse(_verbose(said, granularities))
    return JSONResponse({"text": said.text, "usage": _usage(said)})


def turns_answer(turns: Sequence[Turn], duration_s: float) -> dict[str, Any]:
    order = dict.fromkeys(turn.speaker for turn in sorted(turns, key=lambda turn: turn.start))
    labels = {speaker: _letters(k) for k, speaker in enumerate(order)}
    segments = [{"start": turn.start, "end": turn.end, "speaker": labels[turn.speaker]} for turn in turns]
    return {
        "task": "diarize",
        "duration": round(duration_s, 3),
        "speakers": list(labels.values()),
        "segments": segments,
        "usage": {"type": "duration", "seconds": round(duration_s, 3)},
    }


def _verbose(said: Said, granularities: Sequence[Granularity]) -> dict[str, Any]:
    """What our engines do not have (token ids, compression, probability of silence) is empty or 0."""
    document: dict[str, Any] = {
        "task": "transcribe",
        "language": NAMES.get(said.language, said.language),
        "duration": said.duration_s,
        "text": said.text,
        "usage": _usage(said),
    }
    if Granularity.segment in granularities:
        document["segments"] = [
            {
                "id": number,
                "seek": 0,
                "start": segment.start,
                "end": segment.end,
                "text": segment.text,
                "tokens": [],
                "temperature": 0.0,
                "avg_logprob": 0.0,
                "compression_ratio": 0.0,
                "no_speech_prob": 0.0,
            }
            for number, segment in enumerate(said.segments)
        ]
    if Granularity.word in granularities:
        document["words"] = [
            {"word": word.text, "start": word.start, "end": word.end}
            for segment in said.segments
            for word in segment.words
        ]
    return document


def _diarized(said: Said) -> list[dict[str, Any]]:
    return [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number}",
            "start": segment.start,
            "end": segment.end,
            "text": segment.text,
            "speaker": speaker or "A",
        }
        for number, (segment, speaker) in enumerate(zip(said.segments, said.speakers, strict=True))
    ]


def _spoken(said: Said) -> list[spoken.Segment]:
    return [
        spoken.Segment(
            start=segment.start,
            end=segment.end,
            speaker=None,
            text=segment.text,
            words=[spoken.Word(start=w.start, end=w.end, text=w.text) for w in segment.words],
        )
        for segment in said.segments
    ]


def _usage(said: Said) -> dict[str, Any]:
    return {"type": "duration", "seconds": said.duration_s}


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _letters(number: int) -> str:
    """A, B, … Z, AA, AB, …"""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
