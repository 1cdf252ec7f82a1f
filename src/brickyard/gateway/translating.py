"""Any number of texts through the `translate` brick, in requests that it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from brickyard.bricks.translate.client import Translate
from brickyard.bricks.translate.contract import LONGEST_TEXT, MOST_TEXTS, DetectRequest, TranslateRequest
from brickyard.engines.base import Segment
from brickyard.gateway.gate import Caller

ENGLISH = "en"
MOST_LETTERS = 40_000
"""Of one request, unless a single text has more: so that no request takes so long that it is given up."""


@dataclass(frozen=True, slots=True)
class Translated:
    """`texts`: one for each that was asked for. `engines` is empty where nothing had to be translated."""

    texts: list[str]
    engines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Guessed:
    """`confidence`: 0…1."""

    language: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Offered:
    """A language, and into which others it can be translated, by their codes."""

    code: str
    targets: tuple[str, ...]


async def guessed(translate: Translate, text: str) -> list[Guessed]:
    """Likeliest first; none where nothing in the text tells."""
    reply = await translate.detect(DetectRequest(texts=[text]))
    return [Guessed(guess.language, guess.confidence) for guess in reply.guesses[0]]


async def offered(translate: Translate) -> list[Offered]:
    """Every language that can be translated from or into."""
    targets: dict[str, list[str]] = {}
    for pair in (await translate.languages()).pairs:
        targets.setdefault(pair.source, []).append(pair.target)
        targets.setdefault(pair.target, [])
    return [Offered(code, tuple(sorted(own))) for code, own in sorted(targets.items())]


async def translated(
    translate: Translate, texts: Sequence[str], source: str | None, target: str, caller: Caller
) -> Translated:
    """`source`: None where it is to be detected. Raises Unsupported where no route leads to `target`."""
    if source == target:
        return Translated(list(texts), ())
    pieces = [(number, piece) for number, text in enumerate(texts) for piece in _pieces(text)]
    found = ["" if text.strip() else text for text in texts]
    engines: dict[str, None] = {}
    for batch in _batches(pieces):
        request = TranslateRequest(
            texts=[piece for _, piece in batch],
            source=source,
            target=target,
            priority=caller.priority,
            tenant=caller.owner,
        )
        reply = await translate.translate(request)
        engines.update(dict.fromkeys(reply.engines))
        for (number, _), translation in zip(batch, reply.translations, strict=True):
            found[number] = f"{found[number]} {translation.text}" if found[number] else translation.text
    return Translated(found, tuple(engines))


async def into_english(
    translate: Translate, segments: Sequence[Segment], language: str, caller: Caller
) -> tuple[Segment, ...]:
    """The same times with English texts. Words are dropped, since those of a translation are not in the sound.

    Raises Unsupported where no route leads from `language` to English.
    """
    if language == ENGLISH:
        return tuple(segments)
    english = await translated(translate, [segment.text for segment in segments], language or None, ENGLISH, caller)
    return tuple(
        replace(segment, text=text, words=(), language=ENGLISH)
        for segment, text in zip(segments, english.texts, strict=True)
    )


def _pieces(text: str) -> Iterator[str]:
    """A text that is too long is cut between words, or anywhere where it has no spaces. None of a blank one."""
    while len(text) > LONGEST_TEXT:
        end = text.rfind(" ", LONGEST_TEXT // 2, LONGEST_TEXT)
        end = end if end > 0 else LONGEST_TEXT
        yield text[:end]
        text = text[end:].lstrip(" ")
    if text.strip():
        yield text


def _batches(pieces: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    batch: list[tuple[int, str]] = []
    letters = 0
    for number, piece in pieces:
        if batch and (len(batch) == MOST_TEXTS or letters + len(piece) > MOST_LETTERS):
            yield batch
            batch, letters = [], 0
        batch.append((number, piece))
        letters += len(piece)
    if batch:
        yield batch
