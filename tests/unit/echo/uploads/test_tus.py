from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.echo.uploads import tus
from brickyard.echo.uploads.tus import Checksum, OtherType, OtherVersion
from brickyard.kit.errors import BadInput
from tests.unit.echo.uploads.standing import said

NAMES = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz-_"), min_size=1, max_size=12)


@given(st.dictionaries(NAMES, st.text(max_size=40), max_size=6))
def test_metadata_are_read_as_they_were_written(values: dict[str, str]) -> None:
    assert tus.metadata(said(**values)) == values


def test_a_name_may_come_without_a_value() -> None:
    assert tus.metadata(" is_confidential , filename YQ==,") == {"is_confidential": "", "filename": "a"}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("filename %%", "'filename' is not UTF-8 text in base64"),
        ("filename /w==", "'filename' is not UTF-8 text in base64"),
        ("a YQ==,a Yg==", "'a' twice"),
        ("a " + "A" * tus.METADATA_LETTERS, "16,384 are allowed"),
    ],
)
def test_metadata_that_are_none(header: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        tus.metadata(header)


@given(st.text(max_size=80))
def test_any_metadata_are_read_or_refused(header: str) -> None:
    try:
        found = tus.metadata(header)
    except BadInput:
        return
    assert all("," not in name for name in found)


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_a_checksum(algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"abc").digest()
    assert tus.checksum(f"{algorithm} {b64encode(digest).decode()}") == Checksum(algorithm, digest)


def test_no_checksum() -> None:
    assert tus.checksum(None) is None


@pytest.mark.parametrize(
    ("header", "words"),
    [("md5 YQ==", "sha256 or sha1"), ("", "sha256 or sha1"), ("sha1 YQ==", "20 bytes"), ("sha256 %", "32 bytes")],
)
def test_a_checksum_that_is_none(header: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        tus.checksum(header)


def test_one_version_and_one_type_are_spoken() -> None:
    tus.check_version("1.0.0")
    tus.check_type("Application/Offset+Octet-Stream; x=y")
    for version in (None, "0.2.2"):
        with pytest.raises(OtherVersion, match=r"1\.0\.0"):
            tus.check_version(version)
    for kind in (None, "text/plain"):
        with pytest.raises(OtherType, match="application/offset"):
            tus.check_type(kind)


def test_dates_are_those_of_headers() -> None:
    noon = datetime(2026, 11, 25, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert tus.date(noon) == "Wed, 25 Nov 2026 10:00:00 GMT"
    assert tus.date(noon.astimezone(UTC)) == tus.date(noon)
