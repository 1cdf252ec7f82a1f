"""What is made of what was heard: every response format, without engines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.bricks.listening import Asked, Sound
from brickyard.engines.base import Segment, Turn, Word
from brickyard.gateway.openai_audio import Format, Granularity, Said, _letters, _told, answer, turns_answer
from tests.unit.text.test_subtitles import parsed_srt

SOUND = Sound(wav=None, duration_s=12.3456, channels=1)  # type: ignore[arg-type]
SEGMENTS = [
    (0, Segment(0.0, 2.0, "Hello there.", (Word(0.0, 1.0, "Hello"), Word(1.0, 2.0, "there.")), 0.9, "en")),
    (0, Segment(3.0, 5.0, "Good day.", (Word(3.0, 4.0, "Good"), Word(4.0, 5.0, "day.")), 0.8, "en")),
]
TURNS = [Turn(0.0, 2.5, 7), Turn(2.5, 6.0, 3)]


def told(turns: list[Turn] | None = None, language: str | None = None) -> Said:
    return _told(SOUND, Asked(language=language), "fake", SEGMENTS, turns or [])


def read(form: Format, granularities: list[Granularity] | None = None) -> dict[str, object]:
    found: dict[str, object] = json.loads(bytes(answer(told(TURNS), form, granularities or []).body))
    return found


def test_plain_json_says_how_long_it_was() -> None:
    assert read(Format.json) == {
        "text": "Hello there. Good day.",
        "usage": {"type": "duration", "seconds": 12.346},
    }


def test_speakers_are_letters_in_the_order_in_which_they_are_heard() -> None:
    segments = read(Format.diarized_json)["segments"]
    assert [(one["speaker"], one["text"]) for one in segments] == [("A", "Hello there."), ("B", "Good day.")]


def test_two_channels_are_two_speakers() -> None:
    both = [(0, SEGMENTS[0][1]), (1, Segment(1.0, 2.5, "Yes.", (), 0.9, "en"))]
    stereo = Sound(wav=None, duration_s=5.0, channels=2)  # type: ignore[arg-type]
    said = _told(stereo, Asked(), "fake", both, [Turn(0.0, 2.0, 0), Turn(1.0, 2.5, 1)])
    assert [(segment.text, speaker) for segment, speaker in zip(said.segments, said.speakers, strict=True)] == [
        ("Hello there.", "A"),
        ("Yes.", "B"),
    ]


@pytest.mark.parametrize(
    ("asked", "has_segments", "has_words"),
    [([Granularity.segment], True, False), ([Granularity.word], False, True), (list(Granularity), True, True)],
)
def test_verbose_json_has_what_was_asked_for(asked: list[Granularity], has_segments: bool, has_words: bool) -> None:
    found = read(Format.verbose_json, asked)
    assert ("segments" in found, "words" in found) == (has_segments, has_words)
    assert found["language"] == "english"


def test_subtitles_and_text() -> None:
    assert parsed_srt(bytes(answer(told(), Format.srt, []).body).decode())[0] == (0, 2000, "Hello there.")
    assert bytes(answer(told(), Format.text, []).body) == b"Hello there. Good day.\n"
    assert bytes(answer(told(), Format.vtt, []).body).startswith(b"WEBVTT\n")


def test_silence_has_every_format() -> None:
    silent = _told(SOUND, Asked(), "none", [], [])
    for form in Format:
        assert answer(silent, form, list(Granularity)).status_code == 200


def test_the_language_is_what_was_asked_for_else_what_was_heard_most() -> None:
    assert told(language="fr").language == "fr"
    assert told().language == "en"


@given(st.integers(0, 2000))
def test_no_two_speakers_share_letters(count: int) -> None:
    assert len({_letters(number) for number in range(count)}) == count


def test_letters_go_on_after_z() -> None:
    assert [_letters(number) for number in (0, 25, 26, 27, 51, 52, 701, 702)] == [
        "A", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA",
    ]  # fmt: skip


def test_turns_name_speakers_by_first_voice_whatever_their_order() -> None:
    found = turns_answer([TURNS[1], TURNS[0]], 6.0)
    assert found["speakers"] == ["A", "B"]
    assert [turn["speaker"] for turn in found["segments"]] == ["B", "A"]
