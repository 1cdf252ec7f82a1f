"""Makes evidence packs, signed with a key that the platform made for itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel

from brickyard import __version__
from brickyard.access.audit import Audit
from brickyard.access.chain import canonical
from brickyard.access.master import MasterKey, stored_secret
from brickyard.echo.evidence import contents, models
from brickyard.echo.evidence.pack import fingerprint, pack
from brickyard.kit.clock import Clock, utc_now

SECRET = "evidence"


class PublicKey(BaseModel):
    """What packs are signed with, in hex digits. `fingerprint`: SHA-256 of the public key's 32 bytes."""

    algorithm: str = "Ed25519"
    public_key: str
    fingerprint: str


@dataclass(frozen=True)
class Evidence:
    """`model_store`: whose models are named, beside those in wheels."""

    engine: sa.Engine
    audit: Audit
    master: MasterKey
    model_store: Path | None = None
    clock: Clock = utc_now

    def pack(self, recording: UUID) -> bytes:
        """A zip, in memory: it holds texts, not the recording itself. Raises NotFound."""
        subject, parts = contents.read(self.engine, self.audit, recording)
        told = {"as_of": "when the pack was made", "models": models.installed(self.model_store)}
        parts |= {"models.json": canonical(told), "packages.json": canonical(models.packages())}
        return pack(__version__, self.clock(), subject, parts, self._key())

    def public_key(self) -> PublicKey:
        public = self._key().public_key().public_bytes_raw()
        return PublicKey(public_key=public.hex(), fingerprint=fingerprint(public))

    def _key(self) -> Ed25519PrivateKey:
        secret = stored_secret(
            self.engine, self.master, SECRET, lambda: Ed25519PrivateKey.generate().private_bytes_raw()
        )
        return Ed25519PrivateKey.from_private_bytes(secret)
