"""`/api/v1/me`: one's own account. `/api/v1/people`: whom one could share with; `/members`: with whom one does."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from brickyard.access import keys
from brickyard.access.actor import Actor
from brickyard.access.policy import RULES, Action
from brickyard.echo.accounts.schemas import (
    PRINTABLE,
    Fellow,
    Found,
    KeyView,
    MadeKey,
    MeView,
    NewOwnKey,
    NewPassword,
    OwnSession,
    PasswordProof,
    RecoveryCodes,
    TotpBegun,
    TotpCode,
    UserView,
)
from brickyard.echo.accounts.service import Accounts, OwnAccount, allowed_scopes, session_of
from brickyard.echo.identity import needs
from brickyard.kit.errors import NotFound

FOUND_AT_MOST = 20
WHO_SEE_TEAMS = RULES[Action.USER_SEE].roles

Me = Annotated[Actor, needs(Action.SELF)]
Own = Annotated[Actor, needs(Action.ACCOUNT)]


def router(accounts: Accounts) -> APIRouter:
    api = APIRouter()
    own = OwnAccount(accounts)

    @api.get("/me", tags=["me"])
    def me(actor: Me) -> MeView:
        """Your account, and what you may use a key for."""
        people = accounts.people
        user = UserView.of(people.user(actor.id), people.teams_of(actor.id), people.providers_of(actor.id))
        scopes = None if actor.scopes is None else sorted(actor.scopes)
        return MeView(**user.model_dump(), via=actor.via, scopes=scopes, allowed_scopes=allowed_scopes(actor.roles))

    @api.put("/me/password", status_code=204, tags=["me"])
    def change_password(body: NewPassword, actor: Own) -> None:
        """Ends your other sessions."""
        own.change_password(actor, body.old, body.new)

    @api.post("/me/totp", tags=["me"])
    def begin_totp(actor: Own) -> TotpBegun:
        """Begins to set up a second factor; it counts once a code has confirmed it."""
        begun = own.begin_totp(actor)
        return TotpBegun(uri=begun.uri, svg=begun.svg)

    @api.put("/me/totp", tags=["me"])
    def confirm_totp(body: TotpCode, actor: Own) -> RecoveryCodes:
        """Confirms it with a code of the app. From now on every sign-in with a password takes a code."""
        return RecoveryCodes(recovery_codes=own.confirm_totp(actor, body.code))

    @api.delete("/me/totp", status_code=204, tags=["me"])
    def remove_totp(body: PasswordProof, actor: Own) -> None:
        own.remove_totp(actor, body.password)

    @api.get("/me/sessions", tags=["me"])
    def sessions(actor: Own) -> list[OwnSession]:
        """Where you are signed in, last seen first."""
        session_of(actor)
        return [OwnSession.of(one, actor.session) for one in accounts.sessions.every(actor.id)]

    @api.delete("/me/sessions/{session}", status_code=204, tags=["me"])
    def end_session(session: UUID, actor: Own) -> None:
        own.end_session(actor, session)

    @api.get("/me/keys", tags=["me"])
    def own_keys(actor: Own) -> list[KeyView]:
        session_of(actor)
        return [KeyView.of(key) for key in keys.of(accounts.engine, actor.id)]

    @api.post("/me/keys", status_code=201, tags=["me"])
    def make_key(body: NewOwnKey, actor: Own) -> MadeKey:
        """A key that acts for you, as far as its scopes reach."""
        secret, made = own.make_key(actor, body.name, body.scopes, body.valid_days, body.priority)
        return MadeKey(secret=secret, key=KeyView.of(made))

    @api.delete("/me/keys/{key}", status_code=204, tags=["me"])
    def revoke_key(key: UUID, actor: Own) -> None:
        own.revoke_key(actor, key)

    @api.get("/teams/{team}/members", tags=["teams"])
    def members(team: UUID, actor: Annotated[Actor, needs(Action.TEAM_SEE)]) -> list[Fellow]:
        """Who is in a team of yours. Administrators and auditors see it of every team."""
        found = accounts.people.members(team)
        if not actor.roles & WHO_SEE_TEAMS and actor.id not in {one.user_id for one in found}:
            raise NotFound(f"There is no team {team} of which you are a member.")
        return [Fellow(id=one.user_id, name=one.display_name or one.name) for one in found]

    @api.get("/people", tags=["people"], dependencies=[needs(Action.PEOPLE_FIND)])
    def find(q: Annotated[str, Query(min_length=1, max_length=100, pattern=PRINTABLE)]) -> list[Found]:
        """People and teams whose names begin so, twenty at most."""
        teams = [
            Found(id=str(team.id), name=team.name, display_name=team.name, kind="team")
            for team in accounts.people.find_teams(q, FOUND_AT_MOST)
        ]
        people = [
            Found(id=user.id, name=user.name, display_name=user.display_name or user.name, kind="user")
            for user in accounts.people.find(q, FOUND_AT_MOST)
        ]
        return (people + teams)[:FOUND_AT_MOST]

    return api
