from __future__ import annotations

import sqlalchemy as sa

from brickyard.echo.administration import storage
from tests.unit.echo.retention.archive import add_people, add_recording, add_team


def test_the_largest_come_first_and_who_is_gone_is_an_id(engine: sa.Engine) -> None:
    add_people(engine)
    team = add_team(engine, None)
    ada = [add_recording(engine), add_recording(engine, team=team)]
    bob, gone = add_recording(engine), add_recording(engine)
    query = sa.text("UPDATE recordings SET owner = :owner, size_bytes = :size, duration_s = 1800 WHERE id = :id")
    with engine.begin() as connection:
        rows = [(ada[0], "ada", 10), (ada[1], "ada", 15), (bob, "bob", 99), (gone, "zed", 1)]
        connection.execute(query, [{"id": one, "owner": owner, "size": size} for one, owner, size in rows])
    found = storage.read(engine)
    assert [(one.name, one.recordings, one.bytes, one.audio_hours) for one in found.people] == [
        ("bob", 1, 99, 0.5),
        ("ada", 2, 25, 1.0),
        ("zed", 1, 1, 0.5),
    ]
    assert [(one.id, one.recordings, one.bytes) for one in found.teams] == [(str(team), 1, 15)]
