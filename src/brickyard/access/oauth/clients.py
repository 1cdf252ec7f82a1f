"""The apps that people may sign in to with Brickyard. An administrator registers them; a secret is shown once."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from brickyard.access.oauth import redirects
from brickyard.access.oauth.claims import IDENTITY_SCOPES, SCOPES
from brickyard.access.policy import Role
from brickyard.kit.errors import BadInput, NotFound

SECRET_PREFIX = "bys_"
CLIENT_ID = re.compile(r"[a-z0-9-]{1,60}")
NAME_LENGTH = 80
GRANTS = frozenset({"authorization_code", "refresh_token"})


@dataclass(frozen=True, slots=True)
class Client:
    """`roles`: who may sign in to it; empty: everybody. The methods are those that Authlib asks of a client."""

    client_id: str
    name: str
    secret_digest: bytes | None = field(repr=False)
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    scopes: frozenset[str]
    roles: frozenset[Role]
    created_at: datetime

    @property
    def is_public(self) -> bool:
        """A program that cannot keep a secret, such as one on somebody's own machine."""
        return self.secret_digest is None

    def admits(self, roles: frozenset[Role]) -> bool:
        return not self.roles or bool(self.roles & roles)

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """There is none: each request says where to go back to."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Those of the asked ones that it may have, in order; None where that is none."""
        allowed = [one for one in dict.fromkeys((scope or "").split()) if one in self.scopes]
        return " ".join(allowed) or None

    def check_redirect_uri(self, uri: str) -> bool:
        return redirects.is_registered(uri, self.redirect_uris, is_public=self.is_public)

    def check_client_secret(self, secret: str) -> bool:
        return self.secret_digest is not None and hmac.compare_digest(self.secret_digest, digest(secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method == "none") == self.is_public

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANTS


@dataclass(frozen=True, slots=True)
class NewClient:
    name: str
    redirect_uris: Sequence[str]
    is_public: bool = False
    roles: Sequence[Role] = ()
    scopes: Sequence[str] = IDENTITY_SCOPES
    post_logout_redirect_uris: Sequence[str] = ()


def add(engine: sa.Engine, new: NewClient) -> tuple[str | None, Client]:
    """The secret, which nobody can be told again, and the client. Public clients have no secret. Raises BadInput."""
    _check(new)
    secret = None if new.is_public else SECRET_PREFIX + secrets.token_urlsafe(32)
    query = sa.text("""
        INSERT INTO oauth_clients (client_id, name, secret_digest, redirect_uris, post_logout_redirect_uris, scopes,
                                   roles)
        VALUES (:client_id, :name, :secret_digest, :redirect_uris, :post_logout_redirect_uris, :scopes, :roles)
        RETURNING *""")
    values = {
        "client_id": _id_for(new.name),
        "name": new.name.strip(),
        "secret_digest": None if secret is None else digest(secret),
        "redirect_uris": list(new.redirect_uris),
        "post_logout_redirect_uris": list(new.post_logout_redirect_uris),
        "scopes": list(dict.fromkeys(new.scopes)),
        "roles": sorted({str(role) for role in new.roles}),
    }
    with engine.begin() as connection:
        return secret, _client(connection.execute(query, values).one())


def find(engine: sa.Engine, client_id: str) -> Client | None:
    if not CLIENT_ID.fullmatch(client_id):
        return None
    query = sa.text("SELECT * FROM oauth_clients WHERE client_id = :client_id")
    with engine.connect() as connection:
        row = connection.execute(query, {"client_id": client_id}).one_or_none()
    return None if row is None else _client(row)


def every(engine: sa.Engine) -> list[Client]:
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM oauth_clients ORDER BY lower(name), created_at"))
        return [_client(row) for row in rows]


def remove(engine: sa.Engine, client_id: str) -> Client:
    """Its codes and tokens go with it. Raises NotFound."""
    found = find(engine, client_id)
    query = sa.text("DELETE FROM oauth_clients WHERE client_id = :client_id RETURNING 1")
    with engine.begin() as connection:
        if found is None or connection.execute(query, {"client_id": client_id}).first() is None:
            raise NotFound(f"There is no client {client_id[:60]!r}. `brickyard clients list` shows them.")
    return found


def digest(secret: str) -> bytes:
    """A plain hash is enough: a secret has 256 random bits, which nobody can try out."""
    return hashlib.sha256(secret.encode()).digest()


def _check(new: NewClient) -> None:
    if not 0 < len(new.name.strip()) <= NAME_LENGTH or not new.name.isprintable():
        raise BadInput(f"A client needs a name of at most {NAME_LENGTH} letters that says which app it is.")
    if not new.redirect_uris:
        raise BadInput("A client needs at least one address to come back to (redirect URI).")
    for uri in (*new.redirect_uris, *new.post_logout_redirect_uris):
        redirects.check(uri, is_public=new.is_public)
    unknown = sorted(set(new.scopes) - set(SCOPES))
    if unknown or not new.scopes:
        raise BadInput(f"A client may have the scopes {', '.join(SCOPES)}; not {', '.join(unknown) or 'none at all'}.")


def _id_for(name: str) -> str:
    """Readable, and never that of a client that was removed."""
    letters = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "client"
    return f"{letters}-{secrets.token_hex(4)}"


def _client(row: sa.Row[tuple[object, ...]]) -> Client:
    values = dict(row._mapping)
    lists = {name: tuple(values[name]) for name in ("redirect_uris", "post_logout_redirect_uris")}
    sets = {"scopes": frozenset(values["scopes"]), "roles": frozenset(Role(role) for role in values["roles"])}
    return Client(**values | lists | sets)
