"""Passwords: what makes a good one, and how they are kept. In the manner of NIST SP 800-63B: length and strength count,
kinds of characters and forced changes do not."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY
from zxcvbn import zxcvbn

from brickyard.kit.errors import BadInput

MIN_LENGTH = 12
MAX_LENGTH = 200
MIN_SCORE = 3
"""Of zxcvbn, which goes up to 4: safe against somebody who has the hash and a slow hash function to try."""
SCORED_LENGTH = 72
"""The estimate of longer texts takes long; what begins well does not get worse."""
OWN_WORD = 3
"""Letters from which on a part of a name counts as a word of its own."""
BESIDE_NAMES = 8
"""Characters that a password needs beside its owner's names."""
AT_ONCE = 4
"""Each takes 64 MiB for a tenth of a second: a flood of sign-ins must not take all memory."""
PRODUCT = "brickyard"

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_seats = threading.BoundedSemaphore(AT_ONCE)


def check_rules(password: str, names: Iterable[str] = ()) -> None:
    """`names`: whatever people know its owner by. Raises BadInput that says what would be better."""
    text = _normal(password)
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        raise BadInput(
            f"The password has {len(text)} characters; {MIN_LENGTH} to {MAX_LENGTH} are allowed. "
            "Several uncommon words are easy to remember and hard to guess."
        )
    own = _words([*names, PRODUCT])
    if _without(text, own) < BESIDE_NAMES:
        raise BadInput("The password is little more than a name of yours. Add words that have nothing to do with you.")
    found = zxcvbn(text[:SCORED_LENGTH], user_inputs=own)
    if found["score"] < MIN_SCORE:
        feedback = found["feedback"]
        advice = [feedback["warning"], *feedback["suggestions"]]
        raise BadInput(" ".join(["The password is too easy to guess.", *filter(None, advice)]))


def hashed(password: str) -> str:
    """Argon2id, encoded with its salt and parameters."""
    with _seats:
        return _hasher.hash(_normal(password))


def matches(password: str, encoded: str | None) -> bool:
    """`encoded` is None where there is no such user: that takes as long, so that time tells nothing."""
    if len(password) > MAX_LENGTH:
        password = ""
    try:
        with _seats:
            _hasher.verify(_nobodys() if encoded is None else encoded, _normal(password))
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False
    return encoded is not None


def is_outdated(encoded: str) -> bool:
    """Whether it was hashed with parameters of before, and should be hashed anew while the password is at hand."""
    return _hasher.check_needs_rehash(encoded)


@cache
def _nobodys() -> str:
    return _hasher.hash("the password of nobody")


def _normal(password: str) -> str:
    """The same on every keyboard: an é may be typed as one character or as two."""
    return unicodedata.normalize("NFKC", password)


def _words(names: Iterable[str]) -> list[str]:
    parts = (part for name in names for part in re.split(r"[\W_]+", _normal(name).lower()))
    return sorted({part for part in parts if len(part) >= OWN_WORD}, key=lambda word: (-len(word), word))


def _without(text: str, words: Iterable[str]) -> int:
    """How many letters and digits are left without the words."""
    rest = text.lower()
    for word in words:
        rest = rest.replace(word, " ")
    return sum(character.isalnum() for character in rest)
