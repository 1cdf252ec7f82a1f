"""In which script a language is written, and what Tesseract calls it. ISO 639-1 and ISO 15924 codes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Language(NamedTuple):
    """`pack`: the name of Tesseract's data for it."""

    script: str
    pack: str


_LATIN = (
    "af afr|az aze|bs bos|ca cat|cs ces|cy cym|da dan|de deu|en eng|eo epo|es spa|et est|eu eus|fi fin|fr fra|ga gle|"
    "gl glg|hr hrv|hu hun|id ind|is isl|it ita|la lat|lb ltz|lt lit|lv lav|mi mri|ms msa|mt mlt|nl nld|no nor|oc oci|"
    "pl pol|pt por|qu que|ro ron|sk slk|sl slv|sq sqi|sv swe|sw swa|tl tgl|tr tur|uz uzb|vi vie"
)
_OTHERS = {
    "Cyrl": "be bel|bg bul|kk kaz|ky kir|mk mkd|mn mon|ru rus|sr srp|tg tgk|tt tat|uk ukr",
    "Arab": "ar ara|fa fas|ps pus|sd snd|ug uig|ur urd",
    "Grek": "el ell",
    "Hebr": "he heb|yi yid",
    "Deva": "hi hin|mr mar|ne nep|sa san",
    "Beng": "as asm|bn ben",
    "Taml": "ta tam",
    "Telu": "te tel",
    "Knda": "kn kan",
    "Mlym": "ml mal",
    "Gujr": "gu guj",
    "Guru": "pa pan",
    "Orya": "or ori",
    "Sinh": "si sin",
    "Thai": "th tha",
    "Laoo": "lo lao",
    "Khmr": "km khm",
    "Mymr": "my mya",
    "Geor": "ka kat",
    "Armn": "hy hye",
    "Ethi": "am amh|ti tir",
    "Kore": "ko kor",
    "Jpan": "ja jpn",
    "Hans": "zh chi_sim",
}

LANGUAGES = {
    code: Language(script, pack)
    for script, listed in {"Latn": _LATIN, **_OTHERS}.items()
    for code, pack in (pair.split() for pair in listed.split("|"))
}
LANGUAGES["nb"] = LANGUAGES["nn"] = LANGUAGES["no"]


def scripts_of(languages: Iterable[str]) -> frozenset[str]:
    """The scripts that these languages need; for one that is not listed, the unknown script `Zzzz`."""
    return frozenset(LANGUAGES[code].script if code in LANGUAGES else "Zzzz" for code in languages)


def languages_of(packs: Iterable[str]) -> frozenset[str]:
    """Which languages packs of Tesseract's data are for."""
    installed = frozenset(packs)
    return frozenset(code for code, language in LANGUAGES.items() if language.pack in installed)
