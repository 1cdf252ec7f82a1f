from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.engines.base import Segment, Turn, Word
from brickyard.text.align import speak

times = st.floats(0, 60)
texts = st.sampled_from(["so", "well,", "yes.", "no?", "really", "and", "—"])
words = st.builds(lambda start, length, text: Word(start, start + length, text), times, st.floats(0, 1.5), texts)
segments = st.lists(
    st.lists(words, max_size=8)
    .map(lambda own: tuple(sorted(own, key=lambda word: word.start)))
    .map(
        lambda own: Segment(
            own[0].start if own else 0.0,
            own[-1].end if own else 1.0,
            " ".join(word.text for word in own) or "no words",
            own,
            0.9,
            "en",
        )
    ),
    max_size=6,
)
turns = st.lists(
    st.builds(lambda start, length, who: Turn(start, start + length, who), times, st.floats(0, 20), st.integers(0, 4)),
    max_size=10,
)


def said(text: str, start: float = 0.0, word_s: float = 0.5) -> Segment:
    """A segment whose words take `word_s` each, without pauses."""
    own = tuple(Word(start + word_s * n, start + word_s * (n + 1), word) for n, word in enumerate(text.split()))
    return Segment(start, own[-1].end, text, own, 0.9, "en")


def lines(spoken: list[tuple[int | None, Segment]]) -> list[tuple[int | None, str]]:
    return [(speaker, segment.text) for speaker, segment in spoken]


@given(segments, turns)
def test_every_word_is_kept_once_and_in_order(heard: list[Segment], who: list[Turn]) -> None:
    spoken = speak(heard, who)
    assert [word for _, segment in spoken for word in segment.words] == [w for s in heard for w in s.words]
    assert " ".join(s.text for _, s in spoken).split() == " ".join(s.text for s in heard).split()
    assert all(segment.text == "no words" for _, segment in spoken if not segment.words)


@given(segments, turns)
def test_speakers_are_those_of_the_turns_and_pieces_keep_what_is_known_of_their_segment(
    heard: list[Segment], who: list[Turn]
) -> None:
    spoken = speak(heard, who)
    known: set[int | None] = {turn.speaker for turn in who}
    assert {speaker for speaker, _ in spoken} <= (known or {None})
    for _, segment in spoken:
        assert (segment.confidence, segment.language) == (0.9, "en")
        if segment.words:
            assert (segment.start, segment.end) == (segment.words[0].start, segment.words[-1].end)


@given(segments, turns)
def test_a_segment_is_cut_just_where_the_speaker_changes(heard: list[Segment], who: list[Turn]) -> None:
    for segment in heard:
        speakers = [speaker for speaker, _ in speak([segment], who)]
        assert all(left != right for left, right in pairwise(speakers))


@given(segments, st.lists(st.tuples(times, st.floats(0.1, 20)), min_size=1, max_size=6))
def test_one_speaker_gets_every_segment_whole(heard: list[Segment], spans: list[tuple[float, float]]) -> None:
    spoken = speak(heard, [Turn(start, start + length, 3) for start, length in spans])
    assert spoken == [(3, segment) for segment in heard]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), min_size=1, max_size=12), st.data())
def test_words_inside_turns_that_are_apart_get_their_speakers(plan: list[tuple[int, int]], data: st.DataObject) -> None:
    """However the recognizer has cut its segments. People pause for a second between turns, as they do."""
    heard: list[Word] = []
    who: list[Turn] = []
    expected: list[int] = []
    now = 0.0
    for speaker, count in plan:
        own = [Word(now + 0.4 * n, now + 0.4 * (n + 1), "word") for n in range(count)]
        who.append(Turn(own[0].start, own[-1].end, speaker))
        heard += own
        expected += [speaker] * count
        now = own[-1].end + 1.0
    cuts = sorted(data.draw(st.sets(st.integers(1, len(heard)), max_size=4)) | {0, len(heard)})
    parts = [tuple(heard[a:b]) for a, b in pairwise(cuts)]
    whole = [Segment(own[0].start, own[-1].end, " ".join(w.text for w in own), own) for own in parts]
    assert [speaker for speaker, segment in speak(whole, who) for _ in segment.words] == expected


