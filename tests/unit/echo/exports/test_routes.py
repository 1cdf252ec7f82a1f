from __future__ import annotations

import io
from datetime import UTC, datetime
from uuid import UUID

import pytest
import sqlalchemy as sa
from docx import Document
from fastapi.testclient import TestClient

from brickyard.access.policy import Level, Role
from brickyard.echo.exports.routes import Exports, router
from brickyard.echo.summaries.schemas import Citation, Section, Sentence, Summary
from brickyard.echo.transcripts.schemas import Transcript
from brickyard.echo.translations.schemas import Translation
from brickyard.kit.errors import NotFound
from brickyard.text.prompts import Template
from brickyard.text.spoken import Segment
from tests.unit.echo.door import as_, client_of
from tests.unit.echo.retention.archive import add_recording

READER = as_(Role.ANALYST, Level.VIEW)
JOB = UUID(int=1)
SAID = [Segment(start=5.0, end=6.0, speaker="Ada", text="Hello there.")]


def transcript_of(recording: UUID) -> Transcript:
    engines = {"asr": "moonshine", "diarize": "onnx"}
    return Transcript(
        recording=recording, job=JOB, duration=9, language="en", engines=engines, speakers=[], segments=SAID, turns=[],
        revision=3,
    )  # fmt: skip


def translation_of(recording: UUID, language: str) -> Translation:
    if language != "fr":
        raise NotFound(f"There is no translation '{language}'.")
    segments = [Segment(start=5.0, end=6.0, speaker="Ada", text="Bonjour.")]
    return Translation(
        recording=recording, job=JOB, language="fr", source_language="en", draft=True, engines=["opus"], route=[],
        segments=segments,
    )  # fmt: skip


def summary_of(recording: UUID, template: str) -> Summary:
    cited = [Citation(segment=0, start=5.0, end=6.0)]
    section = Section(title="Greetings", sentences=[Sentence(text="They greet.", citations=cited, speaker="Ada")])
    return Summary(
        recording=recording, job=JOB, template=Template(template), language="en", kind="extractive", sections=[section]
    )


@pytest.fixture
def client(engine: sa.Engine) -> TestClient:
    exports = Exports(
        engine,
        transcript_of,
        translation_of,
        summary_of,
        lambda _, number: f"{number}, by Ada",
        lambda: datetime(2026, 11, 24, 5, tzinfo=UTC),
    )
    return client_of(router(exports))


@pytest.fixture
def recording(engine: sa.Engine) -> UUID:
    return add_recording(engine, datetime(2026, 11, 1, tzinfo=UTC))


def lines(client: TestClient, recording: UUID, path: str) -> list[str]:
    answer = client.get(f"/api/v1/recordings/{recording}/{path}", headers=READER)
    assert answer.status_code == 200, answer.text
    return [paragraph.text for paragraph in Document(io.BytesIO(answer.content)).paragraphs]


def test_a_transcript_says_what_it_is_and_who_exported_it(client: TestClient, recording: UUID) -> None:
    assert lines(client, recording, "transcript.docx") == [
        "a.wav",
        "Length: 00:09",
        "Language: en",
        "Uploaded: 2026-11-01 00:00 UTC",
        "Speakers: Ada",
        "Revision: 3, by Ada",
        "Transcribed by: moonshine, onnx",
        "Exported: 2026-11-24 05:00 UTC by analyst",
        "Transcript",
        "Ada  00:05\nHello there.",
    ]


def test_a_translation_says_that_it_is_a_draft(client: TestClient, recording: UUID) -> None:
    found = lines(client, recording, "translations/fr.docx")
    assert "Translated from: en" in found
    assert found[-2:] == ["Ada  00:05\nBonjour.", "A draft by machine, good for the gist alone."]


def test_sentences_of_a_summary_have_their_times(client: TestClient, recording: UUID) -> None:
    found = lines(client, recording, "summaries/minutes.docx")
    assert found[-3:-1] == ["Greetings", "Ada  00:05\nThey greet."]
    assert "no language model" in found[-1]


@pytest.mark.parametrize("path", ["transcript", "translations/fr", "summaries/minutes"])
def test_all_of_it_comes_as_a_pdf_with_a_name(client: TestClient, recording: UUID, path: str) -> None:
    answer = client.get(f"/api/v1/recordings/{recording}/{path}.pdf", headers=READER)
    assert (answer.headers["content-type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
    assert answer.headers["content-disposition"].startswith("attachment; filename*=utf-8''a%20")


def test_what_is_not_there_is_not_found(client: TestClient, recording: UUID) -> None:
    for path in (f"{recording}/translations/de.docx", f"{UUID(int=9)}/transcript.pdf"):
        assert client.get(f"/api/v1/recordings/{path}", headers=READER).status_code == 404


def test_strangers_and_administrators_export_nothing(client: TestClient, recording: UUID) -> None:
    for who, status in ((as_(Role.ANALYST), 404), (as_(Role.ADMINISTRATOR), 403)):
        assert client.get(f"/api/v1/recordings/{recording}/transcript.docx", headers=who).status_code == status
