"""The step over a recognizer that hears better the second time; what it says is made up, what is kept is not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.asr.contract import SegmentModel, SpeechReply, SpeechRequest, TranscribeReply, TranscribeRequest
from brickyard.echo import derived
from brickyard.echo.coverage.redo import Parts, RedoStep
from brickyard.echo.coverage.schemas import Coverage, FaultView
from brickyard.echo.transcripts import store as transcripts
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.checkpoints import Checkpoints
from brickyard.jobs.context import StepContext, Stopped
from brickyard.jobs.states import Wanted
from brickyard.kit.errors import BadInput
from brickyard.text.editing import RenameSpeaker, SetText
from tests.unit.echo.editing.room import Browser, Room
from tests.unit.jobs.jobs import Memory, job
from tests.unit.text.edits import segment

SAID = [segment("the harbour is closed", 0), segment("mm", 4, "Speaker 2"), segment("I do", 8)]
BETTER = "who says so and since when"
SECOND = [(4.0, 7.0)]


@dataclass
class SecondTime:
    """Says `text` in the spans it is asked for; `meanwhile` is what happens before it answers."""

    text: str = BETTER
    confidence: float = 0.9
    speech_spans: list[tuple[float, float]] = field(default_factory=lambda: SECOND)
    meanwhile: Any = None
    asked: list[TranscribeRequest] = field(default_factory=list)

    async def speech(self, request: SpeechRequest) -> SpeechReply:
        inside = [(max(a, request.start), min(b, request.end)) for a, b in self.speech_spans]
        return SpeechReply(spans=[(a, b) for a, b in inside if a < b])

    async def transcribe(self, request: TranscribeRequest) -> TranscribeReply:
        self.asked.append(request)
        if self.meanwhile is not None:
            await asyncio.to_thread(self.meanwhile)
        said = [
            SegmentModel(start=start, end=end, text=self.text, confidence=self.confidence)
            for start, end in request.spans
        ]
        return TranscribeReply(segments=said, engine="fake", computed_s=0.5)


class Redo:
    """One job over a room's recording."""

    def __init__(self, room: Room, folder: Path, asr: SecondTime, start: float = 4.0, end: float = 7.0) -> None:
        self.room = room
        self.memory = Memory()
        self.asr = asr
        files = RecordingFiles(folder, 10**9)
        parts = Parts(
            room.another(), partial(transcripts.get, room.engine), partial(transcripts.at, room.engine, revision=None)
        )
        self.step = RedoStep(room.engine, files, cast(Asr, asr), parts)
        params = {"recording": str(room.recording), "start": start, "end": end, "channel": 0}
        self.job = job(id=UUID(int=9), params=params)

    def run(self, channels: int = 1, **params: Any) -> Any:
        self.job.params.update(params)
        results = {"decode": {"duration_s": 12.0, "channels": channels}}
        context = StepContext(self.job, "redo", results, cast(Checkpoints, self.memory))
        return asyncio.run(self.step.run(context))


@pytest.fixture
def room(engine: sa.Engine) -> Room:
    found = Room(engine, SAID)
    gap = FaultView(kind="gap", start=5.0, end=7.0, note="2.0 s of speech without words")
    loop = FaultView(kind="loop", start=0.0, end=3.0, note="they repeat each other")
    known = Coverage(recording=found.recording, speech_s=9.0, covered_s=7.0, faults=[loop, gap], repairs=[])
    derived.put(engine, found.recording, "coverage", "", UUID(int=1), known)
    return found


def report(room: Room) -> Coverage:
    return derived.get(room.engine, room.recording, "coverage", "", Coverage)


def test_what_is_better_becomes_a_revision_that_open_editors_take_as_news(room: Room, tmp_path: Path) -> None:
    browser = Browser(room.document())
    asr = SecondTime()
    result = Redo(room, tmp_path, asr).run()
    assert result == {"recording": str(room.recording), "kept": True, "revision": 2}
    [asked] = asr.asked
    assert (asked.careful, asked.spans, asked.language) == (True, SECOND, "en")
    assert room.texts() == ["the harbour is closed", BETTER, "I do"]
    browser.take(room.editing.news(room.recording, browser.revision))
    assert [piece.text for piece in browser.segments] == room.texts()
    assert browser.segments[1].speaker == "Speaker 2"
    [_, group] = reversed(room.editing.revisions(room.recording))
    assert (group.kind, group.author) == ("redo", "")


