"""The numbers that a text names, in digits or in words of six languages, in one form that can be compared. Pure."""

from __future__ import annotations

import re
from itertools import pairwise

from brickyard.text.terms import folded

_UNITS = {
    "en": """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
        sixteen seventeen eighteen nineteen""",
    "fr": """zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize
        dix-sept dix-huit dix-neuf""",
    "es": """cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis
        diecisiete dieciocho diecinueve""",
    "de": """null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn
        sechzehn siebzehn achtzehn neunzehn""",
    "it": """zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici
        quindici sedici diciassette diciotto diciannove""",
    "pt": """zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezasseis
        dezassete dezoito dezanove""",
}
_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "fr": "vingt trente quarante cinquante soixante septante huitante nonante",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "it": "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "pt": "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
}
_MORE = {
    100: "hundred cent cents cien ciento cientos hundert cento cem centos",
    1000: "thousand mille mil tausend mila",
    1_000_000: "million millions millón millones million millionen milione milioni milhão milhões",
    1_000_000_000: "billion billions milliard milliards milliarde milliarden miliardo miliardi",
    1: "a eine ein une una uma first premier première primero erste ersten primo primeiro",
    2: "second deuxième segundo zweite zweiten secondo segundo",
    3: "third troisième tercero dritte dritten terzo terceiro",
    4: "fourth", 5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth", 9: "ninth", 10: "tenth",
}  # fmt: skip
_JOINS = frozenset({"and", "et", "y", "und", "e"})

_DIGITS = re.compile(r"\d{1,3}(?:[.,'’\u00a0\u202f ]\d{3}(?!\d))+(?:[.,]\d+)?|\d+(?:[.,]\d+)?")
_DIGITS_ALONE = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]+|\d+")


def _values() -> dict[str, int]:
    values: dict[str, int] = {}
    for words in _UNITS.values():
        values.update({folded(word): number for number, word in enumerate(words.split())})
    for words in _TENS.values():
        values.update({folded(word): 10 * number for number, word in enumerate(words.split(), 2)})
    for number, several in _MORE.items():
        values.update({folded(word): number for word in several.split() if folded(word) not in values})
    units, tens = _UNITS["de"].split()[2:10], _TENS["de"].split()
    for number, unit in enumerate(["ein", *units], 1):
        values.update({folded(f"{unit}und{ten}"): 10 * place + number for place, ten in enumerate(tens, 2)})
    return values


_VALUES = _values()


def in_digits(text: str) -> frozenset[str]:
    """Numbers written in digits: "1,200", "1.200" and "1 200" are all "1200"; "3,50" is "3.5"; "007" is "7"."""
    return frozenset(map(_canonical, _DIGITS.findall(text)))


def named(text: str) -> frozenset[str]:
    """Numbers in digits and in words: each number word, and what those in a row make together."""
    found = {*in_digits(text), *(_canonical(digits) for digits in _DIGITS_ALONE.findall(text))}
    row: list[int] = []
    for word in [*_WORD.findall(folded(text)), ""]:
        if word in _VALUES or word.isdecimal():
            row.append(_VALUES[word] if word in _VALUES else int(word[:15]))
        elif not (row and word in _JOINS):
            found.update(_made_of(row))
            row = []
    return frozenset(found)


def _made_of(row: list[int]) -> set[str]:
    """3 and 100 and 20 make 320; 20 and 26 may be the year 2026; each stands for itself as well."""
    made = set(map(str, row))
    wholes: list[int] = []
    total = current = 0
    for value in row:
        if value >= 1000:
            total, current = total + max(1, current) * value, 0
        elif value == 100 or (value, current) == (20, 4):
            current = max(1, current) * value
        elif _adds(current, value):
            current += value
        else:
            wholes.append(total + current)
            total, current = 0, value
        made.add(str(total + current))
    wholes.append(total + current)
    made.update(f"{a}{b}" for a, b in pairwise(wholes) if 10 <= a <= 99 and 10 <= b <= 99)
    return made


def _adds(current: int, value: int) -> bool:
    """Five to twenty, twenty to a hundred; ten to nineteen to the French sixty and eighty."""
    return current % (10 if value < 10 else 100) == 0 or (current % 100 in (60, 80) and 10 <= value < 20)


def _canonical(digits: str) -> str:
    """Three digits after a point or comma are thousands, fewer or more are a fraction."""
    parts = re.split(r"[.,'’\u00a0\u202f ]", digits)
    is_fraction = len(parts) > 1 and len(parts[-1]) != 3
    whole = "".join(parts[:-1] if is_fraction else parts).lstrip("0") or "0"
    fraction = parts[-1].rstrip("0") if is_fraction else ""
    return f"{whole}.{fraction}" if fraction else whole
