from __future__ import annotations

import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.chain import canonical
from brickyard.echo.evidence.pack import MANIFEST, SIGNATURE, archive, pack, signed
from brickyard.echo.evidence.verify import verify
from brickyard.kit.errors import BadInput
from tests.unit.echo.evidence.packs import (
    KEY,
    NOON,
    OTHER_KEY,
    PACK,
    PARTS,
    SUBJECT,
    fingerprint_of,
    members_of,
    zipped,
)

OURS = fingerprint_of(KEY)

letters = st.characters(codec="utf-8", exclude_characters="/\\\0")
names = st.text(letters, min_size=1, max_size=9).filter(lambda name: name not in (MANIFEST, SIGNATURE))
positions = st.integers(0, len(PACK))


def faults_of(content: bytes, expected: str | None = OURS) -> str:
    return " ".join(verify(content, expected).faults)


def is_found(content: bytes) -> bool:
    try:
        return not verify(content, OURS).is_good
    except BadInput:
        return True


def test_an_untouched_pack_is_good() -> None:
    verdict = verify(PACK, OURS)
    assert verdict.is_good
    assert (verdict.is_known, verdict.fingerprint) == (True, OURS)
    assert verdict.manifest.recording == SUBJECT
    assert verify(PACK).is_known is None
    assert verify(PACK).is_good


@given(parts=st.dictionaries(names, st.binary(max_size=40), max_size=5))
def test_whatever_is_packed_verifies(parts: dict[str, bytes]) -> None:
    assert verify(pack("1", NOON, SUBJECT, parts, KEY), OURS).is_good


@given(at=st.integers(0, len(PACK) - 1), flip=st.integers(1, 255))
def test_any_byte_that_is_changed_is_found(at: int, flip: int) -> None:
    assert is_found(PACK[:at] + bytes([PACK[at] ^ flip]) + PACK[at + 1 :])


@given(at=st.integers(0, len(PACK)), put=st.binary(min_size=1, max_size=30))
def test_any_byte_that_is_put_in_is_found(at: int, put: bytes) -> None:
    assert is_found(PACK[:at] + put + PACK[at:])


@given(at=st.integers(0, len(PACK) - 1), count=st.integers(1, 60))
def test_any_byte_that_is_taken_out_is_found(at: int, count: int) -> None:
    assert is_found(PACK[:at] + PACK[at + count :])


@pytest.mark.parametrize("name", sorted(PARTS))
def test_a_part_that_was_changed_removed_or_renamed_is_named(name: str) -> None:
    members = members_of(PACK)
    assert f"'{name}' was changed" in faults_of(archive({**members, name: members[name] + b" "}))
    assert f"'{name}' was changed" in faults_of(archive({**members, name: b""}))
    without = {each: content for each, content in members.items() if each != name}
    assert faults_of(archive(without)) == f"'{name}' is missing."
    renamed = faults_of(archive({**without, "other.json": members[name]}))
    assert renamed == f"'{name}' is missing. 'other.json' was added: manifest.json does not list it."


def test_a_part_that_was_added_is_named() -> None:
    assert faults_of(archive({**members_of(PACK), "more.json": b"{}"})) == (
        "'more.json' was added: manifest.json does not list it."
    )


def test_two_parts_that_changed_places_are_named() -> None:
    members = members_of(PACK)
    members["jobs.json"], members["audit.jsonl"] = members["audit.jsonl"], members["jobs.json"]
    found = faults_of(archive(members))
    assert "'jobs.json' was changed" in found
    assert "'audit.jsonl' was changed" in found


def test_a_manifest_that_was_made_to_fit_is_found() -> None:
    forged = members_of(pack("1.0", NOON, SUBJECT, {**PARTS, "transcript.json": b"{}"}, OTHER_KEY))
    forged[SIGNATURE] = members_of(PACK)[SIGNATURE]
    assert faults_of(archive(forged)) == (
        "manifest.json was changed after it was signed, or the signature is not of this key."
    )


def test_a_pack_signed_anew_is_found_where_the_key_was_named() -> None:
    forged = pack("1.0", NOON, SUBJECT, {**PARTS, "transcript.json": b"{}"}, OTHER_KEY)
    verdict = verify(forged, OURS)
    assert verdict.is_known is False
    assert "was signed with the key" in verdict.faults[0]
    nameless = verify(forged)
    assert nameless.is_good
    assert nameless.is_known is None


def test_a_key_that_was_put_in_for_another_is_found() -> None:
    members = members_of(PACK)
    ours, theirs = json.loads(members[SIGNATURE]), json.loads(signed(members[MANIFEST], OTHER_KEY))
    borrowed = archive({**members, SIGNATURE: canonical({**theirs, "fingerprint": OURS})})
    assert "fingerprint in signature.json is not that of the key" in faults_of(borrowed)
    mixed = archive({**members, SIGNATURE: canonical({**ours, "signature": theirs["signature"]})})
    assert "the signature is not of this key" in faults_of(mixed)


def test_the_same_content_in_another_archive_is_found() -> None:
    assert "not written as the platform writes it" in faults_of(zipped(members_of(PACK)))
    loose = {**members_of(PACK)}
    loose[SIGNATURE] = json.dumps(json.loads(loose[SIGNATURE])).encode()
    assert "not written as the platform writes it" in faults_of(archive(loose))


def test_what_is_no_pack_is_refused() -> None:
    members = members_of(PACK)
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped([*members.items(), ("jobs.json", b"[]")])
    bad = json.dumps({**json.loads(members[MANIFEST]), "format": 2}).encode()
    for content, words in (
        (b"", "no evidence pack"),
        (b"PK\x05\x06" + bytes(18), "has no manifest.json"),
        (zipped({"a": b"b"}), "has no manifest.json"),
        (zipped(members, zipfile.ZIP_DEFLATED), "is compressed or there twice"),
        (twice, "is compressed or there twice"),
        (zipped({f"{number}": b"" for number in range(10_001)}), "10,001 parts"),
        (archive({**members, MANIFEST: b"[]"}), "manifest.json is not that"),
        (archive({**members, MANIFEST: bad}), "manifest.json is not that"),
        (archive({**members, SIGNATURE: b"{}"}), "signature.json is not that"),
    ):
        with pytest.raises(BadInput, match=words):
            verify(content)


@given(
    content=st.binary(max_size=200) | st.builds(lambda at, tail: PACK[:at] + tail, positions, st.binary(max_size=60))
)
def test_no_bytes_at_all_make_it_fail_in_another_way(content: bytes) -> None:
    if content != PACK:
        assert is_found(content)
