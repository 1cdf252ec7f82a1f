from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from brickyard.access.actor import OPERATOR
from brickyard.bricks.ocr.client import Ocr
from brickyard.bricks.ocr.contract import ImageText, LineModel, ReadReply, ReadRequest
from brickyard.echo import derived
from brickyard.echo.recordings import store as recordings
from brickyard.echo.screen.routes import router
from brickyard.echo.screen.schemas import OnScreen
from brickyard.echo.screen.steps import ScreenSteps, without_screen
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.checkpoints import Checkpoints
from brickyard.jobs.context import StepContext, Stopped
from brickyard.jobs.states import Wanted
from brickyard.kit.errors import NotFound
from brickyard.media import pictures
from brickyard.media.limits import Limits
from brickyard.text.spoken import Turn
from tests.unit.echo import welcoming
from tests.unit.jobs.jobs import Memory, job
from tests.unit.media import samples
from tests.unit.media.drawing import picture, video

RECORDING = UUID(int=7)
KEY = bytes(range(32))


class FakeOcr:
    """Says of each picture how light it is."""

    def __init__(self) -> None:
        self.asked: list[ReadRequest] = []

    async def read(self, request: ReadRequest) -> ReadReply:
        self.asked.append(request)
        images = []
        assert request.key == KEY.hex()
        for stored in request.pictures:
            is_light = float(pictures.read(stored).mean()) > 128
            words = "Morning light" if is_light else "Dark water"
            text = LineModel(text=words, confidence=0.99, box=(0.1, 0.8, 0.5, 0.9))
            name = LineModel(text="Ada Lovelace", confidence=0.99, box=(0.1, 0.7, 0.5, 0.8))
            images.append(ImageText(lines=[text, *([name] if is_light else [])], engine="fake", width=96, height=54))
        return ReadReply(images=images, engine="fake", computed_s=0.25)


