"""Who is asking, and whether they may: every route names its action, and this is where it is decided and recorded.

    @api.get("/{recording}")
    def get(recording: UUID, actor: Annotated[Actor, needs(Action.RECORDING_SEE)]) -> Recording: …

Path parameters named `recording` and `job` say what the action is done to. Public routes say `open_to_all()`.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from brickyard.access import sharing
from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.access.keys import PREFIX, ApiKey, shown_in
from brickyard.access.people import People
from brickyard.access.policy import RULES, Action, Decision, Level, decide
from brickyard.access.sessions import Sessions, StolenSession
from brickyard.access.turnstile import Turnstile
from brickyard.kit.errors import BrickyardError, Forbidden, NotFound, Unauthenticated

COOKIE = "brickyard_session"
CSRF_HEADER = "x-brickyard-csrf"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SAME_READING_S = 60.0
"""A player asks for one recording in many pieces: within this time they are one access to the audit log."""
READINGS = 10_000

TokenBearer = Callable[[str], Actor | None]
"""Whose access token that is, one that the platform's own OpenID provider gave out."""


@dataclass
class Guard:
    """The one door of Echo's API. What can't be recorded isn't done."""

    engine: sa.Engine
    people: People
    sessions: Sessions
    turnstile: Turnstile
    audit: Audit
    csrf_key: bytes = field(repr=False)
    bearer_of: TokenBearer | None = None
    _read_at: dict[tuple[str, str, str], float] = field(default_factory=dict, repr=False)

    async def someone(self, request: Request) -> Actor | None:
        """Who asks; None where nobody is signed in. Raises Unauthenticated where what is shown is void."""
        shown = shown_in(request.headers)
        if shown is not None and shown.startswith(PREFIX):
            return await self._with_key(request, shown)
        if shown is not None:
            bearer = await asyncio.to_thread(self.bearer_of, shown) if self.bearer_of else None
            if bearer is None:
                raise Unauthenticated("This access token is not known, or has expired. Sign in again.")
            return bearer
        token = request.cookies.get(COOKIE)
        return None if not token else await asyncio.to_thread(self._in_session, request, token)

    async def check(self, request: Request, action: Action) -> Actor:
        """The actor, who may do it. Raises Unauthenticated, Forbidden, or NotFound for what they may not even see."""
        actor = await self.someone(request)
        if actor is None:
            raise Unauthenticated("Sign in first, or send an API key as 'Authorization: Bearer KEY'.")
        if actor.via == "session" and request.method not in SAFE_METHODS:
            self._check_csrf(request, actor)
        await asyncio.to_thread(self._decide, request, actor, action)
        request.state.actor = actor
        return actor

    def csrf_of(self, session: UUID) -> str:
        """What a page has to send back with everything that changes something: another site can't know it."""
        return hmac.new(self.csrf_key, session.bytes, sha256).hexdigest()

    def meter(self, actor: Actor, service: str, **amounts: float) -> None:
        """Counts what a key has used; people have no quotas."""
        if actor.via == "key":
            self.turnstile.meter(UUID(actor.credential), service, "", **amounts)

    async def _with_key(self, request: Request, shown: str) -> Actor:
        key = await self.turnstile.admit(shown, None)
        return await asyncio.to_thread(self._owner_of, request, key)

    def _owner_of(self, request: Request, key: ApiKey) -> Actor:
        try:
            user = self.people.user(key.owner)
        except NotFound:
            raise Forbidden(
                f"The key {key.prefix}… belongs to {key.owner}, who has no account; it opens the shared APIs alone."
            ) from None
        return Actor(
            id=user.id,
            name=user.name,
            display_name=user.display_name,
            roles=user.roles,
            via="key",
            credential=str(key.id),
            address=address_of(request),
            scopes=key.scopes,
            jobs_at_once=key.jobs_at_once,
        )

    def _in_session(self, request: Request, token: str) -> Actor | None:
        try:
            found = self.sessions.find(token, request.headers.get("user-agent", ""))
        except StolenSession as theft:
            actor = Actor(theft.user, "", frozenset(), "session", str(theft.session), address_of(request))
            self.audit.append(
                entry_of(
                    actor, "session.stolen", object_kind="session", object_id=str(theft.session), outcome="refused"
                )
            )
            raise
        request.state.new_token = found.new_token
        user = found.user
        return Actor(
            id=user.id,
            name=user.name,
            display_name=user.display_name,
            roles=user.roles,
            via="session",
            credential=str(found.session),
            address=address_of(request),
            session=found.session,
        )

    def _check_csrf(self, request: Request, actor: Actor) -> None:
        assert actor.session is not None
        if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), self.csrf_of(actor.session).encode()):
            raise Forbidden(
                f"The header {CSRF_HEADER} is missing or wrong. It has to be the value `csrf` of GET /api/v1/session; "
                "reload the page."
            )

    def _decide(self, request: Request, actor: Actor, action: Action) -> None:
        with self.engine.connect() as connection:
            about, level = self._object(connection, request, actor)
        decision = decide(action, actor.roles, level)
        refusal = _key_refusal(actor, action) if decision is Decision.ALLOWED else _refusal(decision, about, action)
        is_told = refusal is not None or RULES[action].recorded
        if is_told and not self._was_just_read(request, actor, action, about):
            kind, identity = about
            details = {"route": f"{request.method} {request.scope['route'].path}"}
            outcome = "allowed" if refusal is None else "refused"
            self.audit.append(
                entry_of(actor, action, object_kind=kind, object_id=identity, outcome=outcome, details=details)
            )
        if refusal is not None:
            raise refusal

    def _object(self, connection: sa.Connection, request: Request, actor: Actor) -> tuple[tuple[str, str], Level]:
        """What the request is about, kind and id, and how far the actor gets with it."""
        for kind, level_of in (("recording", sharing.level_of), ("job", sharing.level_of_job)):
            if kind in request.path_params:
                identity = _uuid(kind, str(request.path_params[kind]))
                return (kind, str(identity)), level_of(connection, identity, actor.id)
        for kind in ("user", "team", "name", "client_id", "session", "key"):
            if kind in request.path_params:
                return (kind, str(request.path_params[kind])[:100]), Level.NONE
        return ("", ""), Level.NONE

    def _was_just_read(self, request: Request, actor: Actor, action: Action, about: tuple[str, str]) -> bool:
        """Pieces of one reading, by the same credential."""
        if action is not Action.RECORDING_CONTENT:
            return False
        now = time.monotonic()
        reading = (actor.credential, request.scope["route"].path, about[1])
        if now - self._read_at.get(reading, -SAME_READING_S) < SAME_READING_S:
            return True
        if len(self._read_at) > READINGS:
            self._read_at.clear()
        self._read_at[reading] = now
        return False


