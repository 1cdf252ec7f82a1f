from __future__ import annotations

from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from brickyard.access import sharing
from brickyard.access.policy import Level
from brickyard.jobs.job import NewJob
from brickyard.jobs.store import submit
from brickyard.kit.errors import BadInput, NotFound

RECORDING = """
    INSERT INTO recordings (id, owner, name, sha256, size_bytes, container, duration_s, has_video)
    VALUES (:id, 'ada', 'a.wav', '', 1, 'wav', 1, false)"""


@pytest.fixture
def recording(engine: sa.Engine) -> UUID:
    """Of Ada; Bob and Eve are there too, and Bob is in the team 'press'."""
    identity = uuid4()
    with engine.begin() as connection:
        for name in ("ada", "bob", "eve"):
            connection.execute(sa.text("INSERT INTO users (id, name) VALUES (:name, :name)"), {"name": name})
        connection.execute(sa.text(RECORDING), {"id": identity})
    return identity


@pytest.fixture
def press(engine: sa.Engine, recording: UUID) -> UUID:
    team = uuid4()
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO teams (id, name) VALUES (:team, 'Press')"), {"team": team})
        connection.execute(sa.text("INSERT INTO members (team, user_id) VALUES (:team, 'bob')"), {"team": team})
    return team


def level(engine: sa.Engine, recording: UUID, user: str) -> Level:
    with engine.connect() as connection:
        return sharing.level_of(connection, recording, user)


def test_the_owner_has_all_and_others_nothing(engine: sa.Engine, recording: UUID) -> None:
    assert [level(engine, recording, user) for user in ("ada", "bob", "nobody")] == [Level.OWN, Level.NONE, Level.NONE]
    assert level(engine, uuid4(), "ada") is Level.NONE


def test_a_share_lets_one_user_in_and_can_be_changed_and_taken_back(engine: sa.Engine, recording: UUID) -> None:
    sharing.share(engine, recording, "ada", Level.VIEW, user="bob", team=None)
    assert level(engine, recording, "bob") is Level.VIEW
    sharing.share(engine, recording, "ada", Level.EDIT, user="bob", team=None)
    assert level(engine, recording, "bob") is Level.EDIT
    assert [(one.user, one.name, one.level) for one in sharing.shares_of(engine, recording)] == [
        ("bob", "bob", Level.EDIT)
    ]
    assert level(engine, recording, "eve") is Level.NONE
    sharing.unshare(engine, recording, user="bob")
    assert level(engine, recording, "bob") is Level.NONE


def test_the_farthest_of_several_ways_counts(engine: sa.Engine, recording: UUID, press: UUID) -> None:
    sharing.share(engine, recording, "ada", Level.VIEW, user="bob", team=None)
    sharing.share(engine, recording, "ada", Level.COMMENT, user=None, team=press)
    assert level(engine, recording, "bob") is Level.COMMENT
    sharing.unshare(engine, recording, team=press)
    assert level(engine, recording, "bob") is Level.VIEW


def test_members_of_its_team_edit(engine: sa.Engine, recording: UUID, press: UUID) -> None:
    sharing.give_to_team(engine, recording, press, "bob")
    assert (level(engine, recording, "bob"), level(engine, recording, "eve")) == (Level.EDIT, Level.NONE)
    sharing.give_to_team(engine, recording, None, "ada")
    assert level(engine, recording, "bob") is Level.NONE


def test_one_gives_only_to_teams_of_ones_own(engine: sa.Engine, recording: UUID, press: UUID) -> None:
    with pytest.raises(NotFound, match="member"):
        sharing.give_to_team(engine, recording, press, "ada")


def test_nothing_is_shared_with_who_is_not_there(engine: sa.Engine, recording: UUID) -> None:
    with pytest.raises(NotFound, match="user ghost"):
        sharing.share(engine, recording, "ada", Level.VIEW, user="ghost", team=None)
    with pytest.raises(BadInput, match="exactly one"):
        sharing.share(engine, recording, "ada", Level.VIEW, user=None, team=None)
    assert sharing.shares_of(engine, recording) == []


def test_a_job_is_as_near_as_its_recording(engine: sa.Engine, recording: UUID) -> None:
    sharing.share(engine, recording, "ada", Level.VIEW, user="bob", team=None)
    with engine.begin() as connection:
        about = submit(connection, NewJob("transcribe", "ada", {"recording": str(recording)}))
        alone = submit(connection, NewJob("other", "ada"))
    with engine.connect() as connection:
        seen = {
            (job, user): sharing.level_of_job(connection, job, user)
            for job in (about, alone)
            for user in ("ada", "bob")
        }
        assert sharing.level_of_job(connection, uuid4(), "ada") is Level.NONE
    assert seen == {
        (about, "ada"): Level.OWN,
        (about, "bob"): Level.VIEW,
        (alone, "ada"): Level.OWN,
        (alone, "bob"): Level.NONE,
    }
