"""Whether an evidence pack is as it was made. Needs nothing but the pack and the fingerprint of a trusted key. Pure."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ValidationError

from brickyard.access.chain import canonical
from brickyard.echo.evidence.pack import MANIFEST, PURPOSE, SIGNATURE, Manifest, Signature, archive, fingerprint
from brickyard.kit.errors import BadInput

MOST_PARTS = 10_000
UNREADABLE = (zipfile.BadZipFile, struct.error, ValueError, RuntimeError, EOFError, OverflowError, OSError)
"""What reading a damaged zip raises; NotImplementedError is a RuntimeError, UnicodeDecodeError a ValueError."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`faults`: all that is wrong, in words. `is_known`: whether the key is the expected one; None: none was named."""

    manifest: Manifest
    fingerprint: str
    is_known: bool | None
    faults: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return not self.faults


def verify(content: bytes, expected: str | None = None) -> Verdict:
    """`expected`: the fingerprint of the key that should have signed it. Raises BadInput for what is no pack at all."""
    members = _members(content)
    manifest = _read(members, MANIFEST, Manifest)
    signature = _read(members, SIGNATURE, Signature)
    is_known = None if expected is None else signature.fingerprint == expected
    faults = [
        *_of_signature(members[MANIFEST], signature),
        *_of_key(signature, expected),
        *_of_parts(members, manifest),
        *_of_archive(content, members),
    ]
    return Verdict(manifest, signature.fingerprint, is_known, tuple(faults))


def _members(content: bytes) -> dict[str, bytes]:
    """Nothing is unpacked that is larger than it looks: packs are not compressed."""
    members: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            headers = file.infolist()
            if len(headers) > MOST_PARTS:
                raise BadInput(f"This is no evidence pack: it has {len(headers):,} parts.")
            for header in headers:
                if header.compress_type != zipfile.ZIP_STORED or header.filename in members:
                    raise BadInput(f"This is no evidence pack: {header.filename!r} is compressed or there twice.")
                members[header.filename] = file.read(header)
    except UNREADABLE as error:
        raise BadInput(f"This is no evidence pack, or it was damaged: {error}.") from error
    return members


def _read(members: Mapping[str, bytes], name: str, kind: type[M]) -> M:
    if name not in members:
        raise BadInput(f"This is no evidence pack: it has no {name}.")
    try:
        return kind.model_validate_json(members[name])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{name} is not that of an evidence pack, or was damaged: {where} {first['msg']}.") from error


def _of_signature(manifest: bytes, signature: Signature) -> Iterator[str]:
    public = bytes.fromhex(signature.public_key)
    if fingerprint(public) != signature.fingerprint:
        yield f"The fingerprint in {SIGNATURE} is not that of the key beside it."
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(signature.signature), PURPOSE + manifest)
    except (InvalidSignature, ValueError):
        yield f"{MANIFEST} was changed after it was signed, or the signature is not of this key."


def _of_key(signature: Signature, expected: str | None) -> Iterator[str]:
    if expected is not None and signature.fingerprint != expected:
        yield f"It was signed with the key {signature.fingerprint}, and not with {expected}."


def _of_parts(members: Mapping[str, bytes], manifest: Manifest) -> Iterator[str]:
    for name, part in sorted(manifest.parts.items()):
        if name not in members:
            yield f"{name!r} is missing."
        elif sha256(members[name]).hexdigest() != part.sha256 or len(members[name]) != part.bytes:
            yield f"{name!r} was changed: its SHA-256 is not that in {MANIFEST}."
    for name in sorted(set(members) - set(manifest.parts) - {MANIFEST, SIGNATURE}):
        yield f"{name!r} was added: {MANIFEST} does not list it."


def _of_archive(content: bytes, members: Mapping[str, bytes]) -> Iterator[str]:
    if canonical(json.loads(members[SIGNATURE])) != members[SIGNATURE] or archive(members) != content:
        yield "The archive is not written as the platform writes it: something was changed or added between its parts."
