from __future__ import annotations

import asyncio
import fcntl
from pathlib import Path
from uuid import uuid4

import pytest

from brickyard.echo.uploads import turns
from brickyard.echo.uploads.turns import Turns
from brickyard.echo.uploads.tus import Locked
from brickyard.kit.errors import NotFound

UPLOAD = uuid4()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.part"
    path.write_bytes(b"")
    return path


async def receive(all_of: Turns, path: Path, told: asyncio.Event) -> str:
    """A request whose client has gone quiet."""
    async with all_of.take(UPLOAD, path) as turn:
        told.set()
        try:
            async with asyncio.timeout(None) as turn.receiving:
                await asyncio.sleep(60)
        except TimeoutError:
            return "ended"
    return "went on"


def test_a_later_request_ends_one_that_waits_for_bytes(path: Path) -> None:
    async def both() -> str:
        all_of, begun = Turns(), asyncio.Event()
        first = asyncio.create_task(receive(all_of, path, begun))
        await begun.wait()
        async with all_of.take(UPLOAD, path) as turn:
            assert first.done()
            assert all_of.of(UPLOAD) is turn
        assert all_of.of(UPLOAD) is None
        return await first

    assert asyncio.run(both()) == "ended"


def test_a_file_that_is_being_checked_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.05)

    async def both() -> None:
        all_of = Turns()
        async with all_of.take(UPLOAD, path) as turn:
            with pytest.raises(Locked, match="being checked"):
                async with all_of.take(UPLOAD, path):
                    pass
            assert all_of.of(UPLOAD) is turn

    asyncio.run(both())


def test_another_upload_has_turns_of_its_own(path: Path) -> None:
    other = path.with_name("b.part")
    other.write_bytes(b"")

    async def both() -> None:
        all_of = Turns()
        async with all_of.take(UPLOAD, path), all_of.take(uuid4(), other):
            assert all_of.of(UPLOAD) is not None

    asyncio.run(both())


def test_another_process_may_have_the_file(path: Path) -> None:
    async def take() -> None:
        async with Turns().take(UPLOAD, path):
            pass

    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Locked):
            asyncio.run(take())
    asyncio.run(take())


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    async def take() -> None:
        all_of = Turns()
        with pytest.raises(NotFound, match="Begin a new one"):
            async with all_of.take(UPLOAD, tmp_path / "none"):
                pass
        assert all_of.of(UPLOAD) is None

    asyncio.run(take())
