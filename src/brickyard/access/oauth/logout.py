"""Signing out of Brickyard by way of an app (OpenID Connect RP-Initiated Logout)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from authlib.common.urls import add_params_to_uri
from joserfc import jwt
from joserfc.errors import JoseError

from brickyard.access.actor import Actor
from brickyard.access.oauth.clients import Client
from brickyard.access.oauth.server import Server
from brickyard.access.oauth.signing import ALGORITHM
from brickyard.kit.errors import BadInput


@dataclass(frozen=True, slots=True)
class Farewell:
    """`session`: the one to end, of user `user_id`; None: none is open. `location`: where to go then, None: nowhere.

    `needs_confirmation`: the person has to say so first, since any page could have sent the browser here.
    """

    session: UUID | None
    user_id: str = ""
    client: Client | None = None
    location: str | None = None
    needs_confirmation: bool = False


def farewell(server: Server, parameters: Mapping[str, str], actor: Actor | None, *, is_confirmed: bool) -> Farewell:
    """With an ID token of ours, that token's session ends; without one, the browser's, once the person confirms.

    Raises BadInput where the ID token is not ours, or where it and the rest do not fit together.
    """
    hint = parameters.get("id_token_hint")
    if not hint:
        return _without_hint(actor, is_confirmed)
    told = _read(server, hint)
    client = server.query_client(str(told.get("aud")))
    if client is None or parameters.get("client_id", client.client_id) != client.client_id:
        raise BadInput("The ID token (id_token_hint) is of another app than the one that asks (client_id).")
    session, user = _session(told)
    return Farewell(session, user, client, _location(client, parameters))


def _without_hint(actor: Actor | None, is_confirmed: bool) -> Farewell:
    if actor is None or actor.session is None:
        return Farewell(None)
    return Farewell(actor.session, actor.id, needs_confirmation=not is_confirmed)


def _read(server: Server, hint: str) -> dict[str, Any]:
    """The claims. One that has expired will do: it only says which session it was."""
    try:
        told = jwt.decode(hint, server.signing.all(), algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError):
        raise BadInput("The ID token (id_token_hint) is none of this platform.") from None
    if told.get("iss") != server.issuer:
        raise BadInput("The ID token (id_token_hint) is of another issuer.")
    return dict(told)


def _session(told: Mapping[str, Any]) -> tuple[UUID | None, str]:
    sid = told.get("sid")
    return (UUID(sid) if isinstance(sid, str) else None), str(told.get("sub"))


def _location(client: Client, parameters: Mapping[str, str]) -> str | None:
    """Exactly one of those that are registered, or none."""
    uri = parameters.get("post_logout_redirect_uri")
    if uri not in client.post_logout_redirect_uris:
        return None
    state = parameters.get("state")
    located: str = add_params_to_uri(uri, [("state", state)]) if state else uri
    return located
