"""Authlib's authorization server with its surroundings: clients, the store, the signing keys, and the audit log."""

from __future__ import annotations

import logging
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, InvalidGrantError, ResourceProtector
from authlib.oauth2.rfc6749.authenticate_client import authenticate_client_secret_basic
from authlib.oauth2.rfc6750 import BearerTokenGenerator

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.access.oauth import clients
from brickyard.access.oauth.clients import Client
from brickyard.access.oauth.grants import Bearer, Challenge, CodeGrant, IdToken, Introspection, RefreshGrant, Revocation
from brickyard.access.oauth.signing import SigningKeys
from brickyard.access.oauth.store import ACCESS_PREFIX, REFRESH_PREFIX, TOKEN_LIVES, Issued, Store, fresh
from brickyard.access.oauth.wire import NO_STORE, Asked, Body, Reply, Request

# At level DEBUG it writes tokens into the log.
logging.getLogger("authlib").setLevel(logging.WARNING)


class Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, issuer: str, store: Store, signing: SigningKeys, audit: Audit) -> None:
        super().__init__()
        self.issuer = issuer
        self.store = store
        self.signing = signing
        self._audit = audit
        self.register_token_generator("default", BearerTokenGenerator(_access, _refresh, _lives_s))
        self.register_client_auth_method("client_secret_basic", _basic)
        self.register_grant(CodeGrant, [Challenge(required=True), IdToken(self)])
        self.register_grant(RefreshGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)
        self.bearers = ResourceProtector()
        self.bearers.register_token_validator(Bearer(store))

    def query_client(self, client_id: str) -> Client | None:
        return clients.find(self.store.engine, client_id)

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Raises InvalidGrantError where another request was first to use the code or the refresh token."""
        issued = Issued(token["access_token"], token.get("refresh_token"), token["scope"].split())
        code, old, client = request.authorization_code, request.refresh_token, request.client
        if code is not None:
            expires_at = self.store.redeem(code, client.client_id, issued)
        else:
            expires_at = self.store.rotate(old, issued)
        if expires_at is None:
            kind, person = ("code", code.signed_in.person) if code is not None else ("refresh", old.signed_in.person)
            self.tell_replay(kind, person.id, client)
            raise InvalidGrantError(f"This {kind} was used before; all that came of it is revoked.")
        token["expires_in"] = int((expires_at - self.store.clock()).total_seconds())

    def tell_replay(self, kind: str, user_id: str | None, client: Client) -> None:
        """What was shown twice is in two hands. `user_id`: None where nothing was."""
        if user_id is None:
            return
        actor = Actor(user_id, "", frozenset(), "token", client.client_id)
        entry = entry_of(
            actor, f"oauth.{kind}_replayed", object_kind="client", object_id=client.client_id, outcome="refused"
        )
        self._audit.append(entry)

    def create_oauth2_request(self, request: Any) -> Request:
        return Request(request, self.issuer) if isinstance(request, Asked) else request

    def handle_response(self, status: int, body: Body, headers: list[tuple[str, str]]) -> Reply:
        return Reply(status, body, {name: value for name, value in headers if name != "Content-Type"} | NO_STORE)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


def _access(**_: object) -> str:
    return fresh(ACCESS_PREFIX)


def _refresh(**_: object) -> str:
    return fresh(REFRESH_PREFIX)


def _lives_s(client: Client, grant_type: str) -> int:
    return int(TOKEN_LIVES.total_seconds())


def _basic(query_client: Any, request: Any) -> Client | None:
    """A header that is no text is as good as none."""
    try:
        client: Client | None = authenticate_client_secret_basic(query_client, request)
    except UnicodeDecodeError:
        return None
    return client
