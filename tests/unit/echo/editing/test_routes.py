from __future__ import annotations

import gzip
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from brickyard.access.policy import Level, Role
from brickyard.echo.editing.routes import router
from tests.unit.echo.door import as_, client_of
from tests.unit.echo.editing.room import Room
from tests.unit.text.edits import segment

ANNE, DAN = as_(Role.ANALYST, Level.EDIT), as_(Role.DATA_SCIENTIST, Level.EDIT)
READER = as_(Role.ANALYST, Level.VIEW)
CLOSED = "the harbour is closed"


class Pages:
    def __init__(self, engine: sa.Engine) -> None:
        self.room = Room(engine)
        self.client = client_of(router(self.room.editing))

    def ask(self, method: str, path: str, body: Any = None, who: dict[str, str] = ANNE, seen: str = "") -> Any:
        url = f"/api/v1/recordings/{self.room.recording}{path}"
        return self.client.request(method, url, json=body, headers=who | ({"If-None-Match": seen} if seen else {}))

    def type(self, text: str, base: int, who: dict[str, str] = ANNE, batch: str = "") -> Any:
        change = {"kind": "set_text", "segment": "s1", "text": text, "before": CLOSED}
        body = {"batch": batch or str(uuid4()), "base": base, "changes": [change]}
        answer = self.ask("POST", "/changes", body, who)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def pages(engine: sa.Engine) -> Pages:
    return Pages(engine)


def test_the_document_with_and_without_words(pages: Pages) -> None:
    answer = pages.ask("GET", "/document", who=READER)
    found = answer.json()
    assert (found["revision"], found["speakers"], found["duration"]) == (1, ["Speaker 1", "Speaker 2"], 9.5)
    assert found["segments"][2] == {
        "id": "s3", "start": 8.0, "end": 10.0, "speaker": "Speaker 1", "text": "I do", "confidence": 0.9,
        "words": [
            {"start": 8.0, "end": 8.5, "text": "I", "confidence": 0.9, "approximate": False},
            {"start": 9.0, "end": 9.5, "text": "do", "confidence": 0.9, "approximate": False},
        ],
    }  # fmt: skip
    without = pages.ask("GET", "/document?words=false", who=READER)
    assert "words" not in without.json()["segments"][0]
    assert without.headers["etag"] != answer.headers["etag"]


def test_a_long_document_is_sent_packed(pages: Pages) -> None:
    assert "content-encoding" not in pages.ask("GET", "/document").headers
    pages.type("the harbour is open " * 400, 1)
    packed = pages.ask("GET", "/document")
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(packed.headers["content-length"]) < len(packed.content) / 4
    assert packed.json()["segments"][0]["text"].startswith("the harbour is open")
    assert pages.ask("GET", "/document", seen=packed.headers["etag"]).status_code == 304


def test_who_has_the_newest_gets_nothing(pages: Pages) -> None:
    tag = pages.ask("GET", "/document").headers["etag"]
    answer = pages.ask("GET", "/document", seen=f'"0", W/{tag}')
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    pages.type("the harbour is open", 1)
    assert pages.ask("GET", "/document", seen=tag).status_code == 200


def test_a_change_its_conflict_and_what_others_get_to_know(pages: Pages) -> None:
    pages.ask("GET", "/document")
    made = pages.type("the harbour is open", 1)
    assert (made["saved"], made["made"], made["segments"][0]["text"]) == (2, 1, "the harbour is open")
    lost = pages.type("the harbour is shut", 1, DAN)
    assert [(one["yours"], one["theirs"]) for one in lost["rejected"]] == [
        ("the harbour is shut", "the harbour is open")
    ]
    assert lost["segments"][0]["text"] == "the harbour is open"
    news = pages.ask("GET", "/changes?since=1", who=READER).json()
    assert ([one["id"] for one in news["segments"]], news["revision"], news["reload"]) == (["s1"], 3, False)


def test_news_is_waited_for_but_not_for_ever(pages: Pages) -> None:
    pages.ask("GET", "/document")
    news = pages.ask("GET", "/changes?since=1&wait_s=0.05").json()
    assert (news["revision"], news["segments"]) == (1, [])
    assert pages.ask("GET", "/changes?since=1&wait_s=99").status_code == 422
    assert pages.ask("GET", "/changes?since=7").status_code == 400


def test_a_retried_autosave_is_made_once(pages: Pages) -> None:
    pages.ask("GET", "/document")
    pages.type("the harbour is open", 1, batch="the batch")
    again = pages.type("the harbour is open", 1, batch="the batch")
    assert (again["again"], again["revision"]) == (True, 2)


def test_the_list_of_revisions_one_of_them_and_back(pages: Pages) -> None:
    pages.ask("GET", "/document")
    pages.type("the harbour is open", 1)
    newest, machine = pages.ask("GET", "/revisions", who=READER).json()
    assert (newest["number"], newest["author_name"], newest["kind"], newest["changes"]) == (2, "analyst", "edit", 1)
    assert newest["at"].startswith("20")
    assert machine["kind"] == "machine"
    old = pages.ask("GET", "/revisions/1", who=READER).json()
    assert (old["segments"][0]["text"], "words" in old["segments"][0]) == (CLOSED, False)
    [difference] = pages.ask("GET", "/revisions/1/diff/2", who=READER).json()
    assert difference["words"][-1] == {"kind": "added", "text": "open"}
    assert pages.ask("POST", "/revisions/1/restore").json() == {"revision": 3, "changed": True}
    assert pages.ask("GET", "/document").json()["segments"][0]["text"] == CLOSED
    assert pages.ask("GET", "/revisions/9").status_code == 404
    assert pages.ask("POST", "/revisions/9/restore").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"base": 0},
        {"changes": []},
        {"batch": "short"},
        {"changes": [{"kind": "erase"}]},
        {"changes": [{"kind": "set_text", "segment": "s1", "text": "\0", "before": ""}]},
    ],
)
def test_what_is_no_batch_is_refused(pages: Pages, wrong: dict[str, Any]) -> None:
    pages.ask("GET", "/document")
    change = {"kind": "remove_segment", "segment": "s1"}
    answer = pages.ask("POST", "/changes", {"batch": "the batch", "base": 1, "changes": [change]} | wrong)
    assert answer.status_code == 422
    assert len(pages.ask("GET", "/revisions").json()) == 1


def test_readers_read_and_strangers_do_not(pages: Pages) -> None:
    assert pages.ask("GET", "/document", who=as_(Role.ANALYST)).status_code == 404
    body = {"batch": "the batch", "base": 1, "changes": [{"kind": "remove_segment", "segment": "s1"}]}
    assert pages.ask("POST", "/changes", body, READER).status_code == 403
    assert pages.ask("POST", "/revisions/1/restore", who=as_(Role.ANALYST, Level.COMMENT)).status_code == 403


def test_hours_of_words_shrink_well_on_their_way(pages: Pages) -> None:
    pages.room.transcribe([segment("the harbour is closed and nobody says why", 8.0 * k) for k in range(500)])
    content = pages.ask("GET", "/document").content
    assert len(gzip.compress(content)) * 8 < len(content)
