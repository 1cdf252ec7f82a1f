from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.citations import Evidence
from brickyard.text.lines import Line
from brickyard.text.numbers import in_digits, named
from brickyard.text.points import Point

SAID = [
    ("Speaker 1", "Good morning everyone."),
    ("Speaker 1", "The harbour project needs twelve thousand euros for the northern crane."),
    ("Speaker 2", "Maria Lopez will order the crane before the end of March."),
    ("Speaker 1", "Okay."),
    ("Speaker 2", "We postponed the opening of the museum to September."),
    *[("Speaker 1", f"Another remark about gardening, number{i}.") for i in range(20)],
    ("Speaker 3", "The school roof was repaired by volunteers in 2019."),
]


def lines(said: list[tuple[str, str]]) -> list[Line]:
    return [Line(n, float(n), n + 1.0, speaker, text) for n, (speaker, text) in enumerate(said, 1)]


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence(lines(SAID), "en")


def cited(evidence: Evidence, text: str, *numbers: int) -> tuple[int, ...] | None:
    held = evidence.check(Point(text, numbers))
    return held.lines if held else None


def test_what_the_lines_say_is_supported_in_other_words_too(evidence: Evidence) -> None:
    assert cited(evidence, "The northern crane of the harbour costs 12,000 euros.", 2) == (2,)
    assert cited(evidence, "The opening of the museum was postponed until September.", 5) == (5,)
    assert cited(evidence, "Speaker 2 says that Maria Lopez orders the crane by March.", 3) == (3,)


def test_lines_that_do_not_exist_or_say_nothing_of_it_are_taken_away(evidence: Evidence) -> None:
    assert cited(evidence, "The museum opens in September.", 5, 4, 999, 0, -3, 12) == (5,)


def test_wrong_lines_are_repaired(evidence: Evidence) -> None:
    held = evidence.check(Point("The opening of the museum was postponed to September.", (2,), "decisions"))
    assert held is not None
    assert (held.lines, held.repaired, held.section) == ((5,), True, "decisions")
    assert cited(evidence, "The opening of the museum was postponed to September.") == (5,), "where there are none"


@pytest.mark.parametrize(
    "invented",
    [
        "The committee approved a new railway tunnel.",
        "The northern crane of the harbour costs 14,000 euros.",
        "The harbour project wants the northern crane from Siemens.",
        "NATO pays the northern crane of the harbour project.",
        "The school roof was repaired by Maria with volunteers.",
        "They met.",
        "...",
    ],
)
def test_what_nobody_said_is_not_supported(evidence: Evidence, invented: str) -> None:
    assert cited(evidence, invented, 2, 26) is None
    assert cited(evidence, invented) is None


def test_a_name_said_near_by_may_be_used(evidence: Evidence) -> None:
    assert cited(evidence, "The museum opens in September, says Maria.", 5) == (5,)


def test_german_nouns_are_no_names() -> None:
    german = Evidence(lines([("A", "Wir verschieben die Eröffnung auf den September.")]), "de")
    assert cited(german, "Die Eröffnung wird vom Verein auf September verschoben.", 1) == (1,)


def test_chinese_is_compared_by_pairs_of_letters() -> None:
    chinese = Evidence(lines([("A", "港口项目的预算明年增加到四百万。"), ("B", "山羊奶酪今年秋天赢得了奖项。")]), "zh")
    assert cited(chinese, "港口项目的预算增加了。", 1) == (1,)
    assert cited(chinese, "港口项目的预算增加了。", 2) == (1,)
    assert cited(chinese, "铁路隧道的工程被取消了。", 1) is None


def test_in_another_language_lines_and_numbers_are_compared(evidence: Evidence) -> None:
    def check(text: str, *numbers: int) -> tuple[int, ...] | None:
        held = evidence.check(Point(text, numbers), translated=True, among={2, 5})
        return held.lines if held else None

    assert check("La grue coûte 12 000 euros.", 2, 3) == (2,)
    assert check("La grue coûte 13 000 euros.", 2) is None
    assert check("La grue est chère.", 3) is None
    assert check("La grue est chère.") is None


def test_an_answer_keeps_what_holds_and_tells_the_rest(evidence: Evidence) -> None:
    said = (
        "The harbour crane needs 12,000 euros [2, 999]. The museum opening was postponed to September.\n"
        "- A railway tunnel was approved by the committee [5]. Yes. [4]"
    )
    found = evidence.answer(said)
    assert found.text == (
        "The harbour crane needs 12,000 euros [2]. The museum opening was postponed to September [5].\n"
        "- A railway tunnel was approved by the committee. Yes."
    )
    assert (found.lines, found.removed) == ((2, 5), (4, 999)), "5 holds elsewhere"
    assert found.unsupported == ("- A railway tunnel was approved by the committee.", "Yes.")


def test_an_answer_may_only_cite_what_was_shown(evidence: Evidence) -> None:
    found = evidence.answer("La grue coûte 12 000 euros [2] [3].", translated=True, among={2})
    assert (found.lines, found.removed) == ((2,), (3,))


words = st.sampled_from(
    [
        "harbour",
        "crane",
        "museum",
        "opening",
        "September",
        "Maria",
        "budget",
        "12",
        "2019",
        "4",
        "euros",
        "the",
        "of",
        "tunnel",
        "港口",
        "预算",
    ]
)
sentences = st.lists(words, min_size=1, max_size=10).map(" ".join) | st.text(max_size=40)


@given(sentences, st.lists(st.integers(-5, 40), max_size=6), st.booleans())
def test_every_citation_resolves_and_says_every_number(text: str, numbers: list[int], translated: bool) -> None:
    spoken = lines(SAID)
    held = Evidence(spoken, "en").check(Point(text, tuple(numbers)), translated=translated)
    if held is None:
        return
    assert held.lines
    assert set(held.lines) <= {line.number for line in spoken}
    assert held.text == text
    said = frozenset().union(*(named(spoken[number - 1].said) for number in held.lines))
    assert in_digits(text) <= said
    if translated:
        assert set(held.lines) <= set(numbers)


@given(st.sampled_from([n for n, (_, text) in enumerate(SAID, 1) if len(text) > 25]), st.lists(st.integers(1, 26)))
def test_what_was_said_is_always_supported_by_its_line(number: int, others: list[int]) -> None:
    held = Evidence(lines(SAID), "en").check(Point(SAID[number - 1][1], (number, *others)))
    assert held is not None
    assert number in held.lines


@given(st.text("abc .[]123,\n", max_size=80))
def test_any_answer_is_checked_and_names_only_lines_that_exist(text: str) -> None:
    found = Evidence(lines(SAID), "en").answer(text)
    assert set(found.lines) <= set(range(1, len(SAID) + 1))
    assert not set(found.lines) & set(found.removed)
