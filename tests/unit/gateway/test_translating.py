from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from brickyard.bricks.translate.client import Translate
from brickyard.bricks.translate.contract import LONGEST_TEXT, MOST_TEXTS
from brickyard.engines.base import Segment, Word
from brickyard.gateway.gate import Caller
from brickyard.gateway.translating import (
    MOST_LETTERS,
    Guessed,
    Offered,
    Translated,
    guessed,
    into_english,
    offered,
    translated,
)
from brickyard.kit.errors import Unsupported
from tests.unit.gateway.translator import Capitals

CALLER = Caller(UUID(int=1), "notebook", "ada", is_admin=False, priority="batch")


@pytest.fixture
def brick() -> Capitals:
    return Capitals()


@pytest.fixture
def socket(brick: Capitals) -> Iterator[Path]:
    with brick.serving() as path:
        yield path


def asked(socket: Path, texts: Sequence[str], source: str | None, target: str) -> Translated:
    async def ask() -> Translated:
        async with Translate(socket) as translate:
            return await translated(translate, texts, source, target, CALLER)

    return asyncio.run(ask())


def english(socket: Path, segments: Sequence[Segment], language: str) -> tuple[Segment, ...]:
    async def ask() -> tuple[Segment, ...]:
        async with Translate(socket) as translate:
            return await into_english(translate, segments, language, CALLER)

    return asyncio.run(ask())


def test_segments_keep_their_times_and_lose_their_words(socket: Path, brick: Capitals) -> None:
    said = [
        Segment(0.5 * i, 0.5 * i + 0.4, f"satz {i}", (Word(0.0, 0.1, "satz"),), 0.9, "de")
        for i in range(MOST_TEXTS + 1)
    ]
    found = english(socket, said, "de")
    assert found == tuple(Segment(s.start, s.end, f"en: {s.text.upper()}", (), 0.9, "en") for s in said)
    assert [len(request.texts) for request in brick.asked] == [MOST_TEXTS, 1]
    assert {(r.source, r.target, r.tenant, r.priority) for r in brick.asked} == {("de", "en", "ada", "batch")}


def test_english_is_left_as_it_is(socket: Path, brick: Capitals) -> None:
    said = [Segment(0.0, 1.0, "yes", (Word(0.0, 1.0, "yes"),))]
    assert english(socket, said, "en") == tuple(said)
    assert english(socket, [], "de") == ()
    assert brick.asked == []


def test_an_unknown_language_is_found_out(socket: Path, brick: Capitals) -> None:
    assert english(socket, [Segment(0.0, 1.0, "du und ich")], "")[0].text == "en: DU UND ICH"
    assert brick.asked[0].source is None


def test_a_language_from_which_nothing_leads_says_so(socket: Path) -> None:
    with pytest.raises(Unsupported, match="from tlh"):
        english(socket, [Segment(0.0, 1.0, "nuqneH")], "tlh")


def test_texts_that_are_too_long_go_in_pieces(socket: Path, brick: Capitals) -> None:
    long = "word " * (LONGEST_TEXT // 2)
    unspaced = "x" * (LONGEST_TEXT + 1)
    found = asked(socket, [long, "", " ", unspaced, "end"], "en", "de").texts
    sent = [request.texts for request in brick.asked]
    assert all(len(text) <= LONGEST_TEXT for texts in sent for text in texts)
    assert all(sum(map(len, texts)) <= MOST_LETTERS for texts in sent)
    assert [text.replace("de: ", "").split() for text in found] == [
        long.upper().split(),
        [],
        [],
        ["X" * LONGEST_TEXT, "X"],
        ["END"],
    ]


def test_the_same_language_needs_no_engine(socket: Path, brick: Capitals) -> None:
    assert asked(socket, ["one"], "tlh", "tlh") == Translated(["one"], ())
    assert asked(socket, ["one"], "en", "de").engines == ("capitals",)
    assert len(brick.asked) == 1


def test_what_there_is(socket: Path) -> None:
    async def ask() -> tuple[list[Guessed], list[Guessed], list[Offered]]:
        async with Translate(socket) as translate:
            return await guessed(translate, "du und ich"), await guessed(translate, "12"), await offered(translate)

    german, nothing, languages = asyncio.run(ask())
    assert (german, nothing) == ([Guessed("de", 0.9)], [])
    assert languages == [Offered("de", ("en", "es")), Offered("en", ("de", "es")), Offered("es", ())]
