"""What becomes of a brick's memory with its process."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.asr.contract import TranscribeRequest
from brickyard.bricks.recycling import RECYCLED
from brickyard.gpu.client import BrokerClient
from brickyard.gpu.devices import SimulatedDevice
from tests.unit.bricks.running import brick
from tests.unit.bricks.scene import write_sound
from tests.unit.gpu.running import broker, status_when

pytestmark = pytest.mark.slow


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder whose path is short enough for a socket's address."""
    with tempfile.TemporaryDirectory(prefix="by-") as folder:
        yield Path(folder)


def request(place: Path) -> TranscribeRequest:
    return TranscribeRequest(audio=str(write_sound(place / "audio.wav")), start=0, end=1, spans=[(0.0, 1.0)])


def test_kill_9_in_the_middle_of_a_chunk_frees_its_leases(place: Path) -> None:
    async def story() -> None:
        async with (
            broker(place / "broker.sock", SimulatedDevice("cpu", 1000)),
            BrokerClient(place / "broker.sock") as other,
            brick(place / "broker.sock", place / "asr.sock", "hanging") as process,
            Asr(place / "asr.sock") as asr,
        ):
            asking = asyncio.create_task(asr.transcribe(request(place)))
            assert {lease["holder"] for lease in (await status_when(other, leases=2))["leases"]} == {"asr"}
            process.kill()
            await status_when(other, leases=0)
            asking.cancel()

    asyncio.run(story())


def test_a_process_that_keeps_more_than_it_should_ends_after_its_reply(place: Path) -> None:
    async def story() -> int:
        async with (
            broker(place / "broker.sock", SimulatedDevice("cpu", 1000)),
            BrokerClient(place / "broker.sock") as other,
            brick(place / "broker.sock", place / "asr.sock", "keeping") as process,
            Asr(place / "asr.sock") as asr,
        ):
            reply = await asr.transcribe(request(place))
            assert reply.segments[0].text == "speech of 1.0 seconds at level 0.100"
            code = await asyncio.wait_for(process.wait(), 30)
            await status_when(other, leases=0)
            return code

    assert asyncio.run(story()) == RECYCLED
