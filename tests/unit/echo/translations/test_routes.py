from __future__ import annotations

from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from brickyard.access.actor import OPERATOR
from brickyard.echo import derived
from brickyard.echo.recordings import store as recordings
from brickyard.echo.translations.routes import router
from brickyard.echo.translations.schemas import Translation
from brickyard.kit.errors import BrickyardError
from brickyard.text.spoken import Segment
from tests.unit.echo import welcoming

RECORDING = UUID(int=7)


@pytest.fixture
def client(engine: sa.Engine) -> TestClient:
    recording = {"id": RECORDING, "owner": OPERATOR, "name": "talk", "sha256": "", "size_bytes": 1}
    with engine.begin() as connection:
        recordings.insert(connection, recording | {"container": "wav", "duration_s": 60.0, "has_video": False})
    for language in ("fr", "es"):
        document = Translation(
            recording=RECORDING,
            job=UUID(int=1),
            language=language,
            source_language="en",
            draft=language == "es",
            engines=["capitals"],
            route=["en", language],
            segments=[Segment(start=1.0, end=2.5, speaker="Ann", text="Oui.")],
            doubts=[0],
        )
        derived.put(engine, RECORDING, "translation", language, UUID(int=1), document)
    app = FastAPI()
    app.state.guard = welcoming.guard()
    app.include_router(router(engine))

    @app.exception_handler(BrickyardError)
    def told(_: Request, error: BrickyardError) -> JSONResponse:
        return JSONResponse({"code": error.code, "message": error.message}, status_code=error.status)

    return TestClient(app)


def test_which_there_are(client: TestClient) -> None:
    assert client.get(f"/recordings/{RECORDING}/translations").json() == [
        {"language": "es", "draft": True, "source_language": "en"},
        {"language": "fr", "draft": False, "source_language": "en"},
    ]
    assert client.get(f"/recordings/{uuid4()}/translations").json() == []


def test_one_of_them(client: TestClient) -> None:
    found = client.get(f"/recordings/{RECORDING}/translations/fr").json()
    assert (found["segments"][0]["text"], found["segments"][0]["start"], found["doubts"]) == ("Oui.", 1.0, [0])


@pytest.mark.parametrize(
    ("form", "media_type", "part"),
    [
        ("srt", "application/x-subrip", "00:00:01,000 --> 00:00:02,500\nAnn: Oui."),
        ("vtt", "text/vtt", "00:00:01.000 --> 00:00:02.500\n<v Ann>Oui.</v>"),
        ("txt", "text/plain", "[00:01] Ann: Oui."),
    ],
)
def test_as_text(client: TestClient, form: str, media_type: str, part: str) -> None:
    answer = client.get(f"/recordings/{RECORDING}/translations/fr.{form}")
    assert part in answer.text
    assert answer.headers["content-type"].startswith(media_type)


def test_what_is_not_there(client: TestClient) -> None:
    answer = client.get(f"/recordings/{RECORDING}/translations/de")
    assert (answer.status_code, "translation 'de'" in answer.json()["message"]) == (404, True)
    assert client.get(f"/recordings/{uuid4()}/translations/fr.srt").status_code == 404
