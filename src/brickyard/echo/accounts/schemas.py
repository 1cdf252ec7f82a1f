"""What the API takes and tells of people, teams, sessions and keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from brickyard.access.keys import ApiKey, Scope
from brickyard.access.people import User
from brickyard.access.policy import Role
from brickyard.access.sessions import Session
from brickyard.access.teams import Member, Team

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE, examples=["ada"])]
Text = Annotated[str, Field(max_length=200, pattern=PRINTABLE)]
Password = Annotated[str, Field(min_length=1, max_length=200)]
Code = Annotated[str, Field(max_length=40, description="of an authenticator app, or a recovery code")]
Token = Annotated[str, Field(min_length=1, max_length=200)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class _Strict(BaseModel):
    """A misspelt field is refused rather than passed over: it may have been meant to take a right away."""

    model_config = ConfigDict(extra="forbid")


class ProviderView(BaseModel):
    """`url`: where an `oidc` provider's sign-in begins; people of an `ldap` one type their name and password here."""

    name: str
    label: str
    kind: Literal["oidc", "ldap"]
    url: str | None = None


class SessionView(BaseModel):
    """Who is asking. `csrf`: what has to be sent back as X-Brickyard-CSRF with every change."""

    signed_in: bool
    providers: list[ProviderView]
    first_administrator_wanted: bool
    csrf: str | None = None
    id: str | None = None
    name: str | None = None
    display_name: str | None = None
    roles: list[Role] = []


class SignInBody(_Strict):
    name: Name
    password: Password
    code: Code | None = None


class LinkBody(_Strict):
    """`name` and `display_name` where the link makes an account, `password` where it sets one."""

    token: Token
    name: Name | None = None
    display_name: Text = ""
    password: Password | None = None
    code: Code | None = None


class Fellow(BaseModel):
    """Somebody in a team, as the other members know them."""

    id: str
    name: str


class TeamRef(BaseModel):
    id: UUID
    name: str


class UserView(BaseModel):
    """`providers`: where else this person is known; `has_password`: here."""

    id: str
    name: str
    display_name: str
    email: str | None
    roles: list[Role]
    teams: list[TeamRef]
    providers: list[str]
    has_password: bool
    has_totp: bool
    created_at: datetime
    last_sign_in_at: datetime | None
    disabled_at: datetime | None

    @classmethod
    def of(cls, user: User, teams: Iterable[Team], providers: Iterable[str]) -> Self:
        refs = [TeamRef(id=team.id, name=team.name) for team in teams]
        values = {name: getattr(user, name) for name in User.__dataclass_fields__}
        return cls(**{**values, "roles": sorted(user.roles)}, teams=refs, providers=sorted(providers))


class MeView(UserView):
    """`via`: `session`, `key` or `token`. `scopes`: of the key; `allowed_scopes`: those that own keys may have."""

    via: str
    scopes: list[str] | None
    allowed_scopes: list[Scope]


class NewPassword(_Strict):
    old: Password
    new: Password


class PasswordProof(_Strict):
    password: Password


class TotpCode(_Strict):
    code: Code


class TotpBegun(BaseModel):
    """For an authenticator app: as text and as QR code. Both hold the secret, and are shown this once."""

    uri: str
    svg: str


class RecoveryCodes(BaseModel):
    """Each works once, instead of a code. They are shown this once."""

    recovery_codes: list[str]


class OwnSession(BaseModel):
    id: UUID
    provider: str
    address: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    is_current: bool

    @classmethod
    def of(cls, session: Session, current: UUID | None) -> Self:
        values = {name: getattr(session, name) for name in Session.__dataclass_fields__}
        return cls(**values, is_current=session.id == current)


class NewOwnKey(_Strict):
    """Every key expires, after a year at most."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))]
    valid_days: Annotated[int, Field(ge=1, le=365)] = 90
    priority: Literal["standard", "batch"] = "standard"


class KeyView(BaseModel):
    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    priority: str
    requests_per_minute: int | None
    tokens_per_day: int | None
    audio_s_per_day: float | None
    bytes_per_day: int | None
    jobs_at_once: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        values = {name: getattr(key, name) for name in cls.model_fields}
        return cls(**{**values, "scopes": sorted(key.scopes)})


class MadeKey(BaseModel):
    """`secret`: the key itself, shown this once."""

    secret: str
    key: KeyView


class Found(BaseModel):
    """Somebody, or a team, to share with."""

    id: str
    name: str
    display_name: str
    kind: Literal["user", "team"]


class NewUser(_Strict):
    name: Name
    display_name: Text = ""
    email: Text | None = None
    roles: Annotated[list[Role], Field(max_length=len(Role))] = [Role.ANALYST]


class UserChange(_Strict):
    """What is left out stays as it is; `email` of null removes it."""

    display_name: Text | None = None
    email: Text | None = None
    roles: Annotated[list[Role], Field(max_length=len(Role))] | None = None
    disabled: bool | None = None


class LinkView(BaseModel):
    """To be given to the person, by hand: it opens the account once, until it expires. Shown this once."""

    url: str
    expires_at: datetime


class Ended(BaseModel):
    """How many sessions ended."""

    sessions: int


class NewTeam(_Strict):
    """`retention_days`: the team's recordings are deleted after it; null: as the platform says."""

    name: Name
    retention_days: Days | None = None


class TeamChange(_Strict):
    """What is left out stays as it is; `retention_days` of null: as the platform says."""

    name: Name | None = None
    retention_days: Days | None = None


class TeamView(BaseModel):
    id: UUID
    name: str
    retention_days: int | None
    members: int

    @classmethod
    def of(cls, team: Team) -> Self:
        return cls(**{name: getattr(team, name) for name in cls.model_fields})


class MemberView(BaseModel):
    """`sources`: `local`, and providers whose groups say so."""

    id: str
    name: str
    display_name: str
    sources: list[str]

    @classmethod
    def of(cls, member: Member) -> Self:
        shown = {"name": member.name, "display_name": member.display_name}
        return cls(id=member.user_id, sources=list(member.sources), **shown)


class TeamWithMembers(TeamView):
    people: list[MemberView]