def test_the_report_tells_of_it_and_keeps_the_faults_elsewhere(room: Room, tmp_path: Path) -> None:
    Redo(room, tmp_path, SecondTime()).run()
    found = report(room)
    assert [fault.kind for fault in found.faults] == ["loop"]
    [repair] = found.repairs
    assert (repair.start, repair.end, repair.kinds, repair.kept) == (4.0, 7.0, ["gap"], True)
    assert repair.after > repair.before
    assert 7.0 <= found.covered_s <= found.speech_s


def test_what_is_no_better_changes_nothing_but_is_told(room: Room, tmp_path: Path) -> None:
    before = room.document()
    result = Redo(room, tmp_path, SecondTime("mm", confidence=0.1)).run()
    assert result == {"recording": str(room.recording), "kept": False, "revision": None}
    assert room.document() == before
    found = report(room)
    assert [fault.kind for fault in found.faults] == ["loop", "gap"]
    assert [repair.kept for repair in found.repairs] == [False]


def test_what_people_wrote_stays_and_so_do_the_names_they_gave(room: Room, tmp_path: Path) -> None:
    room.document()
    room.change(1, SetText(segment="s1", before="the harbour is closed", text="the harbour was closed"))
    room.change(2, RenameSpeaker(old="Speaker 2", new="Grace"))
    Redo(room, tmp_path, SecondTime(speech_spans=[(0.0, 9.0)]), start=0.0, end=7.0).run()
    pieces = room.document().segments
    assert pieces[0].text == "the harbour was closed"
    assert all(piece.start >= pieces[0].end for piece in pieces[1:])
    assert {piece.speaker for piece in pieces if piece.text == BETTER} == {"Grace"}
    assert pieces[-1].text == "I do"


def test_where_people_wrote_all_there_is_nothing_is_heard(room: Room, tmp_path: Path) -> None:
    [_, second, _] = room.document().segments
    room.change(1, SetText(segment="s2", before="mm", text="nobody knows"))
    asr = SecondTime(speech_spans=[(second.start, second.end)])
    assert Redo(room, tmp_path, asr).run()["kept"] is False
    assert asr.asked == []
    assert room.texts()[1] == "nobody knows"


def test_what_is_changed_there_while_it_is_heard_stays(room: Room, tmp_path: Path) -> None:
    room.document()

    def change() -> None:
        room.change(1, SetText(segment="s2", before="mm", text="nobody knows"))

    assert Redo(room, tmp_path, SecondTime(meanwhile=change)).run()["kept"] is False
    assert room.texts() == ["the harbour is closed", "nobody knows", "I do"]


def test_what_is_changed_elsewhere_while_it_is_heard_stays_too(room: Room, tmp_path: Path) -> None:
    room.document()

    def change() -> None:
        room.change(1, SetText(segment="s3", before="I do", text="I did"))

    assert Redo(room, tmp_path, SecondTime(meanwhile=change)).run()["kept"] is True
    assert room.texts() == ["the harbour is closed", BETTER, "I did"]


def test_a_job_that_goes_on_after_it_had_written_writes_no_second_time(room: Room, tmp_path: Path) -> None:
    redo = Redo(room, tmp_path, SecondTime())
    first = redo.run()
    assert redo.run() == first
    assert len(redo.asr.asked) == 1
    assert len(report(room).repairs) == 1
    assert room.document().revision == 2


def test_a_job_that_is_stopped_writes_nothing(room: Room, tmp_path: Path) -> None:
    redo = Redo(room, tmp_path, SecondTime())
    redo.memory.asked = Wanted.CANCEL
    with pytest.raises(Stopped):
        redo.run()
    assert room.texts() == [one.text for one in SAID]


def test_what_was_heard_again_may_be_heard_a_third_time(room: Room, tmp_path: Path) -> None:
    Redo(room, tmp_path, SecondTime("who says", confidence=0.5)).run()
    third = Redo(room, tmp_path, SecondTime())
    third.job = job(id=UUID(int=10), params=third.job.params)
    assert third.run()["revision"] == 3
    assert room.texts()[1] == BETTER


def test_a_channel_that_is_not_there_is_refused(room: Room, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one channel"):
        Redo(room, tmp_path, SecondTime()).run(channel=1)


def test_of_two_channels_only_the_one_that_was_named_changes(room: Room, tmp_path: Path) -> None:
    result = Redo(room, tmp_path, SecondTime(), start=3.0, end=9.0).run(channels=2)
    assert result["kept"] is True
    assert room.texts() == ["the harbour is closed", BETTER, "I do"]
