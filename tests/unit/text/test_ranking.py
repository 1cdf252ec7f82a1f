from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.ranking import FEWEST, MOST, summary_of
from brickyard.text.statements import Statement

BUDGET = [
    "The budget for the harbour project grows to four million next year.",
    "Four million is more than the harbour board expected for the project.",
    "The harbour board wants the project budget reviewed every quarter.",
    "A quarterly review of the budget would show delays at the harbour early.",
]
CHEESE = [
    "Goat cheese from the valley won the regional prize this autumn.",
    "The valley dairies sell their goat cheese on regional markets.",
]


def said(*texts: str) -> list[Statement]:
    return [Statement(text, float(i), i + 1.0, "A", (i + 1,)) for i, text in enumerate(texts)]


def test_what_many_sentences_are_about_is_chosen_in_order_of_time() -> None:
    chosen = summary_of(said("Bye bye.", *CHEESE[:1], *BUDGET, "My bicycle has a flat tyre since Tuesday."), "en", 2)
    assert [one.text in BUDGET for one in chosen] == [True, True]
    assert [one.start for one in chosen] == sorted(one.start for one in chosen)


def test_what_is_said_twice_is_taken_once() -> None:
    chosen = summary_of(said(*[BUDGET[0]] * 5, *CHEESE), "en", 2)
    assert len({one.text for one in chosen}) == 2


@pytest.mark.parametrize(
    ("language", "noise"),
    [
        (
            "en",
            ["Bye bye, see you tomorrow everyone!", "Do you think the harbour budget grows to four million?", "Um."],
        ),
        (
            "fr",
            ["Au revoir, merci beaucoup à tous !", "Est-ce que le budget du port augmente encore ?", "Euh, ben oui."],
        ),
        ("es", ["¡Hasta luego, muchas gracias a todos!", "¿Cuánto crece el presupuesto del puerto?", "Pues, vale."]),
        ("de", ["Auf Wiedersehen und vielen Dank an alle!", "Wächst der Haushalt des Hafens wieder?", "Ja, genau."]),
        ("it", ["Arrivederci e grazie mille a tutti!", "Quanto cresce il bilancio del porto?", "Va bene, ecco."]),
        ("pt", ["Até logo e muito obrigado a todos!", "Quanto cresce o orçamento do porto?", "Pois, está bem."]),
    ],
)
def test_greetings_questions_and_fillers_are_left_out(language: str, noise: list[str]) -> None:
    spoken = said(*noise, *BUDGET[:3], *noise, *noise)
    assert {one.text for one in summary_of(spoken, language, 10)} == set(BUDGET[:3])


def test_chinese_is_ranked_by_pairs_of_letters() -> None:
    budget = [
        "港口项目的预算明年增加到四百万。",
        "董事会要求每季度审查港口项目的预算。",
        "港口项目的预算比董事会预期的多。",
    ]
    chosen = summary_of(
        said("大家好，谢谢大家！", *budget, "山羊奶酪今年秋天赢得了地区奖项。", "预算增加了吗？"), "zh", 2
    )
    assert all(one.text in budget for one in chosen)


def test_where_there_is_nothing_better_what_there_is_stands() -> None:
    assert [one.text for one in summary_of(said("Hello there.", "Budget grows.", "Um."), "en")] == ["Budget grows."]
    assert summary_of(said("Hello.", "Um."), "en") == []
    assert summary_of([], "en") == []


def test_longer_recordings_get_more_sentences_up_to_a_limit() -> None:
    def choose(count: int) -> int:
        words, names = random.Random(count), [f"w{number}x" for number in range(500)]
        return len(summary_of(said(*(" ".join(words.choices(names, k=9)) for _ in range(count))), "en"))

    assert [choose(10), choose(2700)] == [FEWEST, MOST]


@given(st.lists(st.text(max_size=60), max_size=20), st.integers(0, 8))
def test_sentences_are_as_they_were_said_in_order_and_the_same_every_time(texts: list[str], wanted: int) -> None:
    spoken = said(*texts)
    chosen = summary_of(spoken, "en", wanted)
    assert len(chosen) <= wanted
    assert [spoken.index(one) for one in chosen] == sorted({spoken.index(one) for one in chosen})
    assert chosen == summary_of(spoken, "en", wanted)
