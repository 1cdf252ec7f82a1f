from __future__ import annotations

import json
from hashlib import sha256

from brickyard.echo.evidence.pack import MANIFEST, SIGNATURE, archive, pack
from tests.unit.echo.evidence.packs import KEY, NOON, OTHER_KEY, PACK, PARTS, SUBJECT, fingerprint_of, members_of


def test_the_same_content_gives_the_same_bytes() -> None:
    backwards = dict(reversed(PARTS.items()))
    assert pack("1.0", NOON, SUBJECT, backwards, KEY) == PACK
    assert pack("1.0", NOON, SUBJECT, PARTS, OTHER_KEY) != PACK


def test_every_part_is_listed_with_its_hash() -> None:
    members = members_of(PACK)
    assert list(members) == [MANIFEST, SIGNATURE, *sorted(PARTS)]
    manifest = json.loads(members[MANIFEST])
    assert manifest["parts"] == {
        name: {"sha256": sha256(content).hexdigest(), "bytes": len(content)} for name, content in PARTS.items()
    }
    assert (manifest["format"], manifest["platform"], manifest["made_at"]) == (1, "1.0", "2026-11-24T12:00:00Z")
    assert manifest["recording"]["sha256"] == SUBJECT.sha256


def test_the_signature_brings_its_key() -> None:
    signature = json.loads(members_of(PACK)[SIGNATURE])
    assert signature["public_key"] == KEY.public_key().public_bytes_raw().hex()
    assert signature["fingerprint"] == fingerprint_of(KEY)


def test_an_archive_keeps_what_it_is_given() -> None:
    members = {"b": b"2", MANIFEST: b"{}", "a": b"", "folder/é": bytes(range(256))}
    assert members_of(archive(members)) == members
