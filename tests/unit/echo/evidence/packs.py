"""Evidence packs of a recording that never was."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brickyard.echo.evidence.pack import Subject, fingerprint, pack

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SUBJECT = Subject(
    id=UUID(int=7),
    name="talk.wav",
    sha256="f" * 64,
    size_bytes=10,
    duration_s=9.5,
    container="wav",
    owner="Ada",
    created_at=NOON,
)
PARTS = {"transcript.json": b'{"text":"the heron flew"}', "jobs.json": b"[]", "audit.jsonl": b'{"seq":1}\n{"seq":2}\n'}
PACK = pack("1.0", NOON, SUBJECT, PARTS, KEY)


def fingerprint_of(key: Ed25519PrivateKey) -> str:
    return fingerprint(key.public_key().public_bytes_raw())


def members_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(members: Mapping[str, bytes] | list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        for name, content in members.items() if isinstance(members, Mapping) else members:
            file.writestr(name, content)
    return out.getvalue()
