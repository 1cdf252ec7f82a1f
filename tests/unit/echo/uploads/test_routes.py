from __future__ import annotations

import errno
import hashlib
import os
from base64 import b64encode
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from brickyard.echo.uploads import service
from brickyard.echo.uploads.parts import Writer
from brickyard.echo.uploads.service import KEPT_FOR, Uploads
from brickyard.files.recordings import RecordingFiles
from brickyard.kit.clock import utc_now
from brickyard.kit.errors import Unavailable
from tests.unit.echo.sounds import left
from tests.unit.echo.uploads.standing import ADA, BEN, BODY, MOST_BYTES, PLACE, VERSION, app, said, sound, uploads
from tests.unit.echo.welcoming import Welcoming

SOUND = sound()


class Standing:
    """A running app on a folder, that can be stopped and started anew."""

    def __init__(self, engine: sa.Engine, folder: Path, **others: Any) -> None:
        self.engine, self.folder = engine, folder
        self.door = Welcoming(ADA)
        self.start(**others)

    def start(self, **others: Any) -> None:
        self.uploads: Uploads = uploads(self.engine, self.folder, **others)
        self.client = TestClient(app(self.uploads, self.door), raise_server_exceptions=False)

    def begin(self, length: int = len(SOUND), metadata: str = "", **headers: str) -> str:
        answer = self.post(length, metadata or said(filename="talk.wav"), **headers)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"])

    def post(self, length: int, metadata: str, **headers: str) -> Any:
        sent = {**VERSION, "Upload-Length": str(length), "Upload-Metadata": metadata, **headers}
        return self.client.post(PLACE, headers=sent)

    def patch(self, place: str, offset: int, content: bytes, **headers: str) -> Any:
        return self.client.patch(place, content=content, headers={**BODY, "Upload-Offset": str(offset), **headers})

    def offset(self, place: str) -> int:
        return int(self.client.head(place, headers=VERSION).headers["upload-offset"])

    def source(self, recording: str) -> bytes:
        return self.uploads._recordings.files.source(UUID(recording)).read_bytes()

    def sweep(self, now: datetime) -> int:
        return service.sweep(self.engine, self.folder / "uploads", now)

    def one(self, query: str) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(sa.text(query)).one()


@pytest.fixture
def standing(engine: sa.Engine, tmp_path: Path) -> Standing:
    return Standing(engine, tmp_path)


def error_of(answer: Any) -> tuple[int, str]:
    assert answer.headers["tus-resumable"] == "1.0.0"
    return answer.status_code, answer.json()["error"]["code"]


def test_a_file_in_pieces_becomes_a_recording(standing: Standing) -> None:
    place = standing.begin(metadata=said(filename="C:\\talk.wav", language="en", filetype="audio/wav"))
    answer = standing.patch(place, 0, SOUND[:40_000])
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "40000")
    assert answer.headers["upload-expires"].endswith(" GMT")
    shown = standing.client.get(place).json()
    assert (shown["state"], shown["offset"], shown["length"], shown["name"]) == (
        "arriving",
        40_000,
        len(SOUND),
        "talk.wav",
    )
    head = standing.client.head(place, headers=VERSION)
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("40000", str(len(SOUND)))
    assert head.headers["upload-metadata"].startswith("filename ")
    assert head.headers["cache-control"] == "no-store"
    answer = standing.patch(place, 40_000, SOUND[40_000:])
    recording, job = answer.headers["brickyard-recording"], answer.headers["brickyard-job"]
    assert standing.source(recording) == SOUND
    shown = standing.client.get(place).json()
    assert (shown["state"], shown["recording"], shown["job"]) == ("done", recording, job)
    assert standing.client.get(PLACE).json() == [shown]
    row = standing.one("SELECT sha256, name, params ->> 'language' AS language FROM recordings, jobs")
    assert tuple(row) == (hashlib.sha256(SOUND).hexdigest(), "talk.wav", "en")
    assert standing.one("SELECT wrapped_key, fields FROM uploads") == (None, {})
    assert left(standing.folder) == [f"recordings/{recording}/source"]
    assert standing.offset(place) == len(SOUND)


def test_the_bytes_may_come_with_the_beginning(standing: Standing) -> None:
    sent = {**BODY, "Upload-Length": str(len(SOUND)), "Upload-Metadata": said(filename="a.wav")}
    answer = standing.client.post(PLACE, headers=sent, content=SOUND)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, str(len(SOUND)))
    assert standing.source(answer.headers["brickyard-recording"]) == SOUND


def test_what_is_not_sealed_is_resumed_too(standing: Standing) -> None:
    standing.start(encrypt=False)
    place = standing.begin()
    standing.patch(place, 0, SOUND[:1000])
    standing.start(encrypt=False)
    answer = standing.patch(place, 1000, SOUND[1000:])
    assert standing.source(answer.headers["brickyard-recording"]) == SOUND