def test_without_turns_nobody_is_named_and_nothing_is_cut() -> None:
    heard = [said("hello there."), said("who knows", 5.0)]
    assert speak(heard, []) == [(None, heard[0]), (None, heard[1])]
    assert speak([], []) == []


def test_turns_without_words_give_no_segments() -> None:
    assert speak([], [Turn(0.0, 5.0, 0)]) == []


@pytest.mark.parametrize("off_s", [-0.6, -0.3, 0.0, 0.3, 0.6])
def test_a_change_of_speaker_is_put_at_the_end_of_the_sentence(off_s: float) -> None:
    heard = [said("how are you today? I am fine thanks")]
    who = [Turn(0.0, 2.0 + off_s, 0), Turn(2.0 + off_s, 4.0, 1)]
    assert lines(speak(heard, who)) == [(0, "how are you today?"), (1, "I am fine thanks")]


@pytest.mark.parametrize("off_s", [-0.4, 0.0, 0.4])
def test_a_change_without_a_full_stop_goes_to_the_comma(off_s: float) -> None:
    heard = [said("he told me, no I did not")]
    who = [Turn(0.0, 1.5 + off_s, 0), Turn(1.5 + off_s, 3.5, 1)]
    assert lines(speak(heard, who)) == [(0, "he told me,"), (1, "no I did not")]


def test_a_pause_is_as_good_as_a_full_stop() -> None:
    heard = [Segment(0, 5, "yes no", (Word(0, 1, "yes"), Word(4, 5, "no")))]
    assert lines(speak(heard, [Turn(0, 1.2, 0), Turn(3.8, 5, 1)])) == [(0, "yes"), (1, "no")]


def test_a_blip_of_another_voice_inside_a_sentence_changes_nothing() -> None:
    heard = [said("this is one long sentence of mine")]
    assert lines(speak(heard, [Turn(0, 3.5, 0), Turn(1.0, 1.4, 1)])) == [(0, "this is one long sentence of mine")]
    apart = [Turn(0, 1.0, 0), Turn(1.0, 1.4, 1), Turn(1.4, 3.5, 0)]
    assert lines(speak(heard, apart)) == [(0, "this is one long sentence of mine")]


def test_a_real_interruption_inside_a_segment_is_cut_out() -> None:
    heard = [said("I was going to say. wait a minute please. something else about it")]
    who = [Turn(0, 2.5, 0), Turn(2.5, 4.5, 1), Turn(4.5, 6.5, 0)]
    assert lines(speak(heard, who)) == [
        (0, "I was going to say."),
        (1, "wait a minute please."),
        (0, "something else about it"),
    ]


def test_words_that_nobodys_turn_covers_go_to_the_nearest_one() -> None:
    heard = [said("left", 3.0), said("right", 7.0)]
    assert [speaker for speaker, _ in speak(heard, [Turn(0, 2.5, 0), Turn(8.0, 9, 1)])] == [0, 1]


def test_a_turn_inside_a_longer_one_of_the_same_speaker_counts_once() -> None:
    heard = [said("one two three.", 0.0), said("four five six.", 1.5)]
    who = [Turn(0, 3, 0), Turn(0.2, 0.4, 0), Turn(1.5, 3, 1), Turn(1.6, 3, 1)]
    assert speak(heard, who)[0][0] == 0


def test_a_segment_without_words_goes_to_one_speaker_whole() -> None:
    silent = Segment(0.0, 4.0, "nothing is known of its words")
    assert speak([silent], [Turn(0, 1, 0), Turn(1, 4, 1)]) == [(1, silent)]


def test_three_hours_of_eight_speakers() -> None:
    dice = random.Random(8)
    who = [Turn(3.6 * n, 3.6 * n + dice.uniform(1, 6), dice.randrange(8)) for n in range(3000)]
    heard = [said("ten words of speech that are said in one go.", 3.6 * n, 0.36) for n in range(3000)]
    spoken = speak(heard, who)
    assert sum(len(segment.words) for _, segment in spoken) == 30_000
    assert {speaker for speaker, _ in spoken} == set(range(8))
