from __future__ import annotations

import pytest

from brickyard.text.glossary import Term, occurrences

TERMS = [Term("pump", "bomba"), Term("heat pump", "bomba de calor"), Term("ACME", "Acmé"), Term("C++", "C++")]


def found(text: str, terms: list[Term] = TERMS) -> list[tuple[str, str]]:
    return [(text[each.start : each.end], each.target) for each in occurrences(text, terms)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the pump.", [("pump", "bomba")]),
        ("Pump it, PUMP", [("Pump", "Bomba"), ("PUMP", "BOMBA")]),
        ("pumps, a pumpkin, airpump", []),
        ("a heat\n pump and a pump", [("heat\n pump", "bomba de calor"), ("pump", "bomba")]),
        ("Acme's and ACME", [("Acme", "Acmé"), ("ACME", "Acmé")]),
        ("in C++ or C", [("C++", "C++")]),
        ("", []),
    ],
)
def test_terms_are_found_as_whole_words_in_the_case_of_the_text(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_scripts_without_spaces_have_no_edges_of_words() -> None:
    assert found("新しいポンプです", [Term("ポンプ", "pump")]) == [("ポンプ", "pump")]


def test_no_terms_are_nowhere() -> None:
    assert found("the pump", []) == []
    assert found("the pump", [Term("  ", "x")]) == []
