from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.asr.contract import (
    SegmentModel,
    SpeechReply,
    SpeechRequest,
    TranscribeReply,
    TranscribeRequest,
    WordModel,
)
from brickyard.bricks.chunks import SPEECH_WINDOW_S, Chunk, chunks_of_speech, plan_chunks, windows_of
from brickyard.bricks.contract import Health
from brickyard.bricks.diarize.client import Diarize
from brickyard.bricks.diarize.contract import LinkReply, LinkRequest, ObserveReply, ObserveRequest, TurnModel
from brickyard.echo.recordings import store as recordings
from brickyard.echo.transcripts import store
from brickyard.echo.transcripts.schemas import Transcript
from brickyard.echo.transcripts.steps import (
    ONE_SPEAKER_A_CHANNEL,
    TranscriptSteps,
    assemble,
    without_speakers,
)
from brickyard.engines.base import Span
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.checkpoints import Checkpoints
from brickyard.jobs.context import StepContext
from tests.unit.jobs.jobs import Memory, job

RECORDING = UUID(int=7)
KEY = bytes(range(32))


class FakeAsr:
    """Somebody speaks for two seconds of every ten, and says at which second."""

    def __init__(self) -> None:
        self.speech_asked: list[tuple[int, float, float]] = []
        self.asked: list[TranscribeRequest] = []

    async def speech(self, request: SpeechRequest) -> SpeechReply:
        self.speech_asked.append((request.channel, request.start, request.end))
        starts = [float(s) for s in range(0, 10_000, 10) if s < request.end and s + 2 > request.start]
        return SpeechReply(spans=[(max(s, request.start), min(s + 2, request.end)) for s in starts])

    async def transcribe(self, request: TranscribeRequest) -> TranscribeReply:
        self.asked.append(request)
        segments = [
            SegmentModel(
                start=start,
                end=end,
                text=f"At {start:.0f}.",
                words=[
                    WordModel(start=start, end=start + 1, text="At"),
                    WordModel(start=start + 1, end=end, text=f"{start:.0f}."),
                ],
                confidence=0.9,
                language="en",
            )
            for start, end in request.spans
        ]
        return TranscribeReply(segments=segments, engine="fake", computed_s=0.25)


class FakeDiarizer:
    """One speaker in the first half of a recording of a minute, another in the second."""

    def __init__(self) -> None:
        self.windows: list[tuple[float, float]] = []
        self.hint: int | None = None

    async def health(self) -> Health:
        return Health(brick="diarize", engine="fake", window_s=20.0, overlap_s=5.0)

    async def observe(self, request: ObserveRequest) -> ObserveReply:
        self.windows.append((request.start, request.end))
        return ObserveReply(observations=[{"start": request.start}], computed_s=0.5)

    async def link(self, request: LinkRequest) -> LinkReply:
        self.hint = request.speakers
        assert [seen["start"] for seen in request.observations] == [window[0] for window in self.windows]
        turns = [TurnModel(start=0.0, end=25.0, speaker=4), TurnModel(start=25.0, end=60.0, speaker=2)]
        return LinkReply(turns=turns, computed_s=0.125)


class Run:
    """The steps of one job over fake bricks, with its checkpoints in memory."""

    def __init__(self, folder: Path, engine: sa.Engine | None = None, **params: Any) -> None:
        self.memory = Memory()
        self.results: dict[str, Any] = {}
        self.asr, self.diarizer = FakeAsr(), FakeDiarizer()
        self.job = job(params={"recording": str(RECORDING), **params}, id=uuid4())
        files = RecordingFiles(folder, 1, lambda _: KEY)
        self.steps = TranscriptSteps(cast(sa.Engine, engine), files, cast(Asr, self.asr), cast(Diarize, self.diarizer))

    def decoded(self, duration_s: float, channels: int = 1, warnings: Sequence[str] = ()) -> Run:
        self.results["decode"] = {"duration_s": duration_s, "channels": channels, "warnings": list(warnings)}
        return self

    def step(self, name: str) -> Any:
        self.results[name] = asyncio.run(getattr(self.steps, name)(self.context(name)))
        self.memory.ended.add(name)
        return self.results[name]

    def context(self, name: str) -> StepContext:
        return StepContext(self.job, name, self.results, cast(Checkpoints, self.memory))

    def all(self, *names: str) -> Run:
        for name in names:
            self.step(name)
        return self

    def assembled(self) -> Transcript:
        chunks = list(self.memory.kept.get("asr", {}).values())
        [turns] = self.memory.kept["speakers"].values()
        return assemble(self.context("transcript"), chunks, turns)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


