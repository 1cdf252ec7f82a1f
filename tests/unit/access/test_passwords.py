from __future__ import annotations

import unicodedata

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access import passwords
from brickyard.access.passwords import MAX_LENGTH, MIN_LENGTH
from brickyard.kit.errors import BadInput

GOOD = "seven crooked lighthouses"


def test_a_password_matches_itself_alone() -> None:
    encoded = passwords.hashed(GOOD)
    assert encoded.startswith("$argon2id$")
    assert GOOD not in encoded
    assert passwords.matches(GOOD, encoded)
    assert not passwords.matches(GOOD + "!", encoded)
    assert not passwords.matches("", encoded)


def test_each_hash_has_a_salt_of_its_own() -> None:
    assert passwords.hashed(GOOD) != passwords.hashed(GOOD)


def test_nobody_has_no_password() -> None:
    assert not passwords.matches(GOOD, None)
    assert not passwords.matches("the password of nobody", None)


def test_what_is_no_hash_matches_nothing() -> None:
    assert not passwords.matches(GOOD, "not a hash")


def test_a_letter_may_be_typed_in_two_ways() -> None:
    assert passwords.matches("cafe\u0301 crème brûlée", passwords.hashed("café crème brûlée"))


def test_weaker_hashes_of_before_are_outdated() -> None:
    assert passwords.is_outdated(PasswordHasher.from_parameters(CHEAPEST).hash(GOOD))
    assert not passwords.is_outdated(passwords.hashed(GOOD))


def test_what_is_longer_than_allowed_is_not_hashed_at_all() -> None:
    long = "x" * (MAX_LENGTH + 1)
    assert not passwords.matches(long, passwords.hashed(long))


def test_a_good_password_passes() -> None:
    passwords.check_rules(GOOD, ["ada", "Ada Lovelace"])


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("tooShort1!", "has 10 characters; 12 to 200 are allowed"),
        (GOOD * 20, "has 500 characters"),
        ("password1234567", "too easy to guess. This is similar to a commonly used password"),
        ("aaaaaaaaaaaaaaaaaaaaaa", "too easy to guess"),
        ("qwertyuiop[]", "too easy to guess"),
        ("Ada Lovelace 1815", "little more than a name of yours"),
        ("ada@example.org", "little more than a name of yours"),
        ("Brickyard2026!!", "little more than a name of yours"),
    ],
)
def test_a_bad_one_is_refused_with_the_reason(password: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        passwords.check_rules(password, ["ada", "Ada Lovelace", "ada@example.org"])


ascii_letters = st.characters(codec="ascii")


@given(st.text(ascii_letters, max_size=MIN_LENGTH - 1) | st.text("abc1", min_size=MAX_LENGTH + 1, max_size=250))
def test_no_password_of_another_length_passes(password: str) -> None:
    with pytest.raises(BadInput, match="characters; 12 to 200"):
        passwords.check_rules(password)


@given(st.text(min_size=1, max_size=220), st.lists(st.text(max_size=30), max_size=4))
def test_the_rules_say_yes_or_bad_input_and_nothing_else(password: str, names: list[str]) -> None:
    message = ""
    try:
        passwords.check_rules(password, names)
    except BadInput as error:
        message = error.message
    assert message.endswith(".") or MIN_LENGTH <= len(unicodedata.normalize("NFKC", password)) <= MAX_LENGTH
