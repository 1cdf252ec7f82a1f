from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.names import NameHint, name_hints
from brickyard.text.screen import Box, TextSpan
from brickyard.text.spoken import Turn

LOW: Box = (0.06, 0.8, 0.3, 0.86)
HIGH: Box = (0.06, 0.1, 0.3, 0.16)


def shown(text: str, start: float, end: float, box: Box | None = LOW) -> TextSpan:
    return TextSpan(start=start, end=end, text=text, confidence=0.98, box=box)


def turn(speaker: str, start: float, end: float) -> Turn:
    return Turn(start=start, end=end, speaker=speaker)


TURNS = [turn("Speaker 1", 0, 20), turn("Speaker 2", 20, 40), turn("Speaker 1", 40, 60)]


def test_who_speaks_under_a_name_may_be_called_so() -> None:
    spans = [shown("Ada Lovelace", 3, 9), shown("Mathematician", 3, 9), shown("Grace Hopper", 22, 30)]
    assert name_hints(spans, TURNS) == {
        "Speaker 1": [NameHint(name="Ada Lovelace", time=3.0, seen_s=6.0, share=1.0)],
        "Speaker 2": [NameHint(name="Grace Hopper", time=22.0, seen_s=8.0, share=1.0)],
    }


def test_a_name_at_the_change_of_speakers_goes_to_who_speaks_mostly() -> None:
    assert list(name_hints([shown("Ada Lovelace", 12, 22)], TURNS)) == ["Speaker 1"]
    assert name_hints([shown("Ada Lovelace", 15, 25)], TURNS) == {}, "half and half says nothing"


def test_the_likeliest_name_comes_first() -> None:
    spans = [shown("Charles Babbage", 2, 4), shown("Ada Lovelace", 5, 12), shown("Ada Lovelace", 45, 50)]
    [found] = name_hints(spans, TURNS).values()
    assert [(hint.name, hint.time, hint.seen_s) for hint in found] == [
        ("Ada Lovelace", 5.0, 12.0),
        ("Charles Babbage", 2.0, 2.0),
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("ADA LOVELACE", "Ada Lovelace"),
        ("Dr. Ada Lovelace", "Ada Lovelace"),
        ("Ada Lovelace, Mathematician", "Ada Lovelace"),
        ("Ada Lovelace – Mathematician", "Ada Lovelace"),
        ("Ada Lovelace | City council", "Ada Lovelace"),
        ("Ada King Lovelace", "Ada King Lovelace"),
        ("Ludwig van Beethoven", "Ludwig van Beethoven"),
        ("Jean-Luc O'Neill", "Jean-Luc O'Neill"),
        ("Лев Толстой", "Лев Толстой"),
        ("Αριστοτέλης Ωνάσης", "Αριστοτέλης Ωνάσης"),
    ],
)
def test_names_as_people_write_them(text: str, name: str) -> None:
    [[hint]] = name_hints([shown(text, 3, 9)], TURNS).values()
    assert hint.name == name


@pytest.mark.parametrize(
    "text",
    [
        "Lovelace",
        "ada lovelace",
        "Ada lovelace",
        "Room B-217",
        "Live from the North Harbour Quay Today",
        "12:00",
        "— —",
        "",
    ],
)
def test_what_is_no_name_is_not_suggested(text: str) -> None:
    assert name_hints([shown(text, 3, 9)], TURNS) == {}


def test_only_the_lower_third_names_people() -> None:
    assert name_hints([shown("Ada Lovelace", 3, 9, HIGH), shown("Ada Lovelace", 3, 9, None)], TURNS) == {}


def test_what_is_always_there_names_the_programme() -> None:
    assert name_hints([shown("Harbour News", 0, 100)], [turn("Speaker 1", 0, 100)]) == {}


def test_where_nobody_speaks_nobody_is_named() -> None:
    assert name_hints([shown("Ada Lovelace", 3, 9)], []) == {}
    assert name_hints([], TURNS) == {}


@given(
    st.lists(st.tuples(st.sampled_from(["Ada Lovelace", "Grace Hopper"]), st.floats(0, 60), st.floats(0.1, 30))),
    st.lists(st.tuples(st.sampled_from(["Speaker 1", "Speaker 2"]), st.floats(0, 60), st.floats(0.1, 30))),
)
def test_a_name_is_given_to_one_speaker_at_most(
    spans: list[tuple[str, float, float]], turns: list[tuple[str, float, float]]
) -> None:
    found = name_hints(
        [shown(text, start, start + length) for text, start, length in spans],
        [turn(speaker, start, start + length) for speaker, start, length in turns],
    )
    names = [hint.name for hints in found.values() for hint in hints]
    assert len(names) == len(set(names))
    assert all(0.6 <= hint.share <= 1 and hint.seen_s >= 1 for hints in found.values() for hint in hints)