def _refusal(decision: Decision, about: tuple[str, str], action: Action) -> BrickyardError | None:
    kind, identity = about
    if decision is Decision.HIDDEN:
        return NotFound(f"There is no {kind} {identity}, or it is not yours.")
    if decision is Decision.REFUSED:
        who = " or ".join(sorted(role.replace("_", " ") for role in RULES[action].roles | RULES[action].over))
        need = f"; {RULES[action].level.name.lower()} access is needed" if RULES[action].is_about_a_recording else ""
        return Forbidden(f"You may not do this ({action}). It takes the role {who}{need}. Ask an administrator.")
    return None


def _key_refusal(actor: Actor, action: Action) -> BrickyardError | None:
    scope = RULES[action].scope
    if actor.scopes is None or (scope is not None and scope in actor.scopes):
        return None
    if scope is None:
        return Forbidden(f"No key or token may do this ({action}): sign in to the app.")
    return Forbidden(f"This key may use {', '.join(sorted(actor.scopes))}; for this it needs the scope {scope}.")


def _uuid(kind: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no {kind} {text[:40]!r}: that is no id.") from None


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def session_cookie(token: str, *, is_secure: bool) -> str:
    """The value of Set-Cookie. It lives as long as the browser's session; the server knows when it ends."""
    return f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if is_secure else "")


class Needs:
    """The dependency that `needs` makes."""

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(self, request: Request) -> Actor:
        guard: Guard = request.app.state.guard
        return await guard.check(request, self.action)


class Open:
    """The dependency that `open_to_all` makes."""

    async def __call__(self) -> None:
        return None


def needs(action: Action) -> Any:
    return Depends(Needs(action))


def open_to_all() -> Any:
    return Depends(Open())


def asked_by(dependant: Dependant) -> list[Action | None]:
    """The actions that a route declares; None stands for one that is open to all."""
    found: list[Action | None] = []
    if isinstance(dependant.call, Needs):
        found.append(dependant.call.action)
    elif isinstance(dependant.call, Open):
        found.append(None)
    return [*found, *(action for below in dependant.dependencies for action in asked_by(below))]
