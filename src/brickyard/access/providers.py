"""The providers that people may sign in with beside the platform's own accounts, as an operator writes them in TOML.

A file has any number of `[[oidc]]` and `[[ldap]]`; docs/howto/sign-in.md tells what may stand in them. Secrets stand in
files of their own. Paths are relative to the folder of the file that names them.
"""

from __future__ import annotations

import ssl
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from brickyard.access.groups import GroupMap, Rule
from brickyard.access.policy import Role
from brickyard.kit.errors import BadInput

OWN = "local"
"""The platform's own accounts; no provider may be called so."""

Kind = Literal["active_directory", "openldap"]

NOT_DISABLED = "(!(userAccountControl:1.2.840.113556.1.4.803:=2))"
"""Active Directory's rule for a bit being set: 2 is that of a disabled account."""
IN_CHAIN = "1.2.840.113556.1.4.1941"
"""Active Directory's rule for being a member, directly or through other groups."""

PRESETS: dict[str, dict[str, str]] = {
    "active_directory": {
        "user_filter": "(&(objectCategory=person)(objectClass=user)"
        f"(|(sAMAccountName={{name}})(userPrincipalName={{name}})){NOT_DISABLED})",
        "group_filter": f"(&(objectClass=group)(member:{IN_CHAIN}:={{dn}}))",
    },
    "openldap": {
        "user_filter": "(&(objectClass=person)(uid={name}))",
        "group_filter": "(|(&(objectClass=groupOfNames)(member={dn}))"
        "(&(objectClass=groupOfUniqueNames)(uniqueMember={dn})))",
    },
}
ATTRIBUTES: dict[str, dict[str, str]] = {
    "active_directory": {"subject": "objectGUID", "name": "sAMAccountName", "display_name": "displayName"},
    "openldap": {"subject": "entryUUID", "name": "uid", "display_name": "cn"},
}


def _resolved(value: object, info: ValidationInfo) -> object:
    folder = (info.context or {}).get("folder", Path.cwd())
    return folder / Path(value).expanduser() if isinstance(value, str) else value


def _secret(value: object, info: ValidationInfo) -> str:
    if not isinstance(value, str):
        raise ValueError("must be the path of a file, as text")
    path = Path(str(_resolved(value, info)))
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as text: {error}") from error
    if not secret:
        raise ValueError(f"{path} is empty; it must hold the secret and nothing else")
    return secret


def _authority(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"{path} holds no certificates in PEM that could be trusted: {error}") from error
    return path


SecretFile = Annotated[SecretStr, BeforeValidator(_secret)]
AuthorityFile = Annotated[Path, BeforeValidator(_resolved), AfterValidator(_authority)]
Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class MapSettings(_Strict):
    group: Text
    roles: frozenset[Role] = frozenset()
    teams: frozenset[Text] = frozenset()

    @model_validator(mode="after")
    def _gives_something(self) -> Self:
        if not self.roles and not self.teams:
            raise ValueError(f"the rule for '{self.group}' gives nothing; name roles, teams or both")
        return self


