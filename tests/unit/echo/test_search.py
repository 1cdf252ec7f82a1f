from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from pydantic import BaseModel

from brickyard.echo import derived
from brickyard.echo.recordings import store as recordings
from brickyard.echo.search import store
from brickyard.echo.search.schemas import Hit, Mark
from brickyard.echo.transcripts import store as transcripts
from brickyard.echo.transcripts.schemas import Transcript
from brickyard.text.spoken import Segment

ADAS, BOBS = UUID(int=1), UUID(int=2)


class Document(BaseModel):
    spans: list[dict[str, object]] = []
    segments: list[dict[str, object]] = []
    sections: list[dict[str, object]] = []


def said(recording: UUID, *texts: str) -> Transcript:
    segments = [
        Segment(start=float(k), end=k + 1.0, speaker=f"Speaker {k + 1}", text=text) for k, text in enumerate(texts)
    ]
    values = {"recording": recording, "job": uuid4(), "duration": 9.0, "language": "en", "engines": {}, "speakers": []}
    return Transcript(**values, segments=segments, turns=[])


@pytest.fixture
def filled(engine: sa.Engine) -> sa.Engine:
    for recording, owner in ((ADAS, "ada"), (BOBS, "bob")):
        row = {"id": recording, "owner": owner, "name": f"{owner}.wav", "sha256": "", "size_bytes": 1}
        with engine.begin() as connection:
            recordings.insert(connection, row | {"container": "wav", "duration_s": 9.0, "has_video": False})
    transcripts.put(engine, said(ADAS, "The harbour budget is approved.", "", "Nobody mentioned <b>costs</b>."))
    transcripts.put(engine, said(BOBS, "The harbour is closed."))
    screen = Document(spans=[{"start": 4.0, "end": 6.0, "text": "Harbour 2027"}])
    derived.put(engine, ADAS, "screen", "", uuid4(), screen)
    french = Document(segments=[{"start": 0.0, "end": 1.0, "speaker": "Speaker 1", "text": "Le budget du port"}])
    derived.put(engine, ADAS, "translation", "fr", uuid4(), french)
    sentence = {"text": "The budget was approved.", "citations": [{"segment": 0, "start": 0.0, "end": 1.0}]}
    derived.put(engine, ADAS, "summary", "minutes", uuid4(), Document(sections=[{"sentences": [sentence]}]))
    for recording in (ADAS, BOBS):
        store.index(engine, recording)
    return engine


def places(hits: list[Hit]) -> set[tuple[str, str, float]]:
    return {(hit.kind, hit.variant, hit.start) for hit in hits}


def test_everything_made_of_a_recording_is_found_with_its_moment(filled: sa.Engine) -> None:
    assert places(store.search(filled, "budget", "ada")) == {
        ("transcript", "", 0.0),
        ("translation", "fr", 0.0),
        ("summary", "minutes", 0.0),
    }
    assert places(store.search(filled, "harbour", "ada")) == {("transcript", "", 0.0), ("screen", "", 4.0)}


def test_nobody_finds_what_belongs_to_another(filled: sa.Engine) -> None:
    assert [hit.name for hit in store.search(filled, "harbour", "bob")] == ["bob.wav"]
    assert store.search(filled, "harbour", "eve") == []


def test_a_kind_a_phrase_and_a_word_left_out(filled: sa.Engine) -> None:
    assert places(store.search(filled, "budget", "ada", wanted=store.Filter(kind="summary"))) == {
        ("summary", "minutes", 0.0)
    }
    assert places(store.search(filled, '"harbour budget"', "ada")) == {("transcript", "", 0.0)}
    assert places(store.search(filled, "harbour -budget", "ada")) == {("screen", "", 4.0)}


def test_filters_of_speaker_recording_date_and_language(filled: sa.Engine) -> None:
    def found(words: str, **wanted: object) -> set[tuple[str, str, float]]:
        return places(store.search(filled, words, "ada", wanted=store.Filter(**wanted)))  # type: ignore[arg-type]

    assert found("budget", speaker="speaker 1") == {("transcript", "", 0.0), ("translation", "fr", 0.0)}
    assert found("budget", language="fr") == {("translation", "fr", 0.0)}
    assert found("budget", language="en") == {("transcript", "", 0.0)}
    assert found("harbour", recording=BOBS) == set()
    assert len(found("harbour", recording=ADAS)) == 2
    now = datetime.now(UTC)
    assert len(found("harbour", since=now - timedelta(days=1), until=now + timedelta(days=1))) == 2
    assert found("harbour", since=now + timedelta(days=1)) == set()
    assert found("harbour", until=now - timedelta(days=1)) == set()


def test_hits_are_marked_and_text_stays_text(filled: sa.Engine) -> None:
    [hit] = store.search(filled, "mentioned", "ada")
    assert Mark(text="mentioned", hit=True) in hit.snippet
    assert "".join(mark.text for mark in hit.snippet).split() == ["Nobody", "mentioned", "costs", "."]
    assert hit.text == "Nobody mentioned <b>costs</b>."


@pytest.mark.parametrize("words", ["'", "a & | !", '"', "\\", "((", "%", "日本"])
def test_no_words_are_an_error(filled: sa.Engine, words: str) -> None:
    assert store.search(filled, words, "ada") == []


def test_indexing_again_replaces(filled: sa.Engine) -> None:
    transcripts.put(filled, said(ADAS, "Something else."))
    assert store.index(filled, ADAS) == 4
    assert places(store.search(filled, "approved", "ada")) == {("summary", "minutes", 0.0)}


def test_a_recording_that_is_gone_has_nothing(engine: sa.Engine) -> None:
    assert store.index(engine, uuid4()) == 0


def test_lists_know_the_language_and_the_speakers_who_say_something(filled: sa.Engine) -> None:
    def known() -> tuple[str, int]:
        with filled.connect() as connection:
            query = sa.text("SELECT language, speakers FROM recordings WHERE id = :id")
            return tuple(connection.execute(query, {"id": ADAS}).one())

    assert known() == ("en", 2)
    transcripts.put(filled, said(ADAS, "Nobody else is here."))
    store.index(filled, ADAS)
    assert known() == ("en", 1)
