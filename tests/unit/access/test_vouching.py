from __future__ import annotations

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from brickyard.access import passwords
from brickyard.access.policy import Role
from brickyard.kit.errors import Unavailable
from tests.unit.access.front_desk import HERE, PASSWORD, Clock, Desk, Directory, hash_cheaply
from tests.unit.access.one_database import emptied


@pytest.fixture
def engine(shared_engine: sa.Engine) -> sa.Engine:
    return emptied(shared_engine)


@pytest.fixture
def staff() -> Directory:
    return Directory("staff")


@pytest.fixture
def guests() -> Directory:
    return Directory("guests")


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, engine: sa.Engine, staff: Directory, guests: Directory) -> Desk:
    hash_cheaply(monkeypatch)
    return Desk(engine, Clock(), [staff, guests])


def test_own_accounts_come_first(desk: Desk, staff: Directory) -> None:
    ada = desk.user("ada")
    staff.knows("ada", PASSWORD)
    vouched = desk.sign_in.vouching.by_password("ADA", PASSWORD, HERE)
    assert vouched is not None
    assert (vouched.user, vouched.provider) == (ada, "local")
    assert staff.asked == 0


def test_then_the_directories_in_their_order(desk: Desk, staff: Directory, guests: Directory) -> None:
    desk.user("ada")
    staff.knows("ada", "hers there")
    guests.knows("ada", "as a guest")
    vouched = [desk.sign_in.vouching.by_password("ada", word, HERE) for word in ("hers there", "as a guest")]
    assert [(one.provider, one.user.name) for one in vouched if one] == [("staff", "ada-2"), ("guests", "ada-3")]
    assert desk.sign_in.vouching.by_password("ada", "wrong", HERE) is None


def test_a_directory_that_is_away_keeps_out_only_its_own(desk: Desk, staff: Directory, guests: Directory) -> None:
    staff.is_away = True
    guests.knows("grace", "as a guest")
    assert desk.sign_in.vouching.by_password("grace", "as a guest", HERE) is not None
    with pytest.raises(Unavailable, match="staff does not answer"):
        desk.sign_in.vouching.by_password("heidi", "hers there", HERE)


def test_a_password_is_proven_to_be_of_that_very_user(desk: Desk, staff: Directory) -> None:
    ada = desk.user("ada")
    staff.knows("ada", "another ada's")
    vouching = desk.sign_in.vouching
    assert vouching.is_password_of(ada, PASSWORD)
    assert not vouching.is_password_of(ada, "another ada's")
    desk.sign_in.vouching.by_password("ada", "another ada's", HERE)
    assert not vouching.is_password_of(ada, "another ada's")
    grace = vouching.known(staff.knows("grace", "hers there"), HERE)
    assert vouching.is_password_of(grace, "hers there")
    assert not vouching.is_password_of(grace, "")


def test_what_a_provider_changes_is_recorded(desk: Desk, staff: Directory) -> None:
    vouching = desk.sign_in.vouching
    vouching.known(staff.knows("ada", "x", roles=frozenset({Role.ANALYST}), teams=frozenset({"Border"})), HERE)
    vouching.known(staff.knows("ada", "x", roles=frozenset({Role.ANALYST}), teams=frozenset({"Border"})), HERE)
    vouching.known(staff.knows("ada", "x", roles=frozenset({Role.AUDITOR}), teams=frozenset({"Harbour"})), HERE)
    added, changed = desk.told()
    assert added == (
        "ada",
        "user.add",
        "allowed",
        {"provider": "staff", "roles": {"from": [], "to": ["analyst"]}, "teams": {"from": [], "to": ["Border"]}},
    )
    assert changed[1] == "user.change"
    assert changed[3]["roles"] == {"from": ["analyst"], "to": ["auditor"]}
    assert changed[3]["teams"] == {"from": ["Border"], "to": ["Harbour"]}


def test_an_outdated_hash_is_made_anew_while_the_password_is_at_hand(desk: Desk) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(PASSWORD)
    desk.user("ada", password=weak)
    assert desk.sign_in.vouching.by_password("ada", "wrong", HERE) is None
    assert desk.people.credentials("ada").password == weak  # type: ignore[union-attr]
    desk.sign_in.vouching.by_password("ada", PASSWORD, HERE)
    renewed = desk.people.credentials("ada").password  # type: ignore[union-attr]
    assert renewed != weak
    assert passwords.matches(PASSWORD, renewed)
