"""Signing in with a real OpenLDAP."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from brickyard.access.groups import Person
from brickyard.access.ldap import LdapDirectory
from brickyard.access.policy import Role
from brickyard.access.providers import LdapSettings
from brickyard.kit.errors import Forbidden, Unavailable
from tests.integration.access import directory
from tests.integration.access.certificates import certified
from tests.integration.access.directory import ALICE_GUID, ALICE_PASSWORD, BASE, SERVICE, SERVICE_PASSWORD, Directory


@pytest.fixture
def server(ldap_server: Directory) -> Directory:
    return ldap_server


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "bind.secret"
    file.write_text(SERVICE_PASSWORD + "\n", encoding="utf-8")
    return file


def settings(server: Directory, secret: Path, **more: Any) -> LdapSettings:
    given = {
        "name": "staff",
        "label": "Staff directory",
        "kind": "openldap",
        "url": server.tls_url,
        "ca_file": str(server.files.authority),
        "bind_dn": SERVICE,
        "bind_password_file": str(secret),
        "base_dn": f"ou=people,{BASE}",
        "group_base_dn": f"ou=groups,{BASE}",
    }
    return LdapSettings.model_validate({**given, **more})


@pytest.fixture
def staff(server: Directory, secret: Path) -> LdapDirectory:
    return LdapDirectory(settings(server, secret))


def test_a_right_password_tells_who_it_is(staff: LdapDirectory) -> None:
    person = staff.check("alice", ALICE_PASSWORD)
    assert person is not None
    assert (person.provider, person.name, person.display_name) == ("staff", "alice", "Alicé Doe")
    assert person.email == "alice@example.org"
    assert person.groups == {"Archive Staff", "Board"}
    assert (person.roles, person.teams) == (None, None)


def test_the_subject_is_what_never_changes_however_the_name_is_typed(staff: LdapDirectory) -> None:
    people = [staff.check(typed, ALICE_PASSWORD) for typed in ("alice", "ALICE", "Alice")]
    subjects = {person.subject for person in people if person is not None}
    assert len(subjects) == 1
    assert len(subjects.pop()) == len("00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize(
    "password", ["wrong", "correct horse fine", ALICE_PASSWORD + " ", "", "\0", "\ud800", "x" * 9999]
)
def test_a_wrong_password_lets_nobody_in(staff: LdapDirectory, password: str) -> None:
    assert staff.check("alice", password) is None


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "",
        "*",
        "a*",
        "alice)(uid=*",
        "a)(uid=*",
        "*)(objectClass=*",
        "alice)(|(uid=*",
        "\\2a",
        "alice\0",
        "alice))(&(uid=bob",
        f"uid=alice,ou=people,{BASE}",
        "\ud800",
        "{dn}",
    ],
)
def test_no_name_is_read_as_a_part_of_the_filter(staff: LdapDirectory, name: str) -> None:
    assert staff.check(name, ALICE_PASSWORD) is None


def test_a_name_with_signs_of_filters_is_a_name_like_any_other(staff: LdapDirectory) -> None:
    person = staff.check("Bob (2)", "two")
    assert person is not None
    assert person.name == "Bob (2)"


def test_a_name_that_two_have_is_nobodys(server: Directory, secret: Path) -> None:
    assert LdapDirectory(settings(server, secret, base_dn=f"ou=people,{BASE}")).check("twin", "twin") is not None
    assert LdapDirectory(settings(server, secret, base_dn=BASE)).check("twin", "twin") is None


def test_groups_give_roles_and_teams(server: Directory, secret: Path) -> None:
    rules = [
        {"group": "archive staff", "roles": ["analyst"], "teams": ["Archive"]},
        {"group": "Board", "roles": ["auditor"]},
        {"group": "Others", "roles": ["administrator"], "teams": ["Others"]},
    ]
    mapped = LdapDirectory(settings(server, secret, map=rules))
    assert _given(mapped.check("alice", ALICE_PASSWORD)) == ({Role.ANALYST, Role.AUDITOR}, {"Archive"})
    assert _given(mapped.check("bob", "bob's password")) == ({Role.AUDITOR, Role.ADMINISTRATOR}, {"Others"})


def test_groups_can_be_told_apart_by_their_whole_name(server: Directory, secret: Path) -> None:
    rules = [{"group": f"cn=Board,ou=groups,{BASE}", "roles": ["auditor"]}]
    mapped = LdapDirectory(settings(server, secret, map=rules, attributes={"group": "dn"}))
    assert _given(mapped.check("alice", ALICE_PASSWORD)) == ({Role.AUDITOR}, None)


def test_who_is_in_no_required_group_is_told_so_after_the_password_was_right(server: Directory, secret: Path) -> None:
    mapped = LdapDirectory(settings(server, secret, required_groups=["Archive Staff"]))
    assert mapped.check("alice", ALICE_PASSWORD) is not None
    assert mapped.check("bob", "wrong") is None
    with pytest.raises(Forbidden, match="Staff directory knows you as bob"):
        mapped.check("bob", "bob's password")


def test_starttls_protects_a_plain_port(server: Directory, secret: Path) -> None:
    assert LdapDirectory(settings(server, secret, url=server.url, start_tls=True)).check("alice", ALICE_PASSWORD)


@pytest.mark.parametrize("with_start_tls", [True, False])
def test_a_certificate_of_another_authority_is_refused(
    server: Directory, secret: Path, tmp_path: Path, with_start_tls: bool
) -> None:
    other = certified(tmp_path / "other")
    url = server.url if with_start_tls else server.tls_url
    distrusting = settings(server, secret, url=url, start_tls=with_start_tls, ca_file=str(other.authority))
    with pytest.raises(Unavailable, match=r"(?i)certificate verify failed"):
        LdapDirectory(distrusting).check("alice", ALICE_PASSWORD)


@pytest.mark.parametrize("with_start_tls", [True, False])
def test_a_certificate_for_another_host_is_refused(server: Directory, secret: Path, with_start_tls: bool) -> None:
    url = (server.url if with_start_tls else server.tls_url).replace("127.0.0.1", "localhost")
    with pytest.raises(Unavailable, match=r"(?i)certificate"):
        LdapDirectory(settings(server, secret, url=url, start_tls=with_start_tls)).check("alice", ALICE_PASSWORD)


def test_a_wrong_service_password_is_the_operators_fault_and_not_that_of_who_signs_in(
    server: Directory, secret: Path
) -> None:
    secret.write_text("old")
    with pytest.raises(Unavailable, match="check bind_dn and bind_password_file"):
        LdapDirectory(settings(server, secret)).check("alice", ALICE_PASSWORD)


def test_a_missing_attribute_is_named(server: Directory, secret: Path) -> None:
    broken = LdapDirectory(settings(server, secret, attributes={"subject": "employeeNumber"}))
    with pytest.raises(Unavailable, match="shows no attribute 'employeeNumber'"):
        broken.check("alice", ALICE_PASSWORD)


def test_a_base_that_is_not_there_is_told(server: Directory, secret: Path) -> None:
    with pytest.raises(Unavailable, match="noSuchObject"):
        LdapDirectory(settings(server, secret, base_dn="dc=elsewhere")).check("alice", ALICE_PASSWORD)


@pytest.mark.parametrize("typed", ["asmith", "ASMITH", "asmith@example.org"])
def test_active_directory_s_names_and_ids_are_understood(server: Directory, secret: Path, typed: str) -> None:
    person = LdapDirectory(active_directory(server, secret)).check(typed, "asmith")
    assert person is not None
    assert (person.subject, person.name, person.groups) == (str(ALICE_GUID), "asmith", {"Analysts"})


def test_a_disabled_account_of_active_directory_is_nobodys(server: Directory, secret: Path) -> None:
    given = active_directory(server, secret)
    assert LdapDirectory(given).check("gone", "gone") is None
    loose = given.model_copy(update={"user_filter": "(sAMAccountName={name})"})
    assert LdapDirectory(loose).check("gone", "gone") is not None


def active_directory(server: Directory, secret: Path) -> LdapSettings:
    """OpenLDAP does not know the rule for groups in groups; all else is as the preset has it."""
    bases = {"base_dn": f"ou=users,ou=ad,{BASE}", "group_base_dn": f"ou=groups,ou=ad,{BASE}"}
    groups = "(&(objectClass=group)(member={dn}))"
    return settings(server, secret, kind="active_directory", group_filter=groups, **bases)


def test_a_directory_that_is_stopped_is_unavailable(tmp_path: Path, secret: Path) -> None:
    with directory.running(tmp_path / "own") as server:
        staff = LdapDirectory(settings(server, secret))
        assert staff.check("alice", ALICE_PASSWORD) is not None
    with pytest.raises(Unavailable, match="Nobody can sign in with Staff directory now"):
        staff.check("alice", ALICE_PASSWORD)


def test_a_directory_that_never_answers_is_unavailable(
    server: Directory, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brickyard.access.ldap.ANSWER_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for url in (f"ldaps://127.0.0.1:{port}", f"ldap://127.0.0.1:{port}"):
            waiting = settings(server, secret, url=url, start_tls=url.startswith("ldap:"))
            with pytest.raises(Unavailable, match="Nobody can sign in"):
                LdapDirectory(waiting).check("alice", ALICE_PASSWORD)


def _given(person: Person | None) -> tuple[frozenset[Role] | None, frozenset[str] | None]:
    assert person is not None
    return person.roles, person.teams
