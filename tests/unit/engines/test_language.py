from __future__ import annotations

import pytest

from brickyard.engines.language import detect

OFFERED = ("en", "es", "fr", "de", "ca", "pt", "it", "gl")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Oh, that's a good story.", "en"),
        ("Bonjour tout le monde", "fr"),
        ("Hola, ¿qué tal?", "es"),
        ("Das Haus ist groß", "de"),
        ("Привіт, як справи?", "uk"),
        ("你好世界", "zh"),
        ("GOOD MORNING, HOW ARE YOU ALL TODAY?", "en"),
    ],
)
def test_the_language_is_found(text: str, language: str) -> None:
    assert detect(text)[0].language == language


@pytest.mark.parametrize("text", ["", "   ", "12345 67", "???", "😀", "ok"])
def test_nothing_is_guessed_where_nothing_tells(text: str) -> None:
    assert detect(text) == []


def test_guesses_come_best_first_and_make_one_together() -> None:
    guesses = detect("Good morning everybody")
    confidences = [guess.confidence for guess in guesses]
    assert confidences == sorted(confidences, reverse=True)
    assert 0.9 < sum(confidences) <= 1.0001


def test_short_texts_are_looked_at_among_the_languages_expected() -> None:
    assert detect("Yes.")[0].language not in OFFERED
    assert detect("Yes.", OFFERED)[0].language == "en"


def test_a_language_that_was_not_expected_is_named_where_the_text_is_clearly_in_it() -> None:
    assert detect("Привет мир", OFFERED)[0].language == "ru"
    assert detect("Goedemorgen allemaal", OFFERED)[0].language == "nl"


def test_the_beginning_of_a_long_text_is_enough() -> None:
    assert detect("Oh, that is a good story. " * 100_000)[0].language == "en"