# ---- windows


@given(st.floats(0.1, 10_000), st.floats(5, 100), st.floats(0, 4.9))
def test_windows_cover_the_recording_and_overlap_as_told(duration_s: float, window_s: float, overlap_s: float) -> None:
    windows = windows_of(duration_s, window_s, overlap_s)
    assert windows[0][0] == 0.0
    assert windows[-1][1] == duration_s
    assert all(0 < end - start <= window_s + 1e-6 for start, end in windows)
    for before, after in pairwise(windows):
        assert before[1] - after[0] == pytest.approx(overlap_s, abs=1e-6)
        assert after[1] > before[1]


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (0.0, [(0.0, 0.0)]),
        (3.0, [(0.0, 3.0)]),
        (10.0, [(0.0, 10.0)]),
        (25.0, [(0.0, 10.0), (10.0, 20.0), (20.0, 25.0)]),
    ],
)
def test_windows_without_overlap(duration_s: float, expected: list[tuple[float, float]]) -> None:
    assert windows_of(duration_s, 10.0, 0.0) == expected


# ---- speech, found window by window


def test_speech_is_looked_for_in_every_part_of_every_channel(run: Run) -> None:
    run.decoded(300.0, channels=2)
    assert run.step("speech") == {"speech_s": 120.0}
    kept = run.memory.kept["speech"]
    found = [(window["channel"], span[0]) for _, window in sorted(kept.items()) for span in window["spans"]]
    assert found == [(channel, float(s)) for channel in (0, 1) for s in range(0, 300, 10)]
    assert all(end - start <= SPEECH_WINDOW_S for _, start, end in run.asr.speech_asked)
    assert run.memory.begun["speech"] == (None, 600.0)


def test_one_who_speaks_across_the_edge_of_a_window_is_heard_whole(run: Run) -> None:
    run.decoded(300.0)

    async def speech(request: SpeechRequest) -> SpeechReply:
        spans = [(0.0, 1.0), (110.0, 130.0), (200.0, 201.0)]
        seen = [(max(s, request.start), min(e, request.end)) for s, e in spans if s < request.end and e > request.start]
        return SpeechReply(spans=seen)

    run.asr.speech = speech  # type: ignore[method-assign]
    run.step("speech")
    assert [span for window in run.memory.kept["speech"].values() for span in window["spans"]] == [
        (0.0, 1.0),
        (110.0, 130.0),
        (200.0, 201.0),
    ]


def test_a_search_for_speech_goes_on_where_it_was(run: Run) -> None:
    run.decoded(400.0)
    run.step("speech")
    whole, asked = dict(run.memory.kept["speech"]), run.asr.speech_asked
    run.memory.kept["speech"] = {0: whole[0], 1: whole[1]}
    run.asr.speech_asked = []
    assert run.step("speech") == {"speech_s": 80.0}
    assert run.memory.kept["speech"] == whole
    assert run.asr.speech_asked == asked[2:]


@st.composite
def channels_of_spans(draw: st.DrawFn) -> list[list[Span]]:
    found = []
    for _ in range(draw(st.integers(1, 2))):
        now, own = 0.0, []
        for gap_s, length_s in draw(st.lists(st.tuples(st.floats(0, 30), st.floats(0.1, 70)), max_size=12)):
            own.append(Span(round(now + gap_s, 3), round(now + gap_s + length_s, 3)))
            now = own[-1].end
        found.append(own)
    return found