class Run:
    """The steps of one job over a fake brick, with its checkpoints in memory."""

    def __init__(self, folder: Path, engine: sa.Engine | None = None, **params: Any) -> None:
        self.memory = Memory()
        self.results: dict[str, Any] = {}
        self.ocr = FakeOcr()
        self.files = RecordingFiles(folder, 1, lambda _: KEY)
        self.job = job(params={"recording": str(RECORDING), **params}, id=uuid4(), owner=OPERATOR)
        self.steps = ScreenSteps(
            cast(sa.Engine, engine),
            self.files,
            Limits(),
            cast(Ocr, self.ocr),
            self.turns,
        )
        self.files.folder(RECORDING).mkdir(exist_ok=True)

    def upload(self, path: Path) -> None:
        self.files.source(RECORDING).write_bytes(path.read_bytes())

    def turns(self, recording: UUID) -> Sequence[Turn]:
        assert recording == RECORDING
        return [Turn(start=0.0, end=3.0, speaker="Speaker 1"), Turn(start=3.0, end=99.0, speaker="Speaker 2")]

    @property
    def frames(self) -> Path:
        return self.files.folder(RECORDING) / "frames"

    def step(self, name: str) -> Any:
        context = StepContext(self.job, name, self.results, cast(Checkpoints, self.memory))
        self.results[name] = asyncio.run(getattr(self.steps, name)(context))
        return self.results[name]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of 2 s each, white and black by turns: ten frames, and so two chunks."""
    shown = [(picture(size=(96, 54), paper=paper), 2.0) for paper in ("white", "black") * 5]
    return video(tmp_path_factory.mktemp("clip") / "clip", shown, fps=5)


@pytest.fixture
def known(engine: sa.Engine) -> UUID:
    values = {"id": RECORDING, "owner": OPERATOR, "name": "clip", "sha256": "", "size_bytes": 1, "container": "mp4"}
    with engine.begin() as connection:
        recordings.insert(connection, {**values, "duration_s": 20.0, "has_video": True})
    return RECORDING


def test_a_video_becomes_timed_text_with_hints(tmp_path: Path, engine: sa.Engine, known: UUID, clip: Path) -> None:
    run = Run(tmp_path, engine, ocr=True)
    run.upload(clip)
    assert run.step("frames") == {"has_video": True, "looks": 20, "frames": 10}
    assert run.step("ocr") == {"chunks": 2}
    assert run.memory.device_s["ocr"] == 0.5
    assert run.memory.work_s["ocr"] == pytest.approx(20, abs=0.5)
    assert run.step("screen")["names"] == 1
    found = derived.get(engine, known, "screen", "", OnScreen)
    assert (found.engine, found.has_video, found.looks, found.frames, found.job) == ("fake", True, 20, 10, run.job.id)
    first = found.spans[0]
    assert (first.start, first.text, first.box) == (0.0, "Ada Lovelace", (0.1, 0.7, 0.5, 0.8))
    assert {span.text for span in found.spans} == {"Ada Lovelace", "Morning light", "Dark water"}
    assert [hint.name for hint in found.names["Speaker 2"]] == ["Ada Lovelace"]
    assert not run.frames.exists(), "frames are removed when they have been read"


def test_what_was_asked_for_reaches_the_brick(tmp_path: Path, clip: Path) -> None:
    run = Run(tmp_path, ocr=True, ocr_languages=["ru"], ocr_engine="tesseract", language="en")
    run.upload(clip)
    run.step("frames")
    run.step("ocr")
    first = run.ocr.asked[0]
    assert (first.languages, first.engine, first.priority, first.tenant) == (
        ["ru"],
        "tesseract",
        "standard",
        OPERATOR,
    )
    assert [len(request.images) for request in run.ocr.asked] == [8, 2]


def test_a_step_that_was_stopped_goes_on_where_it_was(tmp_path: Path, clip: Path) -> None:
    run = Run(tmp_path, ocr=True)
    run.upload(clip)
    run.step("frames")
    run.memory.asked = Wanted.PAUSE
    with pytest.raises(Stopped):
        run.step("ocr")
    assert list(run.memory.kept["ocr"]) == [0]
    run.memory.asked = None
    run.ocr.asked.clear()
    assert run.step("ocr") == {"chunks": 2}
    assert [len(request.images) for request in run.ocr.asked] == [2], "only what was not read yet"


@pytest.mark.parametrize("lost", ["folder", "index"])
def test_frames_that_are_lost_between_two_steps_are_made_again(tmp_path: Path, clip: Path, lost: str) -> None:
    run = Run(tmp_path, ocr=True)
    run.upload(clip)
    run.step("frames")
    run.step("ocr")
    whole = dict(run.memory.kept["ocr"])
    run.memory.kept["ocr"] = {0: whole[0]}
    if lost == "folder":
        shutil.rmtree(run.frames)
    else:
        (run.frames / "index.json").unlink()
    run.step("ocr")
    assert run.memory.kept["ocr"] == whole


def test_nothing_is_done_where_nobody_asked(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.step("frames") == {"has_video": False, "looks": 0, "frames": 0}
    assert run.step("ocr") == {"chunks": 0}
    assert run.step("screen") == {"spans": 0}
    assert run.ocr.asked == []


def test_a_recording_without_video_has_no_text_on_screen(tmp_path: Path, engine: sa.Engine, known: UUID) -> None:
    run = Run(tmp_path, engine, ocr=True)
    run.upload(samples.make(tmp_path / "talk", "mp3", samples.speech("beckett", 1)))
    for name in ("frames", "ocr", "screen"):
        run.step(name)
    found = derived.get(engine, known, "screen", "", OnScreen)
    assert (found.has_video, found.spans, found.names) == (False, [], {})


@pytest.mark.parametrize(("params", "skipped"), [({}, True), ({"ocr": False}, True), ({"ocr": True}, False)])
def test_it_is_known_beforehand_that_nobody_asked(params: dict[str, Any], skipped: bool) -> None:
    assert without_screen(params) is skipped


def test_the_text_is_there(engine: sa.Engine, known: UUID) -> None:
    app = FastAPI()
    app.state.guard = welcoming.guard()
    app.include_router(router(engine))
    client = TestClient(app)
    with pytest.raises(NotFound, match="on-screen text"):
        client.get(f"/recordings/{known}/screen-text")
    document = OnScreen(
        recording=known, job=uuid4(), engine="fake", has_video=True, looks=1, frames=1, spans=[], names={}
    )
    derived.put(engine, known, "screen", "", document.job, document)
    assert OnScreen(**client.get(f"/recordings/{known}/screen-text").json()) == document
