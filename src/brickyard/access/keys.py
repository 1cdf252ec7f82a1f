"""API keys: who calls, what the key may do, and how much. Only a digest of a key is kept; it is shown once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

import sqlalchemy as sa

from brickyard.kit.errors import BadInput, Forbidden, NotFound, Unauthenticated

PREFIX = "by_"
SHOWN = len(PREFIX) + 6
"""Letters of a key by which people know it again."""


class Scope(StrEnum):
    """The services that a key may call."""

    LLM = "llm"
    AUDIO = "audio"
    TRANSLATE = "translate"
    OCR = "ocr"
    RECORDINGS = "recordings"
    """Echo's own API, as the owner of the key."""
    ADMIN = "admin"
    """Users, teams and queues, where the owner is an administrator."""
    METRICS = "metrics"


SHARED_APIS = (Scope.LLM, Scope.AUDIO, Scope.TRANSLATE, Scope.OCR)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Limits are None where there are none. Days are those of UTC."""

    id: UUID
    name: str
    owner: str
    prefix: str
    scopes: frozenset[str]
    is_admin: bool
    priority: str
    requests_per_minute: int | None
    tokens_per_day: int | None
    audio_s_per_day: float | None
    bytes_per_day: int | None
    jobs_at_once: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    owner_is_disabled: bool = False

    @property
    def has_quotas(self) -> bool:
        return any(limit is not None for limit in (self.tokens_per_day, self.audio_s_per_day, self.bytes_per_day))

    def check(self, scope: str | None, now: datetime) -> None:
        """Raises Unauthenticated where the key is void, Forbidden where it does not reach so far. None: any will do."""
        if self.revoked_at is not None:
            raise Unauthenticated(f"The key {self.prefix}… was revoked. Ask for a new one.")
        if self.expires_at is not None and self.expires_at <= now:
            raise Unauthenticated(f"The key {self.prefix}… expired on {self.expires_at:%Y-%m-%d}. Ask for a new one.")
        if self.owner_is_disabled:
            raise Unauthenticated(f"The key {self.prefix}… belongs to an account that is disabled.")
        if scope is not None and scope not in self.scopes:
            raise Forbidden(
                f"The key {self.prefix}… may use {', '.join(sorted(self.scopes))}, but not {scope}. "
                "Ask for a key with that scope."
            )


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is asked for. `priority`: the class its requests have: interactive, standard or batch."""

    name: str
    owner: str
    scopes: Sequence[Scope] = SHARED_APIS
    is_admin: bool = False
    priority: str = "standard"
    requests_per_minute: int | None = None
    tokens_per_day: int | None = None
    audio_s_per_day: float | None = None
    bytes_per_day: int | None = None
    jobs_at_once: int | None = None
    expires_at: datetime | None = None


def create(engine: sa.Engine, new: NewKey) -> tuple[str, ApiKey]:
    """The key itself, which nobody can be told again, and what is kept of it. Raises BadInput."""
    if not new.name.strip():
        raise BadInput("A key needs a name that says who or what uses it, such as 'archive-search'.")
    if not new.scopes:
        raise BadInput(f"A key needs at least one scope of {', '.join(Scope)}.")
    key = PREFIX + secrets.token_urlsafe(32)
    query = sa.text("""
        INSERT INTO api_keys (id, name, owner, prefix, digest, scopes, is_admin, priority, requests_per_minute,
                              tokens_per_day, audio_s_per_day, bytes_per_day, jobs_at_once, expires_at)
        VALUES (:id, :name, :owner, :prefix, :digest, :scopes, :is_admin, :priority, :requests_per_minute,
                :tokens_per_day, :audio_s_per_day, :bytes_per_day, :jobs_at_once, :expires_at)
        RETURNING *""")
    values = {
        "id": uuid4(),
        "name": new.name.strip(),
        "owner": new.owner,
        "prefix": key[:SHOWN],
        "digest": digest(key),
        "scopes": [str(scope) for scope in new.scopes],
        "is_admin": new.is_admin,
        "priority": new.priority,
        "requests_per_minute": new.requests_per_minute,
        "tokens_per_day": new.tokens_per_day,
        "audio_s_per_day": new.audio_s_per_day,
        "bytes_per_day": new.bytes_per_day,
        "jobs_at_once": new.jobs_at_once,
        "expires_at": new.expires_at,
    }
    with engine.begin() as connection:
        return key, _key(connection.execute(query, values).one())


def find(engine: sa.Engine, key_digest: bytes) -> ApiKey | None:
    query = sa.text("""
        SELECT api_keys.*, users.disabled_at IS NOT NULL AS owner_is_disabled
        FROM api_keys LEFT JOIN users ON users.id = owner WHERE digest = :d""")
    with engine.connect() as connection:
        row = connection.execute(query, {"d": key_digest}).one_or_none()
    return None if row is None else _key(row)


def every(engine: sa.Engine) -> list[ApiKey]:
    with engine.connect() as connection:
        return [_key(row) for row in connection.execute(sa.text("SELECT * FROM api_keys ORDER BY created_at"))]


def of(engine: sa.Engine, owner: str) -> list[ApiKey]:
    """Somebody's own, oldest first, with those that were revoked."""
    query = sa.text("SELECT * FROM api_keys WHERE owner = :owner ORDER BY created_at, id")
    with engine.connect() as connection:
        return [_key(row) for row in connection.execute(query, {"owner": owner})]


def revoke_by_id(engine: sa.Engine, key: UUID, owner: str) -> ApiKey:
    """Raises NotFound where it is none of this owner's."""
    query = sa.text("""
        UPDATE api_keys SET revoked_at = COALESCE(revoked_at, now()) WHERE id = :id AND owner = :owner RETURNING *""")
    with engine.begin() as connection:
        row = connection.execute(query, {"id": key, "owner": owner}).one_or_none()
    if row is None:
        raise NotFound(f"There is no key {key} of yours.")
    return _key(row)


def revoke(engine: sa.Engine, prefix: str) -> ApiKey:
    """By what people see of it. Raises NotFound, and BadInput where several keys begin so."""
    query = sa.text("""
        UPDATE api_keys SET revoked_at = COALESCE(revoked_at, now())
        WHERE starts_with(prefix, :prefix) RETURNING *""")
    with engine.begin() as connection:
        rows = connection.execute(query, {"prefix": prefix}).all()
        if not prefix or not rows:
            raise NotFound(f"No key begins with '{prefix}'. `brickyard keys list` shows them.")
        if len(rows) > 1:
            raise BadInput(f"{len(rows)} keys begin with '{prefix}'; none was revoked. Give more letters.")
    return _key(rows[0])


def forget(engine: sa.Engine, owner: str, name: str) -> None:
    """All of an owner's keys of that name, and what they used, if there are any."""
    with engine.begin() as connection:
        query = sa.text("DELETE FROM api_keys WHERE owner = :owner AND name = :name")
        connection.execute(query, {"owner": owner, "name": name})


def shown_in(headers: Mapping[str, str]) -> str | None:
    """The key that a request shows, as bearer token or in `x-api-key`."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key")


def digest(key: str) -> bytes:
    """A plain hash is enough: a key has 256 random bits, which nobody can try out."""
    return hashlib.sha256(key.encode()).digest()


def _key(row: sa.Row[tuple[object, ...]]) -> ApiKey:
    values = dict(row._mapping)
    values.pop("digest")
    return ApiKey(**values | {"scopes": frozenset(values["scopes"])})