@given(channels_of_spans(), st.data())
def test_chunks_are_the_same_however_the_speech_comes(channels: list[list[Span]], data: st.DataObject) -> None:
    windows: list[dict[str, Any]] = []
    for channel, own in enumerate(channels):
        cuts = sorted(data.draw(st.sets(st.integers(0, len(own)), max_size=5)) | {0, len(own)})
        parts = [own[a:b] for a, b in pairwise(cuts)] or [[]]
        windows += [{"channel": channel, "spans": [(span.start, span.end) for span in part]} for part in parts]

    async def come() -> AsyncIterator[dict[str, Any]]:
        for window in windows:
            yield window

    async def taken() -> list[tuple[int, float, Chunk]]:
        return [found async for found in chunks_of_speech(come(), 1e6)]

    found = asyncio.run(taken())
    planned = [(channel, chunk) for channel, own in enumerate(channels) for chunk in plan_chunks(own, 1e6)]
    assert [(channel, chunk) for channel, _, chunk in found] == planned
    for channel, own in enumerate(channels):
        work_s = sum(seconds for of, seconds, _ in found if of == channel)
        assert work_s == pytest.approx(own[-1].end if own else 0.0)


# ---- recognition


def test_chunks_of_speech_are_transcribed_with_what_was_asked_for(tmp_path: Path) -> None:
    run = Run(tmp_path, language="en").decoded(130.0).all("speech", "asr")
    assert run.results["asr"] == {"chunks": len(run.asr.asked)}
    assert [span for request in run.asr.asked for span in request.spans] == [(s, s + 2) for s in range(0, 130, 10)]
    first = run.asr.asked[0]
    assert (first.language, first.priority, first.tenant) == ("en", "standard", "ada")
    assert (first.audio, first.key) == (str(RecordingFiles(tmp_path, 1).audio(RECORDING).path), KEY.hex())
    assert run.memory.begun["asr"] == (len(run.asr.asked), 130.0)


def test_both_channels_are_transcribed(run: Run) -> None:
    run.decoded(40.0, channels=2).all("speech", "asr")
    assert [request.channel for request in run.asr.asked] == [0, 1]


# ---- who speaks


def test_a_recording_is_observed_in_windows_as_the_engine_wants_them(tmp_path: Path) -> None:
    run = Run(tmp_path, speakers=2).decoded(60.0).all("speech", "diarize", "speakers")
    assert run.diarizer.windows == [(0.0, 20.0), (15.0, 35.0), (30.0, 50.0), (45.0, 60.0)]
    assert run.diarizer.hint == 2
    assert run.results["diarize"] == run.results["speakers"] == {"engine": "fake"}


def test_where_each_channel_is_a_speaker_nobody_is_observed(run: Run) -> None:
    run.decoded(20.0, channels=2).all("speech", "diarize", "speakers")
    assert run.diarizer.windows == []
    [turns] = run.memory.kept["speakers"].values()
    assert [(turn["start"], turn["speaker"]) for turn in turns] == [(0.0, 0), (0.0, 1), (10.0, 0), (10.0, 1)]


def test_where_nobody_asked_for_speakers_none_are_told_apart(tmp_path: Path) -> None:
    run = Run(tmp_path, diarize=False).decoded(30.0).all("speech", "diarize", "speakers", "asr")
    assert run.diarizer.windows == []
    found = run.assembled()
    assert found.speakers == []
    assert {segment.speaker for segment in found.segments} == {None}
    assert found.engines == {"asr": "fake"}


def test_seconds_of_the_device_are_kept_beside_the_results_not_in_them(run: Run) -> None:
    run.decoded(60.0).all("speech", "asr", "diarize", "speakers")
    assert run.memory.device_s == {"speech": 0.0, "asr": 0.25, "diarize": 2.0, "speakers": 0.125}
    assert "computed_s" not in run.memory.kept["asr"][0]


def test_what_windows_share_is_counted_once(run: Run) -> None:
    run.decoded(60.0).all("speech", "diarize")
    assert run.memory.begun["diarize"] == (4, 60.0)
    assert run.memory.work_s["diarize"] == 60.0


def test_each_step_reads_what_it_has_done_once(run: Run) -> None:
    for name in ("speech", "asr", "diarize"):
        run.memory.reads.clear()
        run.decoded(60.0).step(name)
        assert run.memory.reads.count(name) == 1


@pytest.mark.parametrize(("params", "skipped"), [({}, False), ({"diarize": True}, False), ({"diarize": False}, True)])
def test_it_is_known_beforehand_that_nobody_asked_for_speakers(params: dict[str, Any], skipped: bool) -> None:
    assert without_speakers(params) is skipped


