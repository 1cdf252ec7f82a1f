"""`/api/v1/users` and `/api/v1/teams`: who may sign in, with which roles, and who belongs together."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from brickyard.access.actor import Actor
from brickyard.access.people import User
from brickyard.access.policy import Action
from brickyard.echo.accounts.administration import Administration
from brickyard.echo.accounts.schemas import (
    Ended,
    LinkView,
    MemberView,
    NewTeam,
    NewUser,
    TeamChange,
    TeamView,
    TeamWithMembers,
    UserChange,
    UserView,
)
from brickyard.echo.accounts.service import Accounts
from brickyard.echo.identity import needs

UserId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
UserChanger = Annotated[Actor, needs(Action.USER_CHANGE)]
TeamChanger = Annotated[Actor, needs(Action.TEAM_CHANGE)]


def router(accounts: Accounts) -> APIRouter:
    api = APIRouter()
    administration = Administration(accounts)
    people = accounts.people
    may_see = [needs(Action.USER_SEE)]

    def view(user: User) -> UserView:
        return UserView.of(user, people.teams_of(user.id), people.providers_of(user.id))

    @api.get("/users", tags=["users"], dependencies=may_see)
    def users() -> list[UserView]:
        teams, providers = people.teams_by_user(), people.providers_by_user()
        return [UserView.of(one, teams.get(one.id, ()), providers.get(one.id, ())) for one in people.every()]

    @api.post("/users", status_code=201, tags=["users"])
    def add_user(body: NewUser, actor: UserChanger) -> UserView:
        """An account without a password: make a link for its person to set one."""
        return view(administration.add_user(actor, body))

    @api.get("/users/{user}", tags=["users"], dependencies=may_see)
    def user(user: UserId) -> UserView:
        return view(people.user(user))

    @api.patch("/users/{user}", tags=["users"])
    def change_user(user: UserId, body: UserChange, actor: UserChanger) -> UserView:
        """Whom you disable is signed out at once, and their keys stop. The last administrator stays one."""
        return view(administration.change_user(actor, user, body))

    @api.post("/users/{user}/link", status_code=201, tags=["users"])
    def password_link(user: UserId, actor: UserChanger) -> LinkView:
        """A one-time link with which this person sets a new password. It voids earlier ones."""
        url, expires_at = administration.password_link(actor, user)
        return LinkView(url=url, expires_at=expires_at)

    @api.delete("/users/{user}/sessions", tags=["users"])
    def end_sessions(user: UserId, actor: UserChanger) -> Ended:
        """Signs this person out everywhere."""
        return Ended(sessions=administration.end_sessions(actor, user))

    @api.delete("/users/{user}/totp", status_code=204, tags=["users"])
    def remove_totp(user: UserId, actor: UserChanger) -> None:
        """For a person who lost both the device and the recovery codes."""
        administration.remove_totp(actor, user)

    @api.get("/teams", tags=["teams"], dependencies=may_see)
    def teams() -> list[TeamView]:
        return [TeamView.of(team) for team in people.teams()]

    @api.post("/teams", status_code=201, tags=["teams"])
    def add_team(body: NewTeam, actor: TeamChanger) -> TeamView:
        return TeamView.of(administration.add_team(actor, body))

    @api.get("/teams/{team}", tags=["teams"], dependencies=may_see)
    def team(team: UUID) -> TeamWithMembers:
        members = [MemberView.of(one) for one in people.members(team)]
        return TeamWithMembers(**TeamView.of(people.team(team)).model_dump(), people=members)

    @api.patch("/teams/{team}", tags=["teams"])
    def change_team(team: UUID, body: TeamChange, actor: TeamChanger) -> TeamView:
        return TeamView.of(administration.change_team(actor, team, body))

    @api.delete("/teams/{team}", status_code=204, tags=["teams"])
    def remove_team(team: UUID, actor: TeamChanger) -> None:
        """Its recordings stay with their owners, and what was shared with it is no longer."""
        administration.remove_team(actor, team)

    @api.put("/teams/{team}/members/{user}", status_code=204, tags=["teams"])
    def add_member(team: UUID, user: UserId, actor: TeamChanger) -> None:
        administration.set_member(actor, team, user, is_member=True)

    @api.delete("/teams/{team}/members/{user}", status_code=204, tags=["teams"])
    def remove_member(team: UUID, user: UserId, actor: TeamChanger) -> None:
        """Membership that a provider's groups give stays, until they say otherwise."""
        administration.set_member(actor, team, user, is_member=False)

    return api
