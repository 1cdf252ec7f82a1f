from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.figures import figures, lost

FIGURES = st.lists(st.integers(0, 10**9).map(str), max_size=6)


def test_numbers_are_told_by_their_digits() -> None:
    assert figures("1,234.5 on the 3rd at 10:45, ٣ of A4") == ["12345", "3", "10", "45", "3", "4"]


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("1,234.50 dollars", "1.234,50 dólares"),
        ("1,234 people", "1 234 personnes"),
        ("1 234 567 people", "1.234.567 personas"),
        ("on 3 May 2024", "El 3 de mayo de 2024"),
        ("the 3rd", "la 3.ª"),
        ("٣ days", "3 días"),
        ("2 and 2", "2 y 2"),
        ("nothing", "3"),
    ],
)
def test_a_number_in_another_dress_is_not_lost(source: str, translation: str) -> None:
    assert lost(source, translation) == []


@pytest.mark.parametrize(
    ("source", "translation", "missing"),
    [
        ("12 and 13", "12", ["13"]),
        ("2 and 2", "2", ["2"]),
        ("1,234", "1243", ["1234"]),
        ("5", "1505", ["5"]),
        ("10 12", "1012", ["10", "12"]),
    ],
)
def test_a_number_that_is_missing_or_changed_is_named(source: str, translation: str, missing: list[str]) -> None:
    assert lost(source, translation) == missing


@given(FIGURES, st.randoms())
def test_order_does_not_matter_and_each_occurrence_counts(numbers: list[str], random: object) -> None:
    shuffled = sorted(numbers, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert lost(" a ".join(numbers), " b ".join(shuffled)) == []
    if numbers:
        assert lost(" a ".join(numbers), " b ".join(numbers[1:])) == [numbers[0]]
