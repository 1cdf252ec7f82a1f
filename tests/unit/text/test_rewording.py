from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.rewording import Run, joined, merged, moved, retimed, runs, within
from brickyard.text.spoken import Word

VOCABULARY = ["the", "harbour", "is", "closed", "Is", "closed.", "na", "naïve", "港", "が", "閉", "ไป"]
TEXTS = st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join)


def spoken(text: str, start: float = 0.0) -> list[Word]:
    """A word a second, half a second long."""
    return [
        Word(start=start + k, end=start + k + 0.5, text=word, confidence=0.9) for k, word in enumerate(text.split())
    ]


def times(words: list[Word]) -> list[tuple[str, float, float]]:
    return [(word.text, word.start, word.end) for word in words]


def letters(text: str) -> str:
    return "".join(text.split())


def test_words_that_stayed_keep_their_times_and_confidence() -> None:
    old = spoken("a good storey is told")
    new = retimed(old, "A good story, is told!", 0, 5)
    assert [new[k] for k in (1, 3)] == [old[1], old[3]]
    assert times(new)[0] == ("A", 0.0, 0.5)
    assert new[4].model_dump() == old[4].model_dump() | {"text": "told!"}


def test_typed_words_are_between_their_neighbours_approximate_and_nobody_is_sure_of_them() -> None:
    new = retimed(spoken("one four"), "one two three four", 0, 2)
    assert [word.text for word in new] == ["one", "two", "three", "four"]
    assert [(word.approximate, word.confidence) for word in new] == [
        (False, 0.9),
        (True, None),
        (True, None),
        (False, 0.9),
    ]
    assert new[1].start == 0.5
    assert new[2].end == 1.0


def test_a_word_in_place_of_another_is_said_when_that_was() -> None:
    assert times(retimed(spoken("a good storey is told"), "a good fable is told", 0, 5))[2] == ("fable", 2.0, 2.5)


def test_a_segment_that_had_no_words_gets_some_over_all_its_length() -> None:
    assert times(retimed([], "ab cd", 10, 12)) == [("ab", 10.0, 11.0), ("cd", 11.0, 12.0)]
    assert retimed(spoken("gone"), "  ", 0, 1) == []


def test_scripts_without_spaces_are_compared_letter_by_letter() -> None:
    old = [Word(start=0, end=1, text="港"), Word(start=1, end=2, text="が"), Word(start=2, end=3, text="閉")]
    new = retimed(old, "港は閉", 0, 3)
    assert times(new) == [("港", 0.0, 1.0), ("は", 1.0, 2.0), ("閉", 2.0, 3.0)]
    assert [word.approximate for word in new] == [False, True, False]


@given(TEXTS, TEXTS)
def test_no_time_goes_backwards_and_every_letter_has_a_word(before: str, after: str) -> None:
    old = spoken(before)
    new = retimed(old, after, 0, 12.5)
    starts = [word.start for word in new]
    assert starts == sorted(starts)
    assert all(0 <= word.start <= word.end <= 12.5 for word in new)
    assert letters("".join(word.text for word in new)) == letters(after)
    assert retimed(old, before, 0, 12.5) == old or any(letter > "\u0e00" for letter in before)


def test_words_outside_are_moved_in() -> None:
    moved_in = within(spoken("one two three"), 0.25, 1.75)
    assert times(moved_in) == [("one", 0.25, 0.5), ("two", 1.0, 1.5), ("three", 1.75, 1.75)]
    assert [word.approximate for word in moved_in] == [True, False, True]


def test_texts_are_joined_as_their_script_is_written() -> None:
    assert joined("one ", " two") == "one two"
    assert joined("港が", "閉まる") == "港が閉まる"
    assert joined("", "two") == "two"


@pytest.mark.parametrize(
    ("mine", "theirs", "both"),
    [
        ("the old harbour is closed", "the harbour was closed", "the old harbour was closed"),
        ("the harbour is open", "the harbour is open", "the harbour is open"),
        ("the harbour", "the harbour is closed today", "the harbour today"),
        ("the harbour is shut", "the harbour is open", None),
        ("the new harbour is closed", "the old harbour is closed", None),
        ("harbour is closed", "the harbour is closed now", "harbour is closed now"),
        ("", "the harbour is open", None),
    ],
)
def test_two_changes_of_one_text(mine: str, theirs: str, both: str | None) -> None:
    assert merged("the harbour is closed", mine, theirs) == both


@given(TEXTS, TEXTS)
def test_a_change_of_one_side_alone_is_taken(base: str, mine: str) -> None:
    for text in (merged(base, mine, base), merged(base, base, mine), merged(base, mine, mine)):
        assert text is not None
        assert letters(text) == letters(mine)


@given(TEXTS, TEXTS, TEXTS)
def test_it_does_not_matter_who_comes_first(base: str, mine: str, theirs: str) -> None:
    one, other = merged(base, mine, theirs), merged(base, theirs, mine)
    assert (one is None) == (other is None)
    assert one is None or other is None or letters(one) == letters(other)


@given(TEXTS, st.integers(0, 12), st.integers(0, 12))
def test_words_added_at_two_places_are_both_there(base: str, at: int, elsewhere: int) -> None:
    words = base.split()
    mine = " ".join([*words[:at], "MINE", *words[at:]])
    theirs = " ".join([*words[:elsewhere], "THEIRS", *words[elsewhere:]])
    both = merged(base, mine, theirs)
    assert both is None or ("MINE" in both and "THEIRS" in both)
    assert both is not None or min(at, len(words)) == min(elsewhere, len(words))


@given(TEXTS, TEXTS)
def test_each_side_reads_again_in_what_differs(before: str, after: str) -> None:
    found = runs(before, after)
    assert letters("".join(run.text for run in found if run.kind != "added")) == letters(before)
    assert letters("".join(run.text for run in found if run.kind != "removed")) == letters(after)


def test_what_differs_is_told_by_words() -> None:
    assert runs("a good storey", "a good story") == [
        Run("same", "a good"),
        Run("removed", "storey"),
        Run("added", "story"),
    ]


def test_a_place_between_words_is_found_again() -> None:
    before = "one two three"
    assert moved(4, before, before) == 4
    assert moved(4, before, "zero one two three") == 9
    assert moved(4, before, "one more three") == 3
    assert moved(4, before, "nothing of it three") is None
