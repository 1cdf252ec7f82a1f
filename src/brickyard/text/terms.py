"""What a text is about, as terms that can be compared: folded words cut to their beginnings, or pairs of letters. Pure.

Words lose case, accents and, beyond five letters, their endings, so that "decided" meets "decides" and "Verträge"
meets "Vertrag"; that also lets "contract" meet "contrary", which is the price of needing no dictionary. Chinese,
Japanese, Korean, Thai and their neighbours are compared in pairs of letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from brickyard.text import stopwords

KEPT_LETTERS = 5
LEAST_HINTS = 2

_WITHOUT_SPACES = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\uac00-\ud7af\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
# Vowel signs of Indian scripts are no letters to Python, but part of their words.
_RUN = re.compile(rf"[{_WITHOUT_SPACES}]+|(?:[^\W_{_WITHOUT_SPACES}]|[\u0900-\u0963\u0966-\u0dff])+")
_UNSPACED = re.compile(f"[{_WITHOUT_SPACES}]")
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670]")


def terms(text: str) -> list[str]:
    """All terms in order, stop words among them."""
    return [_cut(word) for word in _words(text)]


def content(text: str, language: str | None = None) -> list[str]:
    """The terms that say something: no grammar, fillers or greetings, no single letters.

    `language` is ISO 639-1; where it is None or not listed, words of any list say nothing.
    """
    little = _little(_listed(language))
    return [_cut(word) for word in _words(text) if word not in little and _is_term(word)]


def content_of_report(text: str, language: str | None = None) -> list[str]:
    """The same without the words that a summary adds by itself: speakers, meeting, discussed, decided."""
    little, reported = _little(_listed(language)), _reported(_listed(language))
    return [_cut(word) for word in _words(text) if word not in little and word not in reported and _is_term(word)]


def folded(text: str) -> str:
    """Without case, accents and differences of width."""
    # Letters of mathematics are small only once they are plain, and what folding gives may fall apart again.
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))


def is_unspaced(text: str) -> bool:
    """Whether most of the text is of a script that puts no spaces between words."""
    letters = sum(map(str.isalpha, text))
    return letters > 0 and 2 * len(_UNSPACED.findall(text)) > letters


def guessed_language(text: str) -> str | None:
    """The listed language whose grammar occurs most in the text; None where that is not clear. A mere guess."""
    words = list(_words(text))
    counts = sorted(((sum(w in _grammar(one) for w in words), one) for one in stopwords.LANGUAGES), reverse=True)
    (most, language), (second, _) = counts[0], counts[1]
    return language if most >= LEAST_HINTS and most > second else None


def _words(text: str) -> Iterator[str]:
    """Folded words; where a script has no spaces, each pair of neighbouring letters."""
    for run in _RUN.findall(folded(text)):
        if len(run) > 1 and _UNSPACED.match(run):
            yield from (run[i : i + 2] for i in range(len(run) - 1))
        else:
            yield run


def _cut(word: str) -> str:
    return word if word.isdecimal() else word[:KEPT_LETTERS]


def _is_term(word: str) -> bool:
    return len(word) > 1 or word.isdecimal() or _UNSPACED.match(word) is not None


def _listed(language: str | None) -> str | None:
    return language if language in stopwords.LANGUAGES else None


@lru_cache
def _grammar(language: str) -> frozenset[str]:
    return frozenset(word for entry in stopwords.grammar(language) for word in _words(entry))


@lru_cache
def _little(language: str | None) -> frozenset[str]:
    languages = stopwords.LANGUAGES if language is None else (language,)
    return frozenset(
        word for one in languages for entry in stopwords.said_without_content(one) for word in _words(entry)
    )


@lru_cache
def _reported(language: str | None) -> frozenset[str]:
    languages = stopwords.LANGUAGES if language is None else (language,)
    return frozenset(word for one in languages for entry in stopwords.reporting(one) for word in _words(entry))
