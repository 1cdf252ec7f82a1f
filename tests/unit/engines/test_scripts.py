from __future__ import annotations

import pytest

from brickyard.engines.scripts import LANGUAGES, languages_of, scripts_of


@pytest.mark.parametrize(
    ("languages", "scripts"),
    [
        ([], set()),
        (["en", "de"], {"Latn"}),
        (["ru", "en"], {"Cyrl", "Latn"}),
        (["el"], {"Grek"}),
        (["fa", "ar"], {"Arab"}),
        (["zh", "ja"], {"Hans", "Jpan"}),
        (["xx"], {"Zzzz"}),
    ],
)
def test_a_language_has_a_script(languages: list[str], scripts: set[str]) -> None:
    assert scripts_of(languages) == scripts


def test_packs_are_for_languages() -> None:
    assert languages_of(["rus", "ell", "osd", "unheard"]) == {"ru", "el"}
    assert languages_of(["nor"]) == {"no", "nb", "nn"}


def test_no_language_is_listed_twice_and_codes_have_their_length() -> None:
    assert all(len(code) == 2 for code in LANGUAGES)
    assert all(len(language.script) == 4 for language in LANGUAGES.values())
    assert len({language.pack for language in LANGUAGES.values()}) == len(LANGUAGES) - 2
