from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from brickyard.bricks.compute import CallerGone, Compute
from brickyard.bricks.contract import Health
from brickyard.bricks.server import application
from brickyard.kit.errors import BadInput, BrickyardError, OutOfMemory, TooLarge, Unsupported
from tests.unit.bricks.scene import offer


def tiny(error: Exception | None = None) -> FastAPI:
    app = application(Compute("toy"), lambda: Health(brick="toy", engine="none"))

    @app.get("/work")
    def work() -> None:
        if error:
            raise error

    return app


@pytest.mark.parametrize("error", [BadInput("wrong"), TooLarge("too long"), OutOfMemory("full"), BrickyardError("?")])
def test_errors_of_ours_are_told_by_status_and_code(error: BrickyardError) -> None:
    with TestClient(tiny(error)) as client:
        answer = client.get("/work")
    assert answer.status_code == error.status
    assert answer.json() == {"code": error.code, "message": error.message}


def test_a_caller_that_has_gone_is_answered_all_the_same() -> None:
    with TestClient(tiny(CallerGone())) as client:
        answer = client.get("/work")
    assert (answer.status_code, answer.json()["code"]) == (499, "gone")


def test_a_brick_answers_though_its_model_cannot_be_loaded() -> None:
    def load() -> None:
        raise Unsupported("there is no such device")

    app = application(Compute("toy"), lambda: Health(brick="toy", engine="none"), [offer(load=load)])
    with TestClient(app) as client:
        answer = client.get("/health").json()
    assert (answer["brick"], answer["engine"], answer["loaded"]) == ("toy", "none", [])
