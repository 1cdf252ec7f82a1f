"""A brick in a process of its own, which can be killed, or ends itself: its engine hangs, or keeps what it takes."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

from brickyard.bricks.asr.brick import AsrBrick
from brickyard.bricks.compute import Compute
from brickyard.bricks.recycling import Recycler
from brickyard.engines.base import Audio, MemoryUse, Segment
from brickyard.engines.fake import FakeRecognizer
from brickyard.gpu.client import BrokerClient
from tests.unit.bricks.scene import ENGLISH, offer
from tests.unit.gpu.running import until

MIB = 1 << 20


class Hanging(FakeRecognizer):
    def transcribe(
        self, audio: Audio, spans: Any, language: str | None, batch: int = 1, *, careful: bool = False
    ) -> list[Segment]:
        threading.Event().wait()
        raise AssertionError


class Keeping(FakeRecognizer):
    """Keeps 900 MiB of RAM with its first chunk."""

    parallel = True

    def memory(self) -> MemoryUse | None:
        return None

    def transcribe(
        self, audio: Audio, spans: Any, language: str | None, batch: int = 1, *, careful: bool = False
    ) -> list[Segment]:
        self.kept = [bytearray(b"x") * MIB for _ in range(900)]
        return super().transcribe(audio, spans, language, batch)


@asynccontextmanager
async def brick(broker: Path, socket: Path, kind: str) -> AsyncIterator[asyncio.subprocess.Process]:
    command = (sys.executable, "-m", "tests.unit.bricks.running", str(broker), str(socket), kind)
    process = await asyncio.create_subprocess_exec(
        *command, env={"PYTHONPATH": ":".join(path for path in sys.path if path)}
    )
    try:
        await until(socket.exists, within_s=30)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def main(broker: Path, socket: Path, kind: str) -> None:
    load = {"hanging": Hanging, "keeping": Keeping}[kind]
    model = offer(ENGLISH.name, load, "cpu", weights_mib=100, context_mib=200)
    compute = Compute("asr", BrokerClient(broker, "asr"), recycler=Recycler("asr", steady_after_s=0.0))
    app = AsrBrick([ENGLISH], lambda _: model, compute).app()
    uvicorn.run(app, uds=str(socket), log_config=None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