def test_nothing_lies_plain_while_it_arrives(standing: Standing) -> None:
    place = standing.begin()
    standing.patch(place, 0, SOUND[:60_000])
    [name] = left(standing.folder)
    content = (standing.folder / name).read_bytes()
    assert len(content) > 60_000
    assert SOUND[:64] not in content
    assert len(standing.one("SELECT wrapped_key FROM uploads")[0]) > 32


def test_the_server_says_what_it_speaks(standing: Standing) -> None:
    answer = standing.client.options(PLACE)
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-max-size"] == str(MOST_BYTES)
    assert "creation-with-upload" in answer.headers["tus-extension"]
    assert answer.headers["tus-checksum-algorithm"] == "sha256,sha1"


REFUSED: list[tuple[dict[str, str], tuple[int, str], str]] = [
    ({"Tus-Resumable": "0.2.2"}, (412, "tus_version"), "1.0.0"),
    ({"Upload-Length": str(MOST_BYTES + 1)}, (413, "too_large"), "400,000,000"),
    ({"Upload-Length": "0"}, (400, "bad_input"), "empty"),
    ({"Upload-Metadata": said(language="fr")}, (422, "unsupported"), "not fr"),
    ({"Upload-Metadata": said(speakers="99")}, (400, "bad_input"), "speakers"),
    ({"Upload-Metadata": said(colour="red")}, (400, "bad_input"), "colour"),
    ({"Upload-Metadata": said(team=str(uuid4()))}, (404, "not_found"), "member"),
    ({"Upload-Metadata": "filename %%%"}, (400, "bad_input"), "base64"),
    ({"Upload-Metadata": "a YQ==,a YQ=="}, (400, "bad_input"), "twice"),
]


@pytest.mark.parametrize(("headers", "told", "words"), REFUSED)
def test_what_can_not_be_is_told_before_anything_arrives(
    standing: Standing, headers: dict[str, str], told: tuple[int, str], words: str
) -> None:
    answer = standing.post(1000, "", **headers)
    assert error_of(answer) == told
    assert words in answer.json()["error"]["message"]
    assert left(standing.folder) == []
    assert standing.client.get(PLACE).json() == []


def test_a_length_has_to_be_said(standing: Standing) -> None:
    answer = standing.client.post(PLACE, headers={**VERSION, "Upload-Defer-Length": "1"})
    assert error_of(answer) == (400, "bad_input")


def test_bytes_go_where_the_last_ones_ended(standing: Standing) -> None:
    place = standing.begin()
    standing.patch(place, 0, SOUND[:100])
    assert error_of(standing.patch(place, 99, b"x")) == (409, "offset")
    assert error_of(standing.patch(place, 101, b"x")) == (409, "offset")
    assert error_of(standing.patch(place, 100, SOUND)) == (413, "too_large")
    assert error_of(standing.patch(place, 100, b"x", **{"Content-Type": "text/plain"})) == (415, "content_type")
    assert error_of(standing.client.patch(place, content=b"x", headers=BODY)) == (400, "bad_input")
    assert standing.offset(place) == 100


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_bytes_with_a_wrong_checksum_are_not_kept(standing: Standing, algorithm: str) -> None:
    def sum_of(content: bytes) -> dict[str, str]:
        digest = hashlib.new(algorithm, content).digest()
        return {"Upload-Checksum": f"{algorithm} {b64encode(digest).decode()}"}

    place = standing.begin()
    standing.patch(place, 0, SOUND[:100], **sum_of(SOUND[:100]))
    assert error_of(standing.patch(place, 100, b"x" * 70_000 + SOUND[:99], **sum_of(b"y"))) == (413, "too_large")
    assert error_of(standing.patch(place, 100, b"x" * 50_000, **sum_of(b"y"))) == (460, "checksum")
    assert standing.offset(place) == 100
    assert error_of(standing.patch(place, 100, b"x", **{"Upload-Checksum": "md5 YQ=="})) == (400, "bad_input")
    answer = standing.patch(place, 100, SOUND[100:], **sum_of(SOUND[100:]))
    assert standing.source(answer.headers["brickyard-recording"]) == SOUND


def test_uploads_of_others_are_not_there(standing: Standing) -> None:
    place = standing.begin()
    standing.door.actor = BEN
    assert standing.client.get(PLACE).json() == []
    assert error_of(standing.client.get(place)) == (404, "not_found")
    assert error_of(standing.patch(place, 0, b"x")) == (404, "not_found")
    assert error_of(standing.client.delete(place, headers=VERSION)) == (404, "not_found")
    assert standing.client.head(place, headers=VERSION).status_code == 404


