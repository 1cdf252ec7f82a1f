"""The words of the tus protocol, version 1.0: headers read and written, and its own errors. Pure.

What is offered of it: the core, and creation, creation-with-upload, expiration, checksum and termination.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from brickyard.kit.errors import BadInput, BrickyardError, Conflict

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
ALGORITHMS = {"sha256": 32, "sha1": 20}
"""Names of hashes, and how many bytes they have."""
BODY_TYPE = "application/offset+octet-stream"
METADATA_LETTERS = 16 << 10


class OtherVersion(BadInput):
    status = 412
    code = "tus_version"


class OtherType(BadInput):
    status = 415
    code = "content_type"


class WrongChecksum(BadInput):
    status = 460
    code = "checksum"


class WrongOffset(Conflict):
    code = "offset"


class Locked(Conflict):
    """Another request writes to the upload, or its file is being checked."""

    status = 423
    code = "locked"
    transient = True


class DiskFull(BrickyardError):
    status = 507
    code = "disk_full"
    transient = True


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the body of one request has to have."""

    algorithm: str
    digest: bytes


def check_version(said: str | None) -> None:
    """Raises OtherVersion."""
    if said != VERSION:
        raise OtherVersion(f"Tus-Resumable is {said or 'missing'}; this server speaks {VERSION}. Send that.")


def check_type(said: str | None) -> None:
    """Raises OtherType."""
    if (said or "").split(";")[0].strip().lower() != BODY_TYPE:
        raise OtherType(f"Content-Type is {said or 'missing'}; the bytes of an upload come as {BODY_TYPE}.")


def metadata(header: str) -> dict[str, str]:
    """Of Upload-Metadata: names, each with a value in base64, with commas between them. Raises BadInput."""
    if len(header) > METADATA_LETTERS:
        raise BadInput(f"Upload-Metadata has {len(header):,} letters; {METADATA_LETTERS:,} are allowed.")
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = pair.partition(" ")
        if name in found:
            raise BadInput(f"Upload-Metadata says {name[:40]!r} twice; say it once.")
        found[name] = _decoded(name, value.strip())
    return found


def checksum(header: str | None) -> Checksum | None:
    """Of Upload-Checksum: the name of a hash, and its value in base64. Raises BadInput."""
    if header is None:
        return None
    algorithm, _, value = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        allowed = " or ".join(ALGORITHMS)
        raise BadInput(f"Upload-Checksum: {algorithm[:40]!r} is not offered; {allowed} is.")
    try:
        digest = b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != ALGORITHMS[algorithm]:
        raise BadInput(f"Upload-Checksum: a {algorithm} has {ALGORITHMS[algorithm]} bytes, in base64.")
    return Checksum(algorithm, digest)


def date(moment: datetime) -> str:
    """As headers have it: `Wed, 25 Nov 2026 10:00:00 GMT`."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _decoded(name: str, value: str) -> str:
    try:
        return b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadInput(f"Upload-Metadata: the value of {name[:40]!r} is not UTF-8 text in base64.") from None
