from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brickyard.text.terms import content, content_of_report, folded, guessed_language, is_unspaced, terms


def test_words_lose_case_accents_and_endings() -> None:
    assert terms("Décidé, decides DECIDED") == ["decid"] * 3
    assert terms("Verträge Vertrag") == ["vertr"] * 2
    assert terms("１２３ 123456789") == ["123", "123456789"]


def test_scripts_without_spaces_come_in_pairs_of_letters() -> None:
    assert terms("预算会议 ok") == ["预算", "算会", "会议", "ok"]
    assert terms("水") == ["水"]
    assert is_unspaced("これは予算です。OK")
    assert not is_unspaced("Budget 预算 and so on")


def test_vowel_signs_stay_in_their_words() -> None:
    assert terms("हिन्दी बजट।") == ["हिन्दी"[:5], "बजट"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Bye bye, thank you so much everyone, see you later!"),
        ("fr", "Merci beaucoup à tous, au revoir et bonne soirée, c'est ça, voilà."),
        ("es", "Muchas gracias a todos, hasta luego, buenas tardes."),
        ("de", "Vielen Dank an alle, auf Wiedersehen und guten Abend zusammen."),
        ("it", "Grazie mille a tutti, arrivederci, buonasera, va bene."),
        ("pt", "Muito obrigado a todos, até logo, boa noite, tchau."),
        ("zh", "谢谢大家，再见"),
    ],
)
def test_greetings_and_fillers_say_little(language: str, text: str) -> None:
    assert len(set(content(text, language))) <= 1
    assert len(set(content(text))) <= 1, "nor where the language is not known"


def test_a_stop_word_is_a_whole_word() -> None:
    assert content("the literature of other parties", "en") == ["liter", "parti"]


def test_words_of_reporting_are_no_claims() -> None:
    assert content_of_report("The participants discussed the budget.", "en") == ["budge"]
    assert content_of_report("Les participants ont discuté le budget.", "fr") == ["budge"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "We have to decide what the team will do with it."),
        ("fr", "Nous avons décidé de ce que l'équipe va faire avec les fonds."),
        ("de", "Wir haben entschieden, dass das Team nicht mit dem Geld arbeitet."),
        ("es", "Hemos decidido lo que el equipo va a hacer con los fondos."),
        ("it", "Abbiamo deciso che cosa la squadra deve fare con questo."),
        ("pt", "Nós decidimos o que a equipa vai fazer com isso, não é?"),
        (None, "Budget 2026"),
        (None, ""),
    ],
)
def test_the_language_is_guessed_from_grammar(language: str | None, text: str) -> None:
    assert guessed_language(text) == language


@example("𝓐")
@given(st.text(max_size=80))
def test_any_text_has_terms_and_folding_twice_changes_nothing(text: str) -> None:
    assert set(content(text)) <= set(terms(text))
    assert all(terms(text))
    assert folded(folded(text)) == folded(text)
