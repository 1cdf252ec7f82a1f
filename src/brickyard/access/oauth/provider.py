"""Brickyard as OAuth 2 and OpenID Connect provider: what each endpoint does, whichever web framework carries it.

    app ──(1) browser──► authorize ──(2) not signed in──► /signin ──► authorize
     ▲                       │
     │◄──(3) browser, code───┘
     └──(4) code, secret or verifier──► token ──► ID token, access token

Only the authorization code flow; there is no page of consent, since an administrator registers each client.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from authlib.oauth2 import OAuth2Error

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.access.oauth import claims, metadata
from brickyard.access.oauth.authorizing import Authorizing
from brickyard.access.oauth.logout import Farewell, farewell
from brickyard.access.oauth.redirects import LOOPBACK_NAMES
from brickyard.access.oauth.server import Server
from brickyard.access.oauth.signing import SigningKeys
from brickyard.access.oauth.store import Store
from brickyard.access.oauth.wire import NO_STORE, Asked, Reply, Request, refusal
from brickyard.access.sessions import Sessions
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import BadInput, Conflict, NotFound


class Provider:
    """`issuer`: the platform's address as browsers have it. Safe to use from several threads."""

    def __init__(
        self,
        issuer: str,
        engine: sa.Engine,
        signing: SigningKeys,
        sessions: Sessions,
        audit: Audit,
        clock: Clock = utc_now,
    ) -> None:
        self.issuer = issuer.rstrip("/")
        self._store = Store(engine, clock)
        self._signing = signing
        self._sessions = sessions
        self._audit = audit
        self._server = Server(self.issuer, self._store, signing, audit)
        self._authorizing = Authorizing(self._server, audit)

    def check_address(self) -> None:
        """Raises Conflict where codes and secrets would cross the network in the open."""
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK_NAMES:
            raise Conflict(
                f"Other apps cannot sign people in here: the platform's address, {self.issuer}, is not encrypted. Put "
                "TLS in front of it, and set BRICKYARD_PUBLIC_URL to its https:// address."
            )

    # ---- what clients read

    def metadata(self) -> dict[str, Any]:
        return metadata.of(self.issuer)

    def jwks(self) -> dict[str, Any]:
        return self._signing.public()

    # ---- where browsers come

    def authorize(self, asked: Asked, actor: Actor | None) -> Reply:
        """A redirect. Raises BadInput where nobody may be sent back, since client or address is not known."""
        return self._authorizing.answer(asked, actor)

    def logout(self, asked: Asked, actor: Actor | None, *, is_confirmed: bool) -> Farewell:
        """Ends the session that is meant, unless the person is to confirm it first. Raises BadInput."""
        found = farewell(self._server, asked.parameters(), actor, is_confirmed=is_confirmed)
        if found.session is not None and not found.needs_confirmation:
            self._end(found, asked.address)
        return found

    def _end(self, found: Farewell, address: str) -> None:
        client_id = "" if found.client is None else found.client.client_id
        actor = Actor(found.user_id, "", frozenset(), "token" if client_id else "session", client_id, address)
        self._audit.append(entry_of(actor, "oauth.logout", object_kind="session", object_id=found.session))
        assert found.session is not None
        with suppress(NotFound):
            self._sessions.revoke(found.session, "signed out by way of an app", found.user_id)

    # ---- where clients come

    def token(self, asked: Asked) -> Reply:
        return _told(asked, self._server.create_token_response)

    def revoke(self, asked: Asked) -> Reply:
        return _told(asked, lambda one: self._server.create_endpoint_response("revocation", one))

    def introspect(self, asked: Asked) -> Reply:
        return _told(asked, lambda one: self._server.create_endpoint_response("introspection", one))

    def userinfo(self, asked: Asked) -> Reply:
        return _told(asked, self._userinfo)

    def _userinfo(self, asked: Asked) -> Reply:
        request = Request(asked, self.issuer)
        try:
            token = self._server.bearers.validate_request(["openid"], request)
        except OAuth2Error as error:
            reply: Reply = self._server.handle_error_response(request, error)
            return reply
        return Reply(200, claims.of(token.signed_in.person, token.scopes), dict(NO_STORE))

    # ---- what Brickyard's own API asks

    def actor_of(self, token: str) -> Actor | None:
        """Whose access token it is; None where it is void. It may be used for its scopes, as an API key may."""
        found = self._store.by_access(token)
        if found is None:
            return None
        person = found.signed_in.person
        return Actor(
            id=person.id,
            name=person.name,
            display_name=person.display_name,
            roles=person.roles,
            via="token",
            credential=f"{found.client_id}:{found.digest.hex()[:12]}",
            scopes=frozenset(found.scopes) & frozenset(claims.API_SCOPES),
            session=found.signed_in.session,
        )


def _told(asked: Asked, answer: Callable[[Asked], Reply]) -> Reply:
    try:
        return answer(asked)
    except BadInput as error:
        return refusal("invalid_request", error.message)
