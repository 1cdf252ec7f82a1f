"""The line, and one's own jobs in it, through the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from brickyard.access.actor import Actor
from brickyard.access.policy import Role
from brickyard.echo.app import _translate_errors
from brickyard.echo.queue.routes import router
from brickyard.echo.queue.service import Queue
from brickyard.jobs.context import StepContext
from brickyard.jobs.job import NewJob
from brickyard.jobs.pipeline import Pipeline, Step
from brickyard.jobs.queues import Queues
from brickyard.jobs.states import Priority
from brickyard.jobs.workers import Workers
from brickyard.kit.errors import Unavailable
from tests.unit.echo.retention.archive import add_job, add_people, add_recording
from tests.unit.echo.welcoming import ACTOR, Welcoming

ADA = replace(ACTOR, id="ada", roles=frozenset({Role.ANALYST}))
FREE: dict[str, Any] = {"leases": [], "waiting": []}


async def nothing(_: StepContext) -> None: ...


PIPELINE = Pipeline("toy", (Step("only", nothing),))


def asking(engine: sa.Engine, actor: Actor = ADA, card: Callable[[], Any] = lambda: FREE) -> TestClient:
    app = FastAPI()
    app.state.guard = Welcoming(actor)
    _translate_errors(app)
    app.include_router(router(Queue(engine, {"toy": PIPELINE}, cap=1, card=card)))
    return TestClient(app)


def submitted(engine: sa.Engine, owner: str = "ada", priority: Priority = Priority.STANDARD) -> str:
    return str(Queue(engine, {}, 1).jobs.submit(NewJob("toy", owner, work_s=100.0, priority=priority)))


def set_state(engine: sa.Engine, job: str, state: str) -> None:
    with engine.begin() as connection:
        query = sa.text("UPDATE jobs SET state = :state, admitted_at = now() WHERE id = :id")
        connection.execute(query, {"id": UUID(job), "state": state})


def waits_for(client: TestClient, job: str) -> dict[str, Any] | None:
    found = client.get(f"/jobs/{job}").json()["waits_for"]
    return found and {name: value for name, value in found.items() if value is not None}


def test_a_job_says_why_it_waits(engine: sa.Engine) -> None:
    client, queues = asking(engine), Queues(engine)
    first, second = submitted(engine), submitted(engine)
    assert waits_for(client, second) == {"code": "no_worker"}
    Workers(engine).register(slots=1)
    assert waits_for(client, first) == {"code": "behind", "ahead": 0}
    assert waits_for(client, second) == {"code": "behind", "ahead": 1}
    queues.set_paused("default", True)
    assert waits_for(client, second) == {"code": "queue_paused"}
    queues.set_paused("default", False)
    set_state(engine, first, "running")
    assert waits_for(client, first) is None
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO limits VALUES ('running_jobs_per_person', 1, now(), 'root')"))
    assert waits_for(client, second) == {"code": "limit_of_yours", "limit": 1}
    assert client.post(f"/jobs/{second}/pause").json()["waits_for"]["code"] == "paused"
    with engine.begin() as connection:
        query = (
            "UPDATE jobs SET state = 'waiting', error_code = 'x', run_after = now() + interval '1 min' WHERE id = :id"
        )
        connection.execute(sa.text(query), {"id": UUID(second)})
    again = waits_for(client, second)
    assert again is not None
    assert again["code"] == "retry_at"
    assert 0 < again["in_s"] <= 60


def test_the_line_tells_how_long_a_new_job_waits(engine: sa.Engine) -> None:
    client = asking(engine)
    calm = client.get("/queue").json()
    assert (calm["busy"], calm["reason"]["code"], calm["workers"]) == (True, "no_worker", 0)
    assert [one["expected_wait_s"] for one in calm["classes"]] == [None] * 3

    Workers(engine).register(slots=1)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO rates VALUES ('only', 'host', 10.0, 1, 0.0)"))
    submitted(engine), submitted(engine, priority=Priority.BATCH)
    set_state(engine, submitted(engine), "running")
    told = asking(engine).get("/queue").json()
    assert (told["waiting"], told["running"], told["places"]) == (2, 1, 1)
    assert told["reason"] == {"code": "jobs", "waiting": 2, "bytes": None, "until": None}
    waits = {one["class"]: one["expected_wait_s"] for one in told["classes"]}
    assert waits == {"interactive": 0.0, "standard": 10.0, "batch": 20.0}


def test_a_line_with_a_job_of_unknown_length_promises_nothing_behind_it(engine: sa.Engine) -> None:
    Workers(engine).register(slots=1)
    submitted(engine)
    waits = {one["class"]: one["expected_wait_s"] for one in asking(engine).get("/queue").json()["classes"]}
    assert (waits["interactive"], waits["batch"]) == (0.0, None)


def test_without_a_broker_the_line_is_told_all_the_same(engine: sa.Engine) -> None:
    Workers(engine).register(slots=1)

    def away() -> Any:
        raise Unavailable("The broker does not answer.")

    assert asking(engine, card=away).get("/queue").json()["busy"] is False


def test_one_orders_ones_own_jobs_and_nobody_elses(engine: sa.Engine) -> None:
    Workers(engine).register(slots=1)
    first, others, second = submitted(engine), submitted(engine, "ben"), submitted(engine)
    client = asking(engine)
    was = client.get(f"/jobs/{others}").json()["position"]
    moved = client.put(f"/jobs/{second}/place", json={"before": first})
    assert moved.status_code == 200
    assert moved.json()["position"] < client.get(f"/jobs/{first}").json()["position"]
    assert client.get(f"/jobs/{others}").json()["position"] == was
    assert client.put(f"/jobs/{others}/place", json={"before": None}).status_code == 403
    refused = client.put(f"/jobs/{second}/place", json={"before": others})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    administrator = asking(engine, replace(ADA, id="root", roles=frozenset({Role.ADMINISTRATOR})))
    assert administrator.put(f"/jobs/{second}/place", json={"before": None}).status_code == 200
    set_state(engine, second, "running")
    late = client.put(f"/jobs/{second}/place", json={"before": first})
    assert (late.status_code, "only a job that is waiting can" in late.text) == (409, True)


@pytest.mark.parametrize("body", [{}, {"before": "first"}])
def test_a_place_has_to_be_said(engine: sa.Engine, body: dict[str, str]) -> None:
    assert asking(engine).put(f"/jobs/{uuid4()}/place", json=body).status_code == 400


def test_everybodys_jobs_say_whose_they_are_and_of_what(engine: sa.Engine) -> None:
    add_people(engine)
    recording = add_recording(engine)
    add_job(engine, recording)
    submitted(engine, "zed")
    administrator = Actor("root", "root", frozenset({Role.ADMINISTRATOR}), "session", "")
    told = asking(engine, administrator).get("/admin/jobs").json()
    assert [(one["owner"], one["owner_name"], one["recording_name"]) for one in told] == [
        ("zed", "zed", None),
        ("ada", "ada", "a.wav"),
    ]