def test_what_is_given_up_is_gone(standing: Standing) -> None:
    place = standing.begin()
    standing.patch(place, 0, SOUND[:100])
    assert standing.client.delete(place, headers=VERSION).status_code == 204
    assert left(standing.folder) == []
    assert error_of(standing.client.get(place)) == (404, "not_found")


def test_a_client_without_patch_says_what_it_means(standing: Standing) -> None:
    place = standing.begin()
    sent = {**BODY, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert standing.client.post(place, content=b"abc", headers=sent).headers["upload-offset"] == "3"
    assert error_of(standing.client.post(place, headers=VERSION)) == (400, "bad_input")
    assert standing.client.post(place, headers={**VERSION, "X-HTTP-Method-Override": "DELETE"}).status_code == 204


def test_what_is_no_recording_is_refused_and_goes(standing: Standing) -> None:
    place = standing.begin(5000)
    answer = standing.patch(place, 0, b"Dear diary, " + bytes(4988))
    assert error_of(answer) == (422, "bad_media")
    shown = standing.client.get(place).json()
    assert (shown["state"], shown["error"]["code"]) == ("refused", "bad_media")
    assert shown["error"]["message"] == answer.json()["error"]["message"]
    assert left(standing.folder) == []
    assert error_of(standing.patch(place, 5000, b"")) == (409, "conflict")


def test_a_full_disk_is_told_and_the_upload_goes_on(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    place = standing.begin()
    standing.patch(place, 0, SOUND[:100])
    write = Writer.write

    def full(self: Writer, piece: bytes) -> None:
        write(self, piece)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Writer, "write", full)
    assert error_of(standing.patch(place, 100, SOUND[100:])) == (507, "disk_full")
    monkeypatch.undo()
    assert standing.offset(place) == 100
    answer = standing.patch(place, 100, SOUND[100:])
    assert standing.source(answer.headers["brickyard-recording"]) == SOUND
    assert standing.one("SELECT sha256 FROM recordings")[0] == hashlib.sha256(SOUND).hexdigest()


def test_more_than_the_disk_has_room_for_is_refused(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.shutil, "disk_usage", lambda _: os.terminal_size((0, 0)) and type("U", (), {"free": 9}))
    assert error_of(standing.post(10, "")) == (507, "disk_full")


def test_a_key_has_only_so_many_uploads_and_jobs(standing: Standing) -> None:
    standing.door.actor = replace(ADA, via="key", credential=str(uuid4()), jobs_at_once=1)
    place = standing.begin()
    assert error_of(standing.post(100, "")) == (429, "too_many_requests")
    standing.patch(place, 0, SOUND)
    assert error_of(standing.post(100, "")) == (429, "too_many_requests")


def test_what_came_whole_is_checked_after_a_restart(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    place = standing.begin()

    def away(*_: object) -> None:
        raise Unavailable("not now")

    monkeypatch.setattr(RecordingFiles, "keep", away)
    assert error_of(standing.patch(place, 0, SOUND)) == (503, "unavailable")
    monkeypatch.undo()
    standing.start()
    with standing.client as client:
        assert client.get(place).json()["state"] == "checking"
        task = standing.uploads._tasks.get(UUID(place.rsplit("/", 1)[1]))
        while task is not None and not task.done():
            client.get(place)
        shown = client.get(place).json()
    assert shown["state"] == "done"
    assert standing.source(shown["recording"]) == SOUND
    assert standing.one("SELECT count(*) FROM recordings")[0] == 1


def test_a_recording_that_was_made_before_the_server_stopped_is_not_made_twice(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = standing.begin()

    def stopped(*_: object, **__: object) -> None:
        raise OSError("stopped here")

    monkeypatch.setattr(service.store, "end", stopped)
    assert standing.patch(place, 0, SOUND).status_code == 500
    monkeypatch.undo()
    standing.start()
    answer = standing.patch(place, len(SOUND), b"")
    assert answer.headers["brickyard-recording"] == str(standing.one("SELECT id FROM recordings")[0])
    assert left(standing.folder) == [f"recordings/{answer.headers['brickyard-recording']}/source"]


def test_expired_uploads_go_with_their_bytes(standing: Standing) -> None:
    place = standing.begin()
    old = standing.folder / "uploads" / f"{uuid4()}.part"
    old.write_bytes(b"nobody's")
    os.utime(old, (0, 0))
    assert standing.sweep(utc_now() + KEPT_FOR - timedelta(minutes=1)) == 0
    assert len(left(standing.folder)) == 1
    assert standing.sweep(utc_now() + KEPT_FOR + timedelta(minutes=1)) == 1
    assert left(standing.folder) == []
    assert error_of(standing.patch(place, 0, b"x")) == (404, "not_found")
