from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.lines import Line, tokens
from brickyard.text.retrieval import NEIGHBOURS, Index


def lines(*texts: str) -> list[Line]:
    return [Line(number, float(number), number + 1.0, "Speaker 1", text) for number, text in enumerate(texts, 1)]


FILLING = [f"Something else number{i} was mentioned in passing" for i in range(300)]


def test_lines_that_share_rare_words_come_first() -> None:
    index = Index(lines("The budget grows.", "The harbour budget is four million.", "The harbour opens.", "Bye."), "en")
    assert [line.number for line in index.search("How big is the harbour budget?", 3)] == [2, 1, 3]
    assert index.search("What is the weather?", 3) == []


def test_other_forms_of_a_word_are_found() -> None:
    assert [line.number for line in Index(lines("We postponed it.", "Bye."), "en").search("postponing", 5)] == [1]


def test_chinese_is_found() -> None:
    assert [line.number for line in Index(lines("天气很好", "港口的预算是四百万"), "zh").search("预算是多少", 5)] == [2]


def test_a_short_transcript_is_shown_whole() -> None:
    spoken = lines("a", "b")
    assert Index(spoken, "en").passage("zebra", 1000) == spoken


def test_of_a_long_one_the_lines_around_what_was_asked() -> None:
    spoken = lines(*FILLING[:100], "The zebra escaped.", *FILLING[100:])
    shown = Index(spoken, "en").passage("Who saw the zebra?", 600)
    assert {line.number for line in shown} >= set(range(101 - NEIGHBOURS, 101 + NEIGHBOURS + 1))
    assert Index(spoken, "en").passage("quux", 600) == []


@given(
    st.lists(st.sampled_from(["zebra runs", "budget grows now", "one two three four five six"]), max_size=60),
    st.integers(1, 300),
)
def test_a_passage_is_in_order_and_keeps_the_budget(texts: list[str], budget: int) -> None:
    shown = Index(lines(*texts), "en").passage("zebra budget", budget)
    assert sum(tokens(line.shown) + 1 for line in shown) <= budget
    assert [line.number for line in shown] == sorted({line.number for line in shown})
