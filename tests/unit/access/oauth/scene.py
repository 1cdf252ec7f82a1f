"""A provider with its database, people who are signed in, and apps; time stands still until a test moves it."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import sqlalchemy as sa

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit
from brickyard.access.master import MasterKey
from brickyard.access.oauth import clients
from brickyard.access.oauth.clients import Client, NewClient
from brickyard.access.oauth.provider import Provider
from brickyard.access.oauth.signing import SigningKeys
from brickyard.access.oauth.wire import Asked, Reply
from brickyard.access.people import People
from brickyard.access.policy import Role
from brickyard.access.sessions import Sessions

ISSUER = "https://brickyard.test"
BACK = "https://app.test/back"
BYE = "https://app.test/bye"
MASTER = MasterKey([bytes(range(32))])
SCOPES = "openid profile email groups offline_access"


@dataclass
class Time:
    now: datetime = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@dataclass(frozen=True)
class App:
    """A registered app, as its own program knows it."""

    client: Client
    secret: str | None

    @property
    def id(self) -> str:
        return self.client.client_id

    def basic(self) -> dict[str, str]:
        pair = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}


class Scene:
    def __init__(self, engine: sa.Engine, issuer: str = ISSUER, time: Time | None = None) -> None:
        self.engine = engine
        self.time = time or Time()
        self.people = People(engine)
        self.sessions = Sessions(engine, clock=self.time)
        self.audit = Audit(engine, bytes(32))
        self.signing = SigningKeys(engine, MASTER, self.time)
        head = self.audit.head()
        self._recorded_before = head.seq if head else 0
        self.provider = Provider(issuer, engine, self.signing, self.sessions, self.audit, self.time)

    # ---- people and apps

    def person(self, name: str, roles: Sequence[Role] = (Role.ANALYST,), teams: Sequence[str] = ()) -> str:
        user = self.people.add(name, name.title(), f"{name}@agency.test", roles)
        for team in teams:
            self.people.set_member(self.people.add_team(team).id, user.id, True)
        return user.id

    def sign_in(self, user: str) -> Actor:
        opened = self.sessions.open(user, "password", "10.0.0.7", "browser")
        found = self.people.user(user)
        return Actor(
            id=user,
            name=found.name,
            roles=found.roles,
            via="session",
            credential=str(opened.session),
            address="10.0.0.7",
            session=opened.session,
        )

    def app(self, name: str = "Grafana", **asked: Any) -> App:
        values = {"redirect_uris": [BACK], "post_logout_redirect_uris": [BYE]} | asked
        secret, client = clients.add(self.engine, NewClient(name, **values))
        return App(client, secret)

    # ---- one step of the flow

    def authorize(self, app: App, actor: Actor | None, **parameters: str) -> Reply:
        given = {
            "response_type": "code",
            "client_id": app.id,
            "redirect_uri": BACK,
            "scope": SCOPES,
            "state": "s1",
        } | parameters
        pairs = tuple((name, value) for name, value in given.items() if value)
        return self.provider.authorize(Asked("GET", "/oauth/authorize", pairs), actor)

    def code(self, app: App, actor: Actor, **parameters: str) -> str:
        return back(self.authorize(app, actor, **parameters))["code"]

    def token(self, app: App, **form: str) -> Reply:
        return self.provider.token(self.asked(app, "/oauth/token", **form))

    def redeem(self, app: App, code: str, **form: str) -> Reply:
        given = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK} | form
        return self.token(app, **given)

    def refresh(self, app: App, token: str, **form: str) -> Reply:
        return self.token(app, grant_type="refresh_token", refresh_token=token, **form)

    def tokens(self, app: App, actor: Actor, **parameters: str) -> dict[str, Any]:
        reply = self.redeem(app, self.code(app, actor, **parameters))
        assert reply.status == 200, reply.body
        assert isinstance(reply.body, dict)
        return reply.body

    def userinfo(self, access: str) -> Reply:
        return self.provider.userinfo(Asked("GET", "/oauth/userinfo", headers={"Authorization": f"Bearer {access}"}))

    def asked(self, app: App, path: str, **form: str) -> Asked:
        """From the app's server, which proves who it is where it has a secret."""
        who = {} if app.secret else {"client_id": app.id}
        return Asked("POST", path, (), tuple((form | who).items()), app.basic() if app.secret else {})

    def recorded(self) -> list[tuple[str, str, str]]:
        lines = self.audit.lines(self._recorded_before + 1)
        return [(line.action, line.actor, line.outcome) for line in lines]


def back(reply: Reply, address: str = BACK) -> dict[str, str]:
    """What an app is told by the redirect to it."""
    assert reply.status == 302
    assert reply.location is not None
    assert reply.location.startswith(f"{address}?"), reply.location
    return dict(parse_qsl(urlsplit(reply.location).query, strict_parsing=True))


def error(reply: Reply) -> tuple[int, str]:
    assert isinstance(reply.body, dict), reply
    return reply.status, reply.body["error"]


def proof() -> tuple[str, dict[str, str]]:
    """A verifier of PKCE, and the parameters of the request that it belongs to."""
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return verifier, {"code_challenge": challenge, "code_challenge_method": "S256"}
