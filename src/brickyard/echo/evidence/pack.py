"""An evidence pack: an archive that shows what was made of a recording, and that nobody changed it since. Pure.

    manifest.json    what it is about, and the SHA-256 of every other part
    signature.json   Ed25519 over the manifest's bytes, with the public key
    ...              the parts

A plain zip without compression, the same bytes for the same content: so whoever verifies it can make it again out of
its parts, and nothing hides between them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Literal
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field

from brickyard.access.chain import canonical

MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
PURPOSE = b"brickyard evidence pack 1\n"
"""Before what is signed, so that no other signature of the key passes for one of a pack."""
SOME_TIME = (1980, 1, 1, 0, 0, 0)
PLAIN_FILE = 0o100644 << 16
UNIX = 3

Hex32 = Field(pattern="^[0-9a-f]{64}$")


class Subject(BaseModel):
    """The recording, as it was uploaded: the hash is of the original file."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    name: str
    sha256: str
    size_bytes: int
    duration_s: float
    container: str
    owner: str
    created_at: datetime


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sha256: str = Hex32
    bytes: int


class Manifest(BaseModel):
    """`platform`: its version when the pack was made."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    platform: str
    made_at: datetime
    recording: Subject
    parts: dict[str, Part]


class Signature(BaseModel):
    """In hex digits. `fingerprint`: SHA-256 of the public key's 32 bytes."""

    model_config = ConfigDict(extra="forbid")

    algorithm: Literal["Ed25519"] = "Ed25519"
    signs: Literal["manifest.json"] = "manifest.json"
    public_key: str = Hex32
    fingerprint: str = Hex32
    signature: str = Field(pattern="^[0-9a-f]{128}$")


def pack(
    platform: str, made_at: datetime, recording: Subject, parts: Mapping[str, bytes], key: Ed25519PrivateKey
) -> bytes:
    """`parts`: their content by name."""
    listed = {name: Part(sha256=sha256(content).hexdigest(), bytes=len(content)) for name, content in parts.items()}
    manifest = Manifest(platform=platform, made_at=made_at, recording=recording, parts=listed)
    told = canonical(manifest.model_dump(mode="json"))
    return archive({MANIFEST: told, SIGNATURE: signed(told, key), **parts})


def signed(manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    public = key.public_key().public_bytes_raw()
    signature = Signature(
        public_key=public.hex(), fingerprint=fingerprint(public), signature=key.sign(PURPOSE + manifest).hex()
    )
    return canonical(signature.model_dump())


def fingerprint(public_key: bytes) -> str:
    return sha256(public_key).hexdigest()


def archive(members: Mapping[str, bytes]) -> bytes:
    """Manifest and signature first, then the parts by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(members, key=lambda name: (name not in (MANIFEST, SIGNATURE), name)):
            header = zipfile.ZipInfo(name, SOME_TIME)
            header.create_system = UNIX
            header.external_attr = PLAIN_FILE
            file.writestr(header, members[name])
    return out.getvalue()
