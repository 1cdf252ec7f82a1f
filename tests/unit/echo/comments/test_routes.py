from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from brickyard.access.audit import Audit, Filter
from brickyard.access.policy import Level, Role
from brickyard.echo.comments.routes import router
from brickyard.echo.comments.service import Comments
from tests.unit.echo.door import as_, client_of
from tests.unit.echo.retention.archive import add_people, add_recording

ANNE = as_(Role.ANALYST, Level.COMMENT)
DAN = as_(Role.DATA_SCIENTIST, Level.COMMENT)
READER = as_(Role.ANALYST, Level.VIEW)


class Talk:
    """A recording of 9.5 s that people comment on."""

    def __init__(self, engine: sa.Engine) -> None:
        add_people(engine)
        self.engine = engine
        self.audit = Audit(engine, b"k" * 32)
        self.client = client_of(router(Comments(engine, self.audit)))
        self.recording = add_recording(engine)

    def ask(self, method: str, path: str, body: Any = None, who: dict[str, str] = ANNE) -> Any:
        return self.client.request(
            method, f"/api/v1/recordings/{self.recording}/comments{path}", json=body, headers=who
        )

    def say(self, text: str, at: float = 1.0, who: dict[str, str] = ANNE) -> str:
        answer = self.ask("POST", "", {"text": text, "at": at}, who)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def every(self, who: dict[str, str] = READER) -> Any:
        return self.ask("GET", "", who=who).json()


@pytest.fixture
def talk(engine: sa.Engine) -> Talk:
    return Talk(engine)


def test_comments_come_in_the_order_of_their_moments_with_answers(talk: Talk) -> None:
    late, early = talk.say("late", 8.0), talk.say("  early\nand long ", 0.5)
    talk.ask("POST", "", {"text": "first", "answers": late}, DAN)
    talk.ask("POST", "", {"text": "second", "answers": late})
    found = talk.every()
    assert [one["id"] for one in found] == [early, late]
    assert (found[0]["text"], found[0]["author"], found[0]["is_own"]) == ("early\nand long", "analyst", True)
    assert [(one["text"], one["is_own"], one["at"]) for one in found[1]["answers"]] == [
        ("first", False, 8.0),
        ("second", True, 8.0),
    ]


def test_authors_alone_edit(talk: Talk) -> None:
    comment = talk.say("beginning")
    assert talk.ask("PUT", f"/{comment}", {"text": "mine now"}, DAN).status_code == 403
    assert talk.ask("PUT", f"/{comment}", {"text": "better"}).status_code == 204
    [found] = talk.every()
    assert found["text"] == "better"
    assert found["edited_at"] is not None


def test_resolved_and_opened_again_by_anybody_who_comments(talk: Talk) -> None:
    comment = talk.say("a question")
    assert talk.ask("PUT", f"/{comment}/resolution", {"resolved": True}, DAN).status_code == 204
    [found] = talk.every()
    assert (found["resolved_by"], found["resolved_at"] is not None) == ("data_scientist", True)
    talk.ask("PUT", f"/{comment}/resolution", {"resolved": True})
    assert talk.every()[0]["resolved_by"] == "data_scientist"
    talk.ask("PUT", f"/{comment}/resolution", {"resolved": False})
    assert talk.every()[0]["resolved_at"] is None


def test_authors_and_the_owner_delete_with_all_answers(talk: Talk) -> None:
    mine, other = talk.say("mine"), talk.say("other")
    talk.ask("POST", "", {"text": "answer", "answers": mine}, DAN)
    assert talk.ask("DELETE", f"/{mine}", who=DAN).status_code == 403
    assert talk.ask("DELETE", f"/{mine}").status_code == 204
    assert [one["id"] for one in talk.every()] == [other]
    with talk.engine.begin() as connection:
        connection.execute(sa.text("UPDATE recordings SET owner = 'data_scientist'"))
    assert talk.ask("DELETE", f"/{other}", who=DAN).status_code == 204
    assert talk.every() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": "x"}, 422),
        ({"text": "x", "at": 1, "answers": str(UUID(int=1))}, 422),
        ({"text": " ", "at": 1}, 422),
        ({"text": "\0", "at": 1}, 422),
        ({"text": "x", "at": -1}, 422),
        ({"text": "x" * 5001, "at": 1}, 422),
        ({"text": "x", "at": 11}, 400),
        ({"text": "x", "answers": str(UUID(int=1))}, 404),
    ],
)
def test_what_is_no_comment_is_refused(talk: Talk, body: dict[str, Any], status: int) -> None:
    assert talk.ask("POST", "", body).status_code == status
    assert talk.every() == []


def test_answers_are_one_deep(talk: Talk) -> None:
    comment = talk.say("x")
    answer = talk.ask("POST", "", {"text": "y", "answers": comment}).json()["id"]
    assert talk.ask("POST", "", {"text": "z", "answers": answer}).status_code == 400
    assert talk.ask("PUT", f"/{answer}/resolution", {"resolved": True}).status_code == 400


def test_a_comment_of_another_recording_is_not_reached(talk: Talk) -> None:
    comment = talk.say("x")
    talk.recording = add_recording(talk.engine)
    for method, path, body in (("PUT", "", {"text": "y"}), ("PUT", "/resolution", {"resolved": True})):
        assert talk.ask(method, f"/{comment}{path}", body).status_code == 404
    assert talk.ask("DELETE", f"/{comment}").status_code == 404
    talk.recording = uuid4()
    assert talk.ask("POST", "", {"text": "x", "at": 0}).status_code == 404


def test_readers_read_and_strangers_do_not(talk: Talk) -> None:
    assert talk.ask("POST", "", {"text": "x", "at": 1}, READER).status_code == 403
    assert talk.ask("GET", "", who=as_(Role.ADMINISTRATOR)).status_code == 403
    assert talk.ask("GET", "", who=as_(Role.ANALYST)).status_code == 404


def test_the_audit_log_tells_of_every_change_and_never_what_was_written(talk: Talk) -> None:
    comment = talk.say("secret")
    talk.ask("PUT", f"/{comment}", {"text": "hidden"})
    talk.ask("PUT", f"/{comment}/resolution", {"resolved": True})
    talk.ask("DELETE", f"/{comment}")
    lines = talk.audit.page(Filter(object_id=str(talk.recording)), 10)
    assert [line.action for line in lines] == [
        "comment.deleted",
        "comment.resolved",
        "comment.edited",
        "comment.added",
    ]
    assert all(line.details["comment"] == comment for line in lines)
    assert "secret" not in str(lines)
    assert "hidden" not in str(lines)
