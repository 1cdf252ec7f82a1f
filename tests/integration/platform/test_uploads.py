"""kill -9 of a server in the middle of an upload, again and again: it goes on from what was on the disk."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from brickyard.cli.up import free_port
from brickyard.echo.uploads.parts import SAVED_EVERY_BYTES
from brickyard.kit.sealed import CHUNK_BYTES
from tests.unit.echo.uploads.standing import BODY, PLACE, VERSION, said, sound

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[3]
PIECE_BYTES = 1 << 20
STARTS_WITHIN_S = 30.0
IN_PIPES_BYTES = 16 << 20
SENT_BEFORE_KILL = [100 << 20, 130 << 20, 40 << 20]


@pytest.fixture(scope="module")
def content() -> bytes:
    """A WAV that is its head and noise: some 300 MB."""
    begin = bytearray(sound(1.0)[:44])
    draw = random.Random(1)
    noise = b"".join(draw.randbytes(10_000_000) for _ in range(30))
    begin[4:8], begin[40:44] = (36 + len(noise)).to_bytes(4, "little"), len(noise).to_bytes(4, "little")
    return bytes(begin) + noise


class Server:
    """The uploads' routes in a process of their own."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self._arguments = [engine.url.render_as_string(hide_password=False), str(folder)]
        self.port = free_port()
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.unit.echo.uploads.standing", *self._arguments, str(self.port)]
        self._process = subprocess.Popen(command, cwd=REPOSITORY)
        give_up = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                return self.ask("OPTIONS", PLACE).close()
            except ConnectionRefusedError:
                assert time.monotonic() < give_up, "the server does not start"
                time.sleep(0.05)

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ask(self, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as line:
            line.request(method, path, headers={**VERSION, **headers})
            answer = line.getresponse()
            answer.read()
            return answer


@pytest.fixture
def server(engine: sa.Engine, tmp_path: Path) -> Iterator[Server]:
    started = Server(engine, tmp_path)
    yield started
    started.kill()


def patch(server: Server, place: str, offset: int, content: memoryview, upto: int) -> http.client.HTTPConnection:
    """Announce all that is lacking, and send it up to there."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    line.putrequest("PATCH", place)
    for name, value in {**BODY, "Upload-Offset": str(offset), "Content-Length": str(len(content) - offset)}.items():
        line.putheader(name, value)
    line.endheaders()
    for begin in range(offset, upto, PIECE_BYTES):
        line.send(content[begin : min(upto, begin + PIECE_BYTES)])
    return line


def test_kill_9_in_the_middle_of_an_upload(server: Server, engine: sa.Engine, content: bytes, tmp_path: Path) -> None:
    length = str(len(content))
    begun = server.ask("POST", PLACE, **{"Upload-Length": length, "Upload-Metadata": said(filename="long.wav")})
    place = begun.headers["location"]
    view = memoryview(content)
    offset = 0
    for count in SENT_BEFORE_KILL:
        upto = offset + count
        with closing(patch(server, place, offset, view, upto)):
            server.kill()
        server.start()
        found = int(server.ask("HEAD", place).headers["upload-offset"])
        assert offset - CHUNK_BYTES < found <= upto
        # Lost: what was on its way to the disk, what had come since, and what was in the pipes.
        assert found >= upto - 2 * SAVED_EVERY_BYTES - IN_PIPES_BYTES
        offset = found
    assert offset > SAVED_EVERY_BYTES
    with closing(patch(server, place, offset, view, len(content))) as line:
        answer = line.getresponse()
        assert answer.status == 204, answer.read()
    recording = answer.headers["brickyard-recording"]
    with engine.connect() as connection:
        row = connection.execute(sa.text("SELECT id::text, sha256, size_bytes FROM recordings")).one()
    assert tuple(row) == (recording, hashlib.sha256(content).hexdigest(), len(content))
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == []
