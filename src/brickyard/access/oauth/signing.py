"""The keys that ID tokens are signed with: RS256, kept in the table of secrets, numbered; all of them are published.

A new key is published some time before it signs, so that every web process and every client knows it by then.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from joserfc.jwk import KeySet, RSAKey

from brickyard.access.master import MasterKey, stored_secret
from brickyard.kit.clock import Clock, utc_now

ALGORITHM = "RS256"
KEY_BITS = 2048
NAME = re.compile(r"oidc_signing_([0-9]{1,6})")
PUBLISHED_BEFORE = timedelta(minutes=10)
READ_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`kid`: the thumbprint of RFC 7638, by which a client finds the key of a token."""

    kid: str
    key: RSAKey
    made_at: datetime


def signer_of(keys: Sequence[SigningKey], now: datetime) -> SigningKey:
    """The newest that has been published for long enough; the oldest where none has. `keys`: oldest first."""
    published = [key for key in keys if key.made_at + PUBLISHED_BEFORE <= now]
    return published[-1] if published else keys[0]


class SigningKeys:
    """As all web processes know them within a minute. The first key is made when it is needed first."""

    def __init__(
        self,
        engine: sa.Engine,
        master: MasterKey,
        clock: Clock = utc_now,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._master = master
        self._clock = clock
        self._steady = steady
        self._keys: list[SigningKey] = []
        self._read_at_s = float("-inf")
        self._lock = threading.Lock()

    def signer(self) -> SigningKey:
        return signer_of(self._current(), self._clock())

    def all(self) -> KeySet:
        """With their private parts."""
        return KeySet([key.key for key in self._current()])

    def public(self) -> dict[str, Any]:
        """As `jwks.json` shows them."""
        return {"keys": [key.key.as_dict(private=False) for key in self._current()]}

    def _current(self) -> list[SigningKey]:
        with self._lock:
            if self._steady() - self._read_at_s > READ_EVERY_S:
                self._keys = _read(self._engine, self._master)
                self._read_at_s = self._steady()
            return self._keys


def rotate(engine: sa.Engine, master: MasterKey) -> str:
    """Makes the next key, and says its name. It signs once it has been published for a while."""
    last = _names(engine)
    name = f"oidc_signing_{_number(last[-1][0]) + 1 if last else 1}"
    stored_secret(engine, master, name, _made)
    return name


def _read(engine: sa.Engine, master: MasterKey) -> list[SigningKey]:
    if not _names(engine):
        stored_secret(engine, master, "oidc_signing_1", _made)
    return [_key(stored_secret(engine, master, name, _made), made_at) for name, made_at in _names(engine)]


def _names(engine: sa.Engine) -> list[tuple[str, datetime]]:
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT name, created_at FROM secrets"))
        found = [(row.name, row.created_at) for row in rows if NAME.fullmatch(row.name)]
    return sorted(found, key=lambda one: _number(one[0]))


def _number(name: str) -> int:
    return int(name.rpartition("_")[2])


def _made() -> bytes:
    return RSAKey.generate_key(KEY_BITS).as_pem(private=True)


def _key(pem: bytes, made_at: datetime) -> SigningKey:
    bare = RSAKey.import_key(pem)
    kid = bare.thumbprint()
    return SigningKey(kid, RSAKey.import_key(pem, {"use": "sig", "alg": ALGORITHM, "kid": kid}), made_at)
