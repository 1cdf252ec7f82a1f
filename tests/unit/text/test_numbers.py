from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.numbers import in_digits, named


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,200 or 1.200 or 1 200 or 1'200", {"1200"}),
        ("3,50 and 3.5", {"3.5"}),
        ("007", {"7"}),
        ("In 2024 100 came", {"2024", "100"}),
        ("1,234,567.89", {"1234567.89"}),
        ("at 12:30", {"12", "30"}),
        ("none", set()),
    ],
)
def test_digits_have_one_form(text: str, numbers: set[str]) -> None:
    assert in_digits(text) == numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("twelve", "12"),
        ("twenty-five people", "25"),
        ("three hundred and twenty", "320"),
        ("two thousand and five", "2005"),
        ("twenty twenty-six", "2026"),
        ("nineteen ninety", "1990"),
        ("3 million", "3000000"),
        ("fünfundzwanzig", "25"),
        ("soixante-dix", "70"),
        ("quatre-vingt-dix-sept", "97"),
        ("treinta y cinco", "35"),
        ("venti", "20"),
        ("cento e vinte", "120"),
    ],
)
def test_words_are_numbers_too(text: str, number: str) -> None:
    assert number in named(text)


def test_numbers_side_by_side_are_not_added() -> None:
    assert "32" not in named("version twelve, twenty")


@given(st.integers(0, 10**9))
def test_a_number_is_found_with_and_without_thousands(number: int) -> None:
    assert in_digits(f"{number}") == in_digits(f"{number:,}") == {str(number)}
    assert str(number) in named(f"it was {number:,}, he said")


@given(st.text(max_size=60))
def test_what_is_in_digits_is_named(text: str) -> None:
    assert in_digits(text) <= named(text)
