"""The step from a transcript to its translations: one document for each language that was asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.bricks.runner import Computed, each_chunk
from brickyard.bricks.translate.contract import TranslateReply, TranslateRequest
from brickyard.echo import derived
from brickyard.echo.translations.schemas import Spoken, TranscriptOfJob, Translation, Translator
from brickyard.jobs.context import StepContext
from brickyard.kit.errors import BadInput, LeaseLost, OutOfMemory, Unavailable, Unsupported
from brickyard.kit.logs import get
from brickyard.text.spoken import Segment

KIND = "translation"
SEGMENTS_AT_ONCE = 40
WAITS_FOR_ATTEMPTS = 3
"""So many times a job is tried again for a brick that is away; then it makes do without."""

log = get(__name__)


def without_translation(params: Mapping[str, Any]) -> bool:
    """Whether nobody asked for one."""
    return not params.get("translate_into")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some segments on their way into one language."""

    language: str
    segments: tuple[Segment, ...]

    @property
    def letters(self) -> int:
        """At least 1, so that a chunk of silence is some work too."""
        return max(1, sum(len(segment.text) for segment in self.segments))


class TranslationSteps:
    """`transcript_of` reads the transcript that the step before has kept, the same each time."""

    def __init__(self, engine: sa.Engine, translate: Translator, transcript_of: TranscriptOfJob) -> None:
        self._engine = engine
        self._translate = translate
        self._transcript_of = transcript_of

    async def translate(self, context: StepContext) -> Any:
        """Params of the job: `translate_into`, a list of languages. Returns {languages, warnings}.

        A chunk keeps {language, texts, doubts, source, engines, route, draft}, or {language, failed}: a language that
        cannot be translated into is a warning, and the others are there all the same.
        """
        if without_translation(context.job.params):
            return {"languages": []}
        recording = UUID(context.job.params["recording"])
        spoken = await asyncio.to_thread(self._transcript_of, context)
        asked = list(dict.fromkeys(context.job.params["translate_into"]))
        wanted = [language for language in asked if language != spoken.language]
        warnings = [
            f"It is in {language} already, so it was not translated." for language in asked if language not in wanted
        ]
        found = await self._translated(context, spoken, wanted)
        done = []
        for language in wanted:
            own = [result for result in found if result["language"] == language]
            failures = [result["failed"] for result in own if "failed" in result]
            if failures:
                warnings.append(f"It was not translated into {language}: {failures[0]}")
                continue
            document = document_of(recording, context.job.id, language, spoken, own)
            await asyncio.to_thread(derived.put, self._engine, recording, KIND, language, context.job.id, document)
            done.append(language)
        return {"languages": done, "warnings": warnings}

    async def _translated(self, context: StepContext, spoken: Spoken, wanted: Sequence[str]) -> list[Any]:
        chunks = chunks_of(spoken.segments, wanted)
        letters = sum(chunk.letters for chunk in chunks)

        def share_s(chunk: Chunk) -> float:
            """All chunks together are the whole recording: for estimates what counts is what a recording costs."""
            return spoken.duration * chunk.letters / letters

        async def translate(chunk: Chunk) -> Computed:
            return await self._chunk(context, spoken.language, chunk)

        found = await each_chunk(context, chunks, share_s, translate)
        if not chunks:
            await context.begin(work_total_s=spoken.duration)
        return found

    async def _chunk(self, context: StepContext, source: str, chunk: Chunk) -> Computed:
        said = [index for index, segment in enumerate(chunk.segments) if segment.text.strip()]
        if not said:
            return Computed(_kept(chunk, source, said, None))
        request = TranslateRequest(
            texts=[chunk.segments[index].text for index in said],
            source=source or None,
            target=chunk.language,
            priority=context.job.priority.name.lower(),
            tenant=context.job.owner,
        )
        try:
            reply = await self._translate.translate(request)
        except (Unsupported, BadInput, Unavailable) as error:
            _raise_what_may_pass(context, error)
            log.warning(
                "a language is left out", job=str(context.job.id), language=chunk.language, reason=error.message
            )
            return Computed({"language": chunk.language, "failed": error.message})
        return Computed(_kept(chunk, source, said, reply), reply.computed_s)


def chunks_of(segments: Sequence[Segment], languages: Sequence[str]) -> list[Chunk]:
    return [
        Chunk(language, tuple(segments[first : first + SEGMENTS_AT_ONCE]))
        for language in languages
        for first in range(0, len(segments), SEGMENTS_AT_ONCE)
    ]


def document_of(
    recording: UUID, job: UUID, language: str, spoken: Spoken, chunks: Sequence[Mapping[str, Any]]
) -> Translation:
    """`chunks`: what was kept of each, in order; together they have a text for each segment."""
    segments: list[Segment] = []
    doubts: list[int] = []
    for chunk in chunks:
        doubts += [len(segments) + index for index in chunk["doubts"]]
        for segment, text in zip(spoken.segments[len(segments) :], chunk["texts"], strict=False):
            segments.append(Segment(start=segment.start, end=segment.end, speaker=segment.speaker, text=text))
    routes: list[tuple[str, ...]] = [tuple(chunk["route"]) for chunk in chunks if chunk["route"]]
    return Translation(
        recording=recording,
        job=job,
        language=language,
        source_language=spoken.language or next((chunk["source"] for chunk in chunks if chunk["source"]), ""),
        draft=any(chunk["draft"] for chunk in chunks),
        engines=list(dict.fromkeys(engine for chunk in chunks for engine in chunk["engines"])),
        route=list(Counter(routes).most_common(1)[0][0]) if routes else [],
        segments=segments,
        doubts=doubts,
    )


def _kept(chunk: Chunk, source: str, said: Sequence[int], reply: TranslateReply | None) -> dict[str, Any]:
    """A text for each segment of the chunk; `said`: the indexes of those that were translated."""
    texts = [""] * len(chunk.segments)
    doubts = []
    translations = reply.translations if reply else []
    for index, translation in zip(said, translations, strict=True):
        texts[index] = translation.text
        doubts += [index] if translation.numbers_differ else []
    return {
        "language": chunk.language,
        "texts": texts,
        "doubts": doubts,
        "source": translations[0].source if translations else source,
        "engines": reply.engines if reply else [],
        "route": reply.route if reply else [],
        "draft": reply.draft if reply else False,
    }


def _raise_what_may_pass(context: StepContext, error: Unsupported | BadInput | Unavailable) -> None:
    """A brick that is away is waited for, by trying the job again, though not for ever."""
    if isinstance(error, OutOfMemory | LeaseLost):
        raise error
    if isinstance(error, Unavailable) and context.job.attempts < WAITS_FOR_ATTEMPTS:
        raise error
