"""Keeps finished documents until they are fetched, for an hour at most.

A document's name is its key: who knows the name can fetch it, and what lies on the disk, sealed and under a digest of
the name, can be read by nobody else, the platform included.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from brickyard.kit.errors import NotFound
from brickyard.kit.sealed import Stored
from brickyard.text.documents import Kind

KEPT_FOR_S = 3600.0

_NAME = re.compile(r"[\w-]{32}\.(?P<kind>[a-z]{3,4})", re.ASCII)


class Shelf:
    def __init__(self, folder: Path, now_s: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._now_s = now_s

    def put(self, kind: Kind, content: bytes) -> str:
        """The name under which it can be fetched."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        name = f"{secrets.token_urlsafe(24)}.{kind}"
        self._stored(name).write_bytes(content)
        return name

    def fetch(self, name: str) -> tuple[Kind, bytes]:
        """Raises NotFound."""
        self._sweep()
        known = _NAME.fullmatch(name)
        stored = self._stored(name)
        if known is None or not stored.exists():
            raise NotFound("There is no such file. Translated documents are kept for an hour: translate it again.")
        return Kind(known["kind"]), stored.read_bytes()

    def _stored(self, name: str) -> Stored:
        return Stored(self._folder / f"{_digest('place', name).hex()}.sealed", _digest("key", name))

    def _sweep(self) -> None:
        """What is older than an hour goes; another process may be sweeping too."""
        for path in self._folder.glob("*.*"):
            try:
                if path.stat().st_mtime < self._now_s() - KEPT_FOR_S:
                    path.unlink()
            except FileNotFoundError:
                continue


def _digest(purpose: str, name: str) -> bytes:
    """A plain hash is enough: a name has 192 random bits."""
    return hashlib.sha256(f"brickyard document {purpose}: {name}".encode()).digest()
