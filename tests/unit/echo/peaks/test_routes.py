from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from brickyard.access.policy import Level, Role
from brickyard.echo.peaks.routes import router
from brickyard.files.recordings import RecordingFiles
from brickyard.media import pcm
from tests.unit.echo.door import as_, client_of

RECORDING = UUID(int=7)
READER = as_(Role.ANALYST, Level.VIEW)
PATH = f"/api/v1/recordings/{RECORDING}/peaks"


@pytest.fixture
def files(tmp_path: Path) -> RecordingFiles:
    return RecordingFiles(tmp_path, 10**7)


@pytest.fixture
def client(files: RecordingFiles) -> TestClient:
    """Ten seconds, of which each is louder than the one before."""
    audio = files.audio(RECORDING)
    audio.path.parent.mkdir()
    seconds = [(k * 2580).to_bytes(2, "little") * pcm.SAMPLE_RATE for k in range(10)]
    audio.write_bytes(pcm.header(1, 10 * pcm.SAMPLE_RATE) + b"".join(seconds))
    return client_of(router(files))


def test_the_whole_as_pairs_of_bytes(client: TestClient) -> None:
    answer = client.get(PATH, params={"per_s": 1}, headers=READER)
    assert list(answer.content)[1::2] == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert (answer.headers["x-per-s"], answer.headers["x-duration"]) == ("1", "10")
    assert len(client.get(PATH, headers=READER).content) == 10 * 5 * 2


def test_a_part(client: TestClient) -> None:
    answer = client.get(PATH, params={"per_s": 2, "start": 2.7, "end": 4.1}, headers=READER)
    assert answer.headers["x-start"] == "2.5"
    assert list(answer.content)[1::2] == [20, 30, 30, 40]
    assert client.get(PATH, params={"start": 11}, headers=READER).content == b""


@pytest.mark.parametrize("params", [{"per_s": 3}, {"start": 2, "end": 1}])
def test_what_can_not_be_drawn_is_refused(client: TestClient, params: dict[str, int]) -> None:
    assert client.get(PATH, params=params, headers=READER).status_code == 400


def test_before_the_sound_is_decoded(files: RecordingFiles) -> None:
    answer = client_of(router(files)).get(PATH, headers=READER)
    assert (answer.status_code, "not decoded yet" in answer.text) == (404, True)


def test_strangers_see_nothing(client: TestClient) -> None:
    assert client.get(PATH, headers=as_(Role.ANALYST)).status_code == 404
    assert client.get(PATH, headers=as_(Role.ADMINISTRATOR)).status_code == 403