class ProviderSettings(_Strict):
    """`allow_plain`: without TLS, so that passwords and tokens can be read on the way; for tests alone."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    label: str = ""
    ca_file: AuthorityFile | None = None
    allow_plain: bool = False
    map: tuple[MapSettings, ...] = ()
    default_roles: frozenset[Role] = frozenset()
    required_groups: frozenset[Text] = frozenset()

    @field_validator("name")
    @classmethod
    def _not_our_own(cls, name: str) -> str:
        if name == OWN:
            raise ValueError(f"'{OWN}' is what the platform calls its own accounts; choose another name")
        return name

    @property
    def shown(self) -> str:
        return self.label or self.name

    def group_map(self, ignores_case: bool) -> GroupMap:
        rules = tuple(Rule(rule.group, rule.roles, rule.teams) for rule in self.map)
        return GroupMap(rules, self.default_roles, self.required_groups, ignores_case)

    def tls(self) -> ssl.SSLContext:
        """Trusts `ca_file` alone where there is one, else what the machine trusts."""
        return ssl.create_default_context(cafile=self.ca_file)


class Claims(_Strict):
    """Where an OpenID provider says what. `groups` may be a path, such as `realm_access.roles`."""

    name: Text = "preferred_username"
    display_name: Text = "name"
    email: Text = "email"
    groups: Text = "groups"


class OidcSettings(ProviderSettings):
    """Without a secret, the platform is a public client, and PKCE alone protects the code."""

    issuer: Text
    client_id: Text
    client_secret: SecretFile | None = Field(default=None, alias="client_secret_file")
    scopes: tuple[Text, ...] = ("openid", "profile", "email")
    claims: Claims = Claims()

    @field_validator("scopes")
    @classmethod
    def _asks_for_an_id_token(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        return scopes if "openid" in scopes else ("openid", *scopes)

    @model_validator(mode="after")
    def _is_an_issuer(self) -> Self:
        parts = urlsplit(self.issuer)
        if not parts.hostname or parts.query or parts.fragment or parts.scheme not in ("https", "http"):
            raise ValueError(f"issuer '{self.issuer}' must be an address such as https://login.example.org/realms/main")
        if parts.scheme == "http" and not self.allow_plain:
            raise ValueError(f"issuer '{self.issuer}' must begin with https://")
        return self


class Attributes(_Strict):
    """Of people, but for `group`: the attribute that groups are named by; `dn` takes their whole name."""

    subject: Text
    name: Text
    display_name: Text
    email: Text = "mail"
    group: Text = "cn"


class LdapSettings(ProviderSettings):
    kind: Kind
    url: Text
    start_tls: bool = False
    bind_dn: str = ""
    bind_password: SecretFile | None = Field(default=None, alias="bind_password_file")
    base_dn: Text
    user_filter: Text
    attributes: Attributes
    group_base_dn: str = ""
    group_filter: str

    @model_validator(mode="before")
    @classmethod
    def _filled_by_its_kind(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("kind") not in PRESETS:
            return given
        named = given.get("attributes", {})
        attributes = {**ATTRIBUTES[given["kind"]], **named} if isinstance(named, dict) else named
        return {**PRESETS[given["kind"]], **given, "attributes": attributes}

    @model_validator(mode="after")
    def _is_protected(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ldaps", "ldap") or not parts.hostname or parts.path.strip("/"):
            raise ValueError(f"url '{self.url}' must be ldaps://HOST or ldap://HOST, with :PORT where it is unusual")
        if parts.scheme == "ldaps" and self.start_tls:
            raise ValueError("start_tls belongs to ldap://; ldaps:// is encrypted from the first byte")
        if parts.scheme == "ldap" and not self.start_tls and not self.allow_plain:
            raise ValueError("passwords would travel in the clear; use ldaps://, or set start_tls = true")
        return self

    @model_validator(mode="after")
    def _asks_for_somebody(self) -> Self:
        if "{name}" not in self.user_filter:
            raise ValueError("user_filter must contain {name}, where the name that somebody typed is put")
        if self.group_filter and "{dn}" not in self.group_filter and "{name}" not in self.group_filter:
            raise ValueError("group_filter must contain {dn} or {name}, for the person whose groups are asked for")
        if bool(self.bind_dn) != (self.bind_password is not None):
            raise ValueError("bind_dn and bind_password_file belong together: give both or none")
        return self


class Providers(_Strict):
    oidc: tuple[OidcSettings, ...] = ()
    ldap: tuple[LdapSettings, ...] = ()

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        names = [provider.name for provider in (*self.oidc, *self.ldap)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two providers are called {', '.join(twice)}; users are known by that name: change one")
        return self


def read(path: Path) -> Providers:
    """Raises BadInput, which names the file and every key in it that is wrong."""
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The providers to sign in with cannot be read from {path}: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not TOML: {error}.") from error
    try:
        return Providers.model_validate(written, context={"folder": path.parent})
    except ValidationError as error:
        wrong = "; ".join(_told(one, written) for one in error.errors(include_url=False, include_input=False))
        raise BadInput(f"{path}: {wrong}. docs/howto/sign-in.md tells what may stand there.") from None


def _told(error: ErrorDetails, written: dict[str, Any]) -> str:
    place = _place(error["loc"], written)
    if error["type"] == "extra_forbidden":
        return f"{place} is not known here"
    if error["type"] == "missing":
        return f"{place} is missing"
    if error["type"] == "literal_error" and error["loc"][-1] == "kind":
        return f"{place} must be one of {', '.join(get_args(Kind))}"
    return f"{place} {error['msg'].removeprefix('Value error, ')}".strip()


def _place(loc: tuple[int | str, ...], written: dict[str, Any]) -> str:
    """`oidc 'keycloak', map 2, roles:`: people count from 1, and know a provider by its name."""
    named: list[str] = []
    inside: Any = written
    for part in loc:
        inside = _inside(inside, part)
        if isinstance(part, str):
            named.append(part)
        elif named:
            name = inside.get("name") if isinstance(inside, dict) else None
            named[-1] += f" '{name}'" if isinstance(name, str) else f" {part + 1}"
    return f"{', '.join(named)}:" if named else ""


def _inside(value: Any, part: int | str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None
