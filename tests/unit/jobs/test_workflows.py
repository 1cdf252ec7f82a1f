from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa

from brickyard.jobs import workflows

KEEP = (
    "INSERT INTO dbos.operation_outputs (workflow_uuid, function_id, function_name, output) VALUES (:job, 1, 'f', 'x')"
)
ALL = "SELECT workflow_uuid FROM dbos.operation_outputs"


def test_only_what_is_named_is_forgotten(engine: sa.Engine) -> None:
    gone, stays = uuid4(), uuid4()
    with engine.begin() as connection:
        for job in (gone, stays):
            connection.execute(sa.text(KEEP), {"job": str(job)})
        workflows.forget(connection, [gone])
        assert connection.execute(sa.text(ALL)).scalars().all() == [str(stays)]


def test_all_tables_that_name_a_workflow_are_known(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        known = set(workflows.tables(connection))
    assert {"dbos.workflow_status", "dbos.workflow_input", "dbos.workflow_output", "dbos.operation_outputs"} <= known


def test_before_the_first_worker_there_is_nothing_to_forget(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA dbos CASCADE"))
        assert workflows.tables(connection) == []
        workflows.forget(connection, [uuid4()])
