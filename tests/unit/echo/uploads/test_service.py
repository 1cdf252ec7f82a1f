from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from brickyard.echo.uploads import parts, service
from brickyard.echo.uploads.schemas import UploadState, UploadView
from brickyard.echo.uploads.service import Coming, Uploads
from brickyard.echo.uploads.tus import Locked, WrongOffset
from brickyard.kit.errors import NotFound, TooLarge
from tests.unit.echo.uploads.standing import ADA, BEN, said, sound, uploads

SOUND = sound(20.0)


async def pieces(content: bytes, *, is_cut: bool = False) -> AsyncIterator[bytes]:
    """As a server hands them on; `is_cut`: the line breaks after them."""
    for place in range(0, len(content), 65_536):
        yield content[place : place + 65_536]
    if is_cut:
        raise ClientDisconnect


def begun(taking: Uploads) -> UUID:
    return taking.begin(said(filename="a.wav"), len(SOUND), ADA).id


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def whole(engine: sa.Engine) -> tuple[str, int]:
    with engine.connect() as connection:
        return tuple(connection.execute(sa.text("SELECT sha256, size_bytes FROM recordings")).one())  # type: ignore[return-value]


def finish(engine: sa.Engine, taking: Uploads, upload: UUID) -> None:
    """Whatever came before, the recording is what was sent."""

    async def rest() -> None:
        offset = (await taking.where(upload, ADA)).offset_bytes
        await taking.receive(upload, offset, Coming(pieces(SOUND[offset:])), ADA)

    run(rest())
    recording = taking.get(upload, ADA).recording
    assert recording is not None
    assert taking._recordings.files.source(recording).read_bytes() == SOUND
    assert whole(engine) == (hashlib.sha256(SOUND).hexdigest(), len(SOUND))


