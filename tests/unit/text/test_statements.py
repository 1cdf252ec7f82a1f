from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.lines import Line
from brickyard.text.statements import LONGEST_LETTERS, Statement, statements


def lines(*said: tuple[str | None, str], apart_s: float = 1.0) -> list[Line]:
    return [
        Line(number, (number - 1) * apart_s, (number - 1) * apart_s + 1.0, speaker, text)
        for number, (speaker, text) in enumerate(said, 1)
    ]


def texts(found: list[Statement]) -> list[str]:
    return [one.text for one in found]


def test_a_sentence_that_was_cut_is_put_together() -> None:
    [found] = statements(lines(("A", "We agreed that the"), ("A", "launch moves to March.")))
    assert (found.text, found.lines, found.start, found.end) == (
        "We agreed that the launch moves to March.",
        (1, 2),
        0.0,
        2.0,
    )


def test_a_line_of_several_sentences_is_divided_in_time() -> None:
    first, second = statements(lines(("A", "It is done. It was hard.")))
    assert (first.text, second.text) == ("It is done.", "It was hard.")
    assert first.start == 0.0 < first.end == second.start < second.end == 1.0


def test_sentences_do_not_cross_speakers_or_silence() -> None:
    assert texts(statements(lines(("A", "We have to"), ("B", "stop here.")))) == ["We have to", "stop here."]
    assert texts(statements(lines(("A", "We have to"), ("A", "stop here."), apart_s=10))) == [
        "We have to",
        "stop here.",
    ]


def test_short_forms_and_decimals_end_nothing() -> None:
    said = "Mr. Smith pays 3.5 percent to Dr. Jones."
    assert texts(statements(lines(("A", said)))) == [said]


def test_chinese_is_divided_at_its_own_marks_and_joined_without_spaces() -> None:
    assert texts(statements(lines(("A", "预算不够。我们明天"), ("A", "再讨论。")))) == [
        "预算不够。",
        "我们明天再讨论。",
    ]


def test_words_without_any_mark_are_cut_between_words() -> None:
    found = statements(lines(("A", "word " * 400)))
    assert len(found) > 3
    assert all(len(one.text) <= LONGEST_LETTERS for one in found)
    assert {word for one in found for word in one.text.split()} == {"word"}


@given(st.lists(st.tuples(st.sampled_from(["A", "B", None]), st.text(max_size=60).filter(str.strip)), max_size=12))
def test_nothing_is_lost_and_times_stay_in_their_lines(said: list[tuple[str | None, str]]) -> None:
    spoken = lines(*said)
    by_number = {line.number: line for line in spoken}
    found = statements(spoken)
    assert "".join("".join(one.text for one in found).split()) == "".join("".join(text for _, text in said).split())
    for one in found:
        assert by_number[one.lines[0]].start <= one.start <= one.end <= by_number[one.lines[-1]].end
        assert {by_number[number].speaker for number in one.lines} == {one.speaker}