# ---- the transcript


def test_words_turns_and_names_make_a_transcript(run: Run) -> None:
    run.decoded(60.0, warnings=["cut off"]).all("speech", "asr", "diarize", "speakers")
    found = run.assembled()
    assert found.speakers == ["Speaker 1", "Speaker 2"], "named in the order in which they are heard"
    assert [(segment.speaker, segment.text) for segment in found.segments] == [
        ("Speaker 1", "At 0."),
        ("Speaker 1", "At 10."),
        ("Speaker 1", "At 20."),
        ("Speaker 2", "At 30."),
        ("Speaker 2", "At 40."),
        ("Speaker 2", "At 50."),
    ]
    assert [(turn.speaker, turn.end) for turn in found.turns] == [("Speaker 1", 25.0), ("Speaker 2", 60.0)]
    assert found.engines == {"asr": "fake", "diarize": "fake"}
    assert (found.duration, found.language, found.recording) == (60.0, "en", RECORDING)
    assert found.warnings[0] == "cut off"


def test_both_channels_come_in_order_of_time(run: Run) -> None:
    run.decoded(20.0, channels=2).all("speech", "asr", "diarize", "speakers")
    found = run.assembled()
    assert [(segment.start, segment.speaker) for segment in found.segments] == [
        (0.0, "Speaker 1"),
        (0.0, "Speaker 2"),
        (10.0, "Speaker 1"),
        (10.0, "Speaker 2"),
    ]
    assert found.engines["diarize"] == ONE_SPEAKER_A_CHANNEL


def test_silence_makes_an_empty_transcript(run: Run) -> None:
    async def silence(_: SpeechRequest) -> SpeechReply:
        return SpeechReply(spans=[])

    run.asr.speech = silence  # type: ignore[method-assign,assignment]
    run.decoded(60.0).all("speech", "asr", "diarize", "speakers")
    found = run.assembled()
    assert (found.segments, found.engines) == ([], {"diarize": "fake"})
    assert found.language == "en"
    assert found.speakers == ["Speaker 1", "Speaker 2"], "somebody made a sound, though no words were heard"


def test_the_language_is_what_was_asked_for_else_what_was_heard(tmp_path: Path) -> None:
    chunks = [
        {
            "channel": 0,
            "engine": "fake",
            "segments": [
                {"start": 0.0, "end": 1.0, "text": "eins", "language": "de"},
                {"start": 1.0, "end": 4.0, "text": "two", "language": "en"},
                {"start": 4.0, "end": 5.5, "text": "drei", "language": "de"},
            ],
        }
    ]
    for asked, language in ((None, "en"), ("de", "de")):
        run = Run(tmp_path, language=asked).decoded(6.0)
        run.results["speakers"] = {"engine": None}
        assert assemble(run.context("transcript"), chunks, []).language == language


@pytest.mark.slow
def test_the_transcript_is_kept_and_a_newer_one_replaces_it(engine: sa.Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        row = {"owner": "ada", "name": "a.wav", "sha256": "x", "size_bytes": 1, "container": "wav", "has_video": False}
        recordings.insert(connection, {"id": RECORDING, "duration_s": 60.0, **row})
    for warning in ("first", "second"):
        run = Run(tmp_path, engine).decoded(60.0, warnings=[warning])
        run.all("speech", "asr", "diarize", "speakers", "transcript")
        assert run.results["transcript"]["segments"] == 6
        assert run.results["transcript"]["speakers"] == 2
        assert run.memory.begun["transcript"] == (None, 60.0), "its speed can be measured, for estimates"
        found = store.get(engine, RECORDING)
        assert (found.job, found.warnings[0]) == (run.job.id, warning)
        assert found == run.assembled().model_copy(update={"created_at": found.created_at})


@pytest.mark.slow
def test_a_recording_that_was_deleted_meanwhile_gets_no_transcript(engine: sa.Engine, tmp_path: Path) -> None:
    run = Run(tmp_path, engine).decoded(60.0).all("speech", "asr", "diarize", "speakers", "transcript")
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM transcripts")).scalar_one() == 0
    assert run.results["transcript"]["segments"] == 6