REQUESTS = st.lists(st.tuples(st.integers(0, 300_000), st.sampled_from(["answered", "cut", "restart"])), max_size=6)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=REQUESTS)
def test_requests_cut_at_any_byte_with_restarts_between_give_the_same_file(
    engine: sa.Engine, tmp_path: Path, requests: Sequence[tuple[int, str]]
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE uploads, recordings CASCADE"))
    taking = uploads(engine, tmp_path)
    upload = begun(taking)
    for count, ending in requests:
        if taking.get(upload, ADA).state is not UploadState.arriving:
            break
        offset = run(taking.where(upload, ADA)).offset_bytes
        content = SOUND[offset : min(offset + count, len(SOUND) - 1)]
        outcome = run(taking.receive(upload, offset, Coming(pieces(content, is_cut=ending == "cut")), ADA))
        assert outcome.upload.offset_bytes == offset + len(content)
        taking = uploads(engine, tmp_path) if ending == "restart" else taking
    finish(engine, taking, upload)


def test_what_came_before_the_line_broke_is_kept(engine: sa.Engine, tmp_path: Path) -> None:
    taking = uploads(engine, tmp_path)
    upload = begun(taking)
    run(taking.receive(upload, 0, Coming(pieces(SOUND[:300_001], is_cut=True)), ADA))
    assert taking.get(upload, ADA).offset_bytes == 300_001
    finish(engine, taking, upload)


class Quiet:
    """A client that sends some bytes and then nothing, its line open."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.has_sent = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        yield self._content
        self.has_sent.set()
        await asyncio.sleep(60)


def beside_a_quiet_one(taking: Uploads, upload: UUID, then: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def both() -> Any:
        quiet = Quiet(SOUND[:200_000])
        first = asyncio.create_task(taking.receive(upload, 0, Coming(quiet.pieces()), ADA))
        await quiet.has_sent.wait()
        try:
            return await then()
        finally:
            with pytest.raises(Locked):
                await first

    return run(both())


def test_who_comes_again_ends_a_request_that_has_gone_quiet(engine: sa.Engine, tmp_path: Path) -> None:
    taking = uploads(engine, tmp_path)
    upload = begun(taking)
    found = beside_a_quiet_one(taking, upload, lambda: taking.where(upload, ADA))
    assert found.offset_bytes == 200_000
    finish(engine, taking, upload)


def test_what_is_arriving_can_be_given_up(engine: sa.Engine, tmp_path: Path) -> None:
    taking = uploads(engine, tmp_path)
    upload = begun(taking)
    beside_a_quiet_one(taking, upload, lambda: taking.delete(upload, ADA))
    with pytest.raises(NotFound):
        taking.get(upload, ADA)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_progress_is_seen_while_it_arrives(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BATCH_BYTES", 1000)
    taking = uploads(engine, tmp_path)
    upload = begun(taking)
    seen: list[UploadView] = []

    async def watched() -> AsyncIterator[bytes]:
        for place in range(0, 400_000, 100_000):
            yield SOUND[place : place + 100_000]
            seen.append(taking.view(upload, ADA))

    run(taking.receive(upload, 0, Coming(watched()), ADA))
    offsets = [each.offset for each in seen]
    assert offsets == sorted(offsets)
    assert offsets[-1] > 100_000
    assert {each.state for each in seen} == {UploadState.arriving}


def test_what_is_on_the_disk_is_saved_on_the_way(
    engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SAVED_EVERY_BYTES", 100_000)
    monkeypatch.setattr(service, "BATCH_BYTES", 50_000)
    taking = uploads(engine, tmp_path)
    upload = begun(taking)
    saved: list[int] = []

    async def watched() -> AsyncIterator[bytes]:
        for place in range(0, 600_000, 50_000):
            yield SOUND[place : place + 50_000]
            saved.append(taking.get(upload, ADA).offset_bytes)

    run(taking.receive(upload, 0, Coming(watched()), ADA))
    assert 200_000 <= saved[-1] < 600_000
    assert taking.get(upload, ADA).offset_bytes == 600_000


def test_a_body_that_is_longer_than_it_said_is_cut(engine: sa.Engine, tmp_path: Path) -> None:
    taking = uploads(engine, tmp_path)
    upload = begun(taking)
    with pytest.raises(TooLarge, match="too many"):
        run(taking.receive(upload, 0, Coming(pieces(SOUND + b"x" * 100_000)), ADA))
    assert taking.get(upload, ADA).state is UploadState.arriving
    finish(engine, taking, upload)


def test_a_wrong_place_says_the_right_one(engine: sa.Engine, tmp_path: Path) -> None:
    taking = uploads(engine, tmp_path)
    with pytest.raises(WrongOffset, match="0 bytes are here"):
        run(taking.receive(begun(taking), 5, Coming(pieces(b"x")), ADA))


def test_others_see_and_change_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    taking = uploads(engine, tmp_path)
    upload = begun(taking)
    with pytest.raises(NotFound):
        run(taking.receive(upload, 0, Coming(pieces(b"x")), BEN))
    with pytest.raises(NotFound):
        run(taking.where(upload, BEN))
    assert taking.newest(BEN) == []
    assert [each.id for each in taking.newest(ADA)] == [upload]


def test_who_adds_recordings_is_told_of_them(engine: sa.Engine, tmp_path: Path) -> None:
    met: list[tuple[str, UUID]] = []
    taking = uploads(engine, tmp_path, met=lambda actor, recording: met.append((actor.id, recording.id)))
    upload = begun(taking)
    finish(engine, taking, upload)
    assert met == [("ada", taking.get(upload, ADA).recording)]


def test_a_file_whose_bytes_are_gone_is_told(engine: sa.Engine, tmp_path: Path) -> None:
    taking = uploads(engine, tmp_path)
    upload = begun(taking)
    for path in (tmp_path / "uploads").iterdir():
        path.unlink()
    with pytest.raises(NotFound, match="Begin a new one"):
        run(taking.where(upload, ADA))


def test_uploads_at_the_same_time_keep_their_bytes_apart(engine: sa.Engine, tmp_path: Path) -> None:
    taking = uploads(engine, tmp_path)
    draw = random.Random(3)
    contents = [draw.randbytes(300_000) for _ in range(4)]
    ids = [taking.begin(said(filename=f"{n}.wav"), 300_001, ADA).id for n in range(4)]

    async def every() -> None:
        await asyncio.gather(
            *(taking.receive(one, 0, Coming(pieces(own)), ADA) for one, own in zip(ids, contents, strict=True))
        )

    run(every())
    for one, own in zip(ids, contents, strict=True):
        assert taking._stored(taking.get(one, ADA)).read_bytes() == own
