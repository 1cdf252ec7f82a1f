"""The dialect through its routes, with the real gate, in front of a stand-in for the brick."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from docx import Document
from fastapi import FastAPI
from fastapi.testclient import TestClient

from brickyard.access import keys, usage
from brickyard.access.keys import NewKey, Scope
from brickyard.access.turnstile import Turnstile
from brickyard.bricks.translate.client import Translate
from brickyard.gateway.gate import Gate
from brickyard.gateway.libretranslate import MOST_LETTERS, LibreTranslateApi
from brickyard.gateway.room import Room
from brickyard.gateway.shelf import KEPT_FOR_S
from brickyard.kit.clock import utc_now
from tests.unit.gateway.translator import Capitals


class Scene:
    def __init__(self, engine: sa.Engine, folder: Path, places: int = 2) -> None:
        self.engine = engine
        self.folder = folder / "translated"
        self.brick = Capitals()
        self.places = places
        self.key, self.made = keys.create(engine, NewKey("notebook", "ada"))

    def app(self, socket: Path) -> FastAPI:
        gate = Gate(Turnstile(self.engine))
        translate = Translate(socket)

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> Any:
            async with gate.running(), translate:
                yield

        app = FastAPI(lifespan=lifespan)
        app.include_router(LibreTranslateApi(gate, Room(self.places), self.folder, translate).router())
        return app

    def used(self) -> dict[str, float]:
        return usage.used_on(self.engine, self.made.id, utc_now().date())


@pytest.fixture
def scene(engine: sa.Engine, tmp_path: Path) -> Scene:
    return Scene(engine, tmp_path)


@pytest.fixture
def client(scene: Scene) -> Iterator[TestClient]:
    with scene.brick.serving() as socket, TestClient(scene.app(socket)) as client:
        yield client


def translate(client: TestClient, scene: Scene, **body: Any) -> Any:
    return client.post("/translate", json={"target": "de", "source": "en", "api_key": scene.key} | body)


def send_file(client: TestClient, scene: Scene, name: str, data: bytes, **fields: str) -> Any:
    form = {"source": "en", "target": "de", "api_key": scene.key} | fields
    return client.post("/translate_file", data=form, files={"file": (name, data)})


def test_a_text_a_list_and_a_form(client: TestClient, scene: Scene) -> None:
    assert translate(client, scene, q="one").json() == {"translatedText": "de: ONE"}
    assert translate(client, scene, q=["one", "two"]).json() == {"translatedText": ["de: ONE", "de: TWO"]}
    fields = {"q": "one", "source": "en", "target": "de", "api_key": scene.key, "format": "text"}
    assert client.post("/translate", data=fields).json() == {"translatedText": "de: ONE"}
    assert client.post("/translate", data=fields | {"q": ["a", "b"]}).json() == {"translatedText": ["de: A", "de: B"]}
    assert client.post("/translate", data=fields, files={"x": ("", b"")}).json()["translatedText"] == "de: ONE"


def test_the_language_is_found_out(client: TestClient, scene: Scene) -> None:
    one = translate(client, scene, q="du und ich", source="auto", target="es").json()
    assert one == {"translatedText": "es: DU UND ICH", "detectedLanguage": {"language": "de", "confidence": 90.0}}
    several = translate(client, scene, q=["you", "du und ich", "me"], source="auto", target="es").json()
    assert several["translatedText"] == ["es: YOU", "es: DU UND ICH", "es: ME"]
    assert [one["language"] for one in several["detectedLanguage"]] == ["en", "de", "en"]
    assert [request.source for request in scene.brick.asked[1:]] == ["en", "de"]


def test_alternatives_are_accepted_and_none_given(client: TestClient, scene: Scene) -> None:
    assert translate(client, scene, q="one", alternatives=3).json()["alternatives"] == []
    assert translate(client, scene, q=["one", "two"], alternatives=3).json()["alternatives"] == [[], []]


def test_html_keeps_its_tags(client: TestClient, scene: Scene) -> None:
    found = translate(client, scene, q="<p class='a'>salt &amp; <code>x</code></p>", format="html").json()
    assert found["translatedText"] == "<p class='a'>de: SALT &amp; <code>x</code></p>"


def test_detection(client: TestClient, scene: Scene) -> None:
    headers = {"Authorization": f"Bearer {scene.key}"}
    found = client.post("/detect", json={"q": "du und ich"}, headers=headers)
    assert found.json() == [{"language": "de", "confidence": 90.0}]
    assert client.post("/detect", data={"q": "12", "api_key": scene.key}).json() == []


def test_what_needs_no_key(client: TestClient) -> None:
    languages = client.get("/languages").json()
    assert languages[0] == {"code": "de", "name": "German", "targets": ["en", "es"]}
    assert client.get("/health").json() == {"status": "ok"}
    settings = client.get("/frontend/settings").json()
    assert settings["language"]["target"] == {"code": "en", "name": "English"}
    assert (settings["charLimit"], ".docx" in settings["supportedFilesFormat"]) == (MOST_LETTERS, True)


def test_errors_have_the_shape_of_this_dialect(client: TestClient, scene: Scene) -> None:
    only_ocr, _ = keys.create(scene.engine, NewKey("scanner", "eve", [Scope.OCR]))
    cases = [
        (translate(client, scene, q="one", api_key="by_wrong"), 401, "not known"),
        (translate(client, scene, q="one", api_key=only_ocr), 403, "translate"),
        (translate(client, scene, q="one", api_key=""), 401, "API key"),
        (translate(client, scene, q="one", target="tlh"), 400, "Nothing leads from en to tlh"),
        (translate(client, scene, q="one", target="<b>"), 400, "target"),
        (translate(client, scene, q=None), 400, "q"),
        (translate(client, scene, q="one", format="pdf"), 400, "format"),
        (translate(client, scene, q="a" * (MOST_LETTERS + 1)), 413, "at most"),
        (client.post("/translate", content=b"{", headers={"content-type": "application/json"}), 400, "JSON"),
        (client.post("/translate", content=b"[]", headers={"content-type": "application/json"}), 400, "object"),
        (client.post("/translate", content=b"\xff\xfe", headers={"content-type": "text/plain"}), 400, "neither"),
        (client.post("/translate", content=b"a" * (5 << 20)), 413, "4 MiB"),
        (client.post("/suggest", json={}), 403, "not collected"),
        (client.post("/translate_file", data={"target": "de"}), 400, "file"),
        (send_file(client, scene, "a.pdf", b"one"), 400, ".docx"),
        (send_file(client, scene, "a.docx", b"one"), 400, "no Word document"),
        (send_file(client, scene, "a.txt", b"one", api_key=""), 401, "API key"),
        (client.get("/download_file/nothing.txt"), 404, "hour"),
    ]
    for answer, status, part in cases:
        assert (answer.status_code, list(answer.json())) == (status, ["error"]), answer.text
        assert part in answer.json()["error"]


def test_a_document(client: TestClient, scene: Scene) -> None:
    url = send_file(client, scene, "talk.srt", b"1\n00:00:01,000 --> 00:00:02,000\nhello\n").json()["translatedFileUrl"]
    assert url.startswith("http://testserver/download_file/")
    answer = client.get(url)
    assert answer.text == "1\n00:00:01,000 --> 00:00:02,000\nde: HELLO\n"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert client.get("/download_file/..%2f" + url.rsplit("/", 1)[1]).status_code == 404


def test_a_word_document(client: TestClient, scene: Scene) -> None:
    document, out = Document(), io.BytesIO()
    document.add_paragraph("hello")
    document.save(out)
    url = send_file(client, scene, "Letter.DOCX", out.getvalue(), source="auto").json()["translatedFileUrl"]
    assert Document(io.BytesIO(client.get(url).content)).paragraphs[0].text == "de: HELLO"


def test_documents_are_gone_after_an_hour(client: TestClient, scene: Scene) -> None:
    old, new = (send_file(client, scene, "a.txt", b"one").json()["translatedFileUrl"] for _ in range(2))
    first, second = sorted(scene.folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    old_s = time.time() - KEPT_FOR_S - 1
    os.utime(first, (old_s, old_s))
    assert [client.get(url).status_code for url in (old, new)] == [404, 200]
    assert list(scene.folder.iterdir()) == [second]


def test_without_room_documents_are_asked_to_come_again(engine: sa.Engine, tmp_path: Path) -> None:
    scene = Scene(engine, tmp_path, places=0)
    with scene.brick.serving() as socket, TestClient(scene.app(socket)) as client:
        answer = send_file(client, scene, "a.txt", b"one")
    assert (answer.status_code, answer.headers["retry-after"], list(answer.json())) == (503, "5", ["error"])


def test_letters_are_counted(engine: sa.Engine, tmp_path: Path) -> None:
    scene = Scene(engine, tmp_path)
    with scene.brick.serving() as socket, TestClient(scene.app(socket)) as client:
        translate(client, scene, q=["one", "four"])
        send_file(client, scene, "a.txt", b"three\n")
    assert scene.used() == {"letters": 12.0, "requests": 2.0}
