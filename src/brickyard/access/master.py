"""The master key: the one secret that lies in a file. Every other key is wrapped with it before it is kept.

A wrapped secret: version (1 byte), id of the master key (8), nonce (12), AES-256-GCM of the secret with `about` as
associated data. So a wrapped key that was moved to another row does not open there.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from brickyard.kit.errors import BadInput, Conflict, NotFound, Unavailable

KEY_BYTES = 32
VERSION = b"\x01"
ID_BYTES = 8
NONCE_BYTES = 12
HEAD_BYTES = len(VERSION) + ID_BYTES + NONCE_BYTES
TAG_BYTES = 16
FILE_BYTES_AT_MOST = 4096
LINE = re.compile(r"[0-9a-fA-F]{64}")


class MasterKey:
    """Wraps with the first of its keys, unwraps with any: an older one stays known until nothing needs it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise BadInput(f"A master key has {KEY_BYTES} bytes.")
        self._keys = tuple(keys)
        self._known = {_id_of(key): AESGCM(_derived(key, "wrap")) for key in keys}

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"

    @property
    def id(self) -> str:
        """By which people tell keys apart; says nothing of the key."""
        return _id_of(self._keys[0]).hex()

    @classmethod
    def load(cls, path: Path) -> MasterKey:
        """Each line of the file is a key of 64 hex digits; the first one wraps. Raises NotFound, BadInput."""
        lines = [line for line in _text(path).split() if line]
        if not lines or not all(LINE.fullmatch(line) for line in lines):
            raise BadInput(
                f"{path} holds no master key: that is a line of 64 hex digits. Put the right file back from its "
                "backup; without it, nothing that was sealed can be read."
            )
        return cls([bytes.fromhex(line) for line in lines])

    @classmethod
    def create(cls, path: Path) -> MasterKey:
        """A new one in a file that only its owner reads. Raises Conflict where there is a file already."""
        path.parent.mkdir(parents=True, exist_ok=True)
        key = os.urandom(KEY_BYTES)
        part = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            _write(part, key.hex() + "\n")
            # A link, unlike a rename, never replaces what is there; and it appears with its whole content.
            os.link(part, path)
        except FileExistsError:
            raise Conflict(f"{path} exists already; a master key is never overwritten.") from None
        finally:
            part.unlink(missing_ok=True)
        return cls([key])

    def wrap(self, secret: bytes, about: str) -> bytes:
        """`about` says what the secret is for, such as `recording:<id>`; it has to be the same to unwrap it."""
        own = _id_of(self._keys[0])
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + own + nonce + self._known[own].encrypt(nonce, secret, about.encode())

    def unwrap(self, wrapped: bytes, about: str) -> bytes:
        """Raises Unavailable where another master key wrapped it, BadInput where it was changed or is another's."""
        if len(wrapped) < HEAD_BYTES + TAG_BYTES or wrapped[:1] != VERSION:
            raise BadInput(
                f"The wrapped key of {about} is damaged: it does not look like one. Restore it from a backup."
            )
        own = wrapped[1 : 1 + ID_BYTES]
        cipher = self._known.get(own)
        if cipher is None:
            known = ", ".join(key.hex() for key in self._known)
            raise Unavailable(
                f"The key of {about} was wrapped by the master key {own.hex()}, and the file of the master key holds "
                f"{known}. Add that key to the file as a further line."
            )
        try:
            return cipher.decrypt(wrapped[1 + ID_BYTES : HEAD_BYTES], wrapped[HEAD_BYTES:], about.encode())
        except InvalidTag:
            raise BadInput(
                f"The wrapped key of {about} was changed, or belongs to something else. Restore it from a backup."
            ) from None

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose. They change with the master key: what must outlast it is a `stored_secret`."""
        return self.derived(purpose)[0]

    def derived(self, purpose: str) -> list[bytes]:
        """That of each key in the file, the present one first: to check what was made under an older one."""
        return [_derived(key, f"derive:{purpose}") for key in self._keys]


def stored_secret(engine: sa.Engine, master: MasterKey, name: str, make: Callable[[], bytes]) -> bytes:
    """The platform's own secret of that name, made at the first call; all processes get the same one."""
    about = f"secret:{name}"
    found = _stored(engine, name)
    if found is None:
        query = sa.text("INSERT INTO secrets (name, sealed) VALUES (:name, :sealed) ON CONFLICT (name) DO NOTHING")
        with engine.begin() as connection:
            connection.execute(query, {"name": name, "sealed": master.wrap(make(), about)})
        found = _stored(engine, name)
    if found is None:
        raise Unavailable(f"The secret {name} was removed while it was made. Try again.")
    return master.unwrap(found, about)


def _stored(engine: sa.Engine, name: str) -> bytes | None:
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT sealed FROM secrets WHERE name = :name"), {"name": name})
        sealed: bytes | None = found.scalar_one_or_none()
    return sealed


def _id_of(key: bytes) -> bytes:
    return _derived(key, "id")[:ID_BYTES]


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"brickyard master key: {purpose}".encode()).derive(key)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise BadInput(
                    f"{path} may be read by others (mode {mode:04o}); a master key is for its owner alone. "
                    f"Run `chmod 600 {path}`, and make a new key if somebody may have seen it."
                )
            return file.read(FILE_BYTES_AT_MOST).decode("ascii", errors="replace")
    except FileNotFoundError:
        raise NotFound(
            f"There is no master key at {path}. `brickyard up` makes one at the first start; where recordings were "
            "sealed before, put it back from its backup, or set BRICKYARD_MASTER_KEY_FILE."
        ) from None
    except OSError as error:
        raise Unavailable(
            f"The master key {path} cannot be read ({error.strerror}). Check who owns the file."
        ) from None


def _write(path: Path, text: str) -> None:
    """On the disk before anything is sealed with it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
