from __future__ import annotations

import re
from pathlib import Path

import pytest

from brickyard.access import providers
from brickyard.access.policy import Role
from brickyard.access.providers import Providers
from brickyard.kit.errors import BadInput

EXAMPLE = Path(__file__).parents[3] / "deploy" / "sign-in.example.toml"

OIDC = """
[[oidc]]
name = "keycloak"
issuer = "https://login.example.org/realms/main"
client_id = "brickyard"
client_secret_file = "client.secret"
"""
LDAP = """
[[ldap]]
name = "staff"
kind = "openldap"
url = "ldaps://ldap.example.org"
base_dn = "dc=example,dc=org"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "client.secret").write_text("s3cret\n")
    return tmp_path


def read(folder: Path, text: str) -> Providers:
    file = folder / "sign-in.toml"
    file.write_text(text, encoding="utf-8")
    return providers.read(file)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(BadInput) as caught:
        read(folder, text)
    assert str(folder / "sign-in.toml") in caught.value.message
    return caught.value.message


def test_several_providers_of_both_kinds_are_read(folder: Path) -> None:
    found = read(folder, OIDC + OIDC.replace("keycloak", "partner") + LDAP)
    assert [provider.name for provider in (*found.oidc, *found.ldap)] == ["keycloak", "partner", "staff"]
    assert found.oidc[0].shown == "keycloak"


def test_a_file_that_names_nobody_is_fine(folder: Path) -> None:
    assert read(folder, "") == Providers()


def test_a_secret_is_read_from_its_file_and_never_shown(folder: Path) -> None:
    provider = read(folder, OIDC).oidc[0]
    assert provider.client_secret is not None
    assert provider.client_secret.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(provider)


def test_rules_become_a_map_of_groups(folder: Path) -> None:
    text = OIDC + 'default_roles = ["analyst"]\n[[oidc.map]]\ngroup = "board"\nroles = ["auditor"]\nteams = ["Board"]\n'
    mapped = read(folder, text).oidc[0].group_map(ignores_case=False)
    assert (mapped.roles(["board"]), mapped.teams(["board"])) == ({Role.AUDITOR}, {"Board"})
    assert mapped.roles([]) == {Role.ANALYST}


def test_the_kind_of_a_directory_fills_what_is_not_said(folder: Path) -> None:
    plain = read(folder, LDAP).ldap[0]
    assert (plain.attributes.subject, plain.attributes.name) == ("entryUUID", "uid")
    active = read(folder, LDAP.replace("openldap", "active_directory")).ldap[0]
    assert active.attributes.subject == "objectGUID"
    assert "1.2.840.113556.1.4.1941" in active.group_filter
    assert "userAccountControl:1.2.840.113556.1.4.803:=2" in active.user_filter


def test_what_is_said_wins_over_the_kind(folder: Path) -> None:
    text = LDAP + 'user_filter = "(mail={name})"\n[ldap.attributes]\nsubject = "ipaUniqueID"\n'
    found = read(folder, text).ldap[0]
    assert (found.user_filter, found.attributes.subject, found.attributes.name) == (
        "(mail={name})",
        "ipaUniqueID",
        "uid",
    )


def test_the_id_token_is_always_asked_for(folder: Path) -> None:
    assert read(folder, OIDC + 'scopes = ["groups"]\n').oidc[0].scopes == ("openid", "groups")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[oidc]", "is not TOML"),
        (OIDC + "color = 3\n", r"oidc 'keycloak', color: is not known here"),
        (OIDC + 'client_secret = "x"\n', r"client_secret: is not known here"),
        (OIDC.replace("client_id", "client"), r"oidc 'keycloak', client_id: is missing"),
        (OIDC.replace("client.secret", "absent"), r"client_secret_file: .*absent cannot be read"),
        (OIDC.replace("keycloak", "Key Cloak"), r"oidc 'Key Cloak', name: "),
        (OIDC.replace("keycloak", "local"), "choose another name"),
        (OIDC.replace("https", "http"), "must begin with https://"),
        (OIDC.replace("https://login.example.org/realms/main", "login"), "must be an address"),
        (OIDC + OIDC, "two providers are called keycloak"),
        (OIDC + LDAP.replace("staff", "keycloak"), "two providers are called keycloak"),
        (OIDC + '[[oidc.map]]\ngroup = "x"\n', r"map 1: the rule for 'x' gives nothing"),
        (OIDC + '[[oidc.map]]\ngroup = "x"\nroles = ["root"]\n', r"map 1, roles 1: Input should be 'analyst'"),
        (OIDC + 'ca_file = "client.secret"\n', "holds no certificates in PEM"),
        (OIDC + 'ca_file = "absent.pem"\n', "holds no certificates in PEM"),
        (LDAP.replace("ldaps", "ldap"), "passwords would travel in the clear"),
        (LDAP.replace("ldaps", "http"), "must be ldaps://HOST or ldap://HOST"),
        (LDAP + "start_tls = true\n", "start_tls belongs to ldap://"),
        (LDAP.replace("openldap", "novell"), "kind: must be one of active_directory, openldap"),
        (LDAP + 'user_filter = "(uid=x)"\n', r"user_filter must contain \{name\}"),
        (LDAP + 'group_filter = "(member=x)"\n', r"group_filter must contain \{dn\} or \{name\}"),
        (LDAP + 'bind_dn = "cn=x"\n', "bind_dn and bind_password_file belong together"),
        (LDAP + '[ldap.attributes]\nphone = "x"\n', "attributes, phone: is not known here"),
        (LDAP + 'attributes = "x"\n', "attributes: "),
        ("oidc = 3\n", "oidc: "),
        ("saml = 3\n", "saml: is not known here"),
    ],
)
def test_every_mistake_is_named_with_its_file_and_key(folder: Path, text: str, expected: str) -> None:
    assert re.search(expected, refusal(folder, text))


def test_an_empty_secret_is_refused(folder: Path) -> None:
    (folder / "client.secret").write_text("\n")
    assert "client.secret is empty" in refusal(folder, OIDC)


def test_plain_text_is_allowed_where_it_is_asked_for(folder: Path) -> None:
    text = OIDC.replace("https", "http") + "allow_plain = true\n"
    assert read(folder, text + LDAP.replace("ldaps", "ldap") + "allow_plain = true\n").ldap[0].allow_plain


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"absent\.toml"):
        providers.read(tmp_path / "absent.toml")


def test_the_example_can_be_read_once_its_secrets_are_there(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    for name in ("keycloak.secret", "active-directory.secret", "openldap.secret"):
        (tmp_path / "secrets" / name).write_text("x")
    found = read(tmp_path, EXAMPLE.read_text(encoding="utf-8"))
    assert len(found.oidc) >= 1
    assert {provider.kind for provider in found.ldap} == {"active_directory", "openldap"}
