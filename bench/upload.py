"""A recording of 4 GB through tus, against a bare copy of the same file on the same disk, by turns in one run.

The server is `brickyard serve` with its own database; it seals the file as it does by default. The client sends from
this process, on the same cores, all in one request as browsers do. Its clock runs from the first request to the answer
to the last byte: receiving, sealing, hashing, synchronising, looking at the file, and the job that is submitted. The
copy is read and written in pieces of 1 MiB and synchronised; its source, like the client's, is in memory where there is
room for it. With `--quick` the file is so small that a disk's own cache may take the copy whole: there the ratio says
more about the disk than about the server.

`ratio_to_copy`: speed of the upload over that of the copy, by the median of the rounds. Also told: both in MB/s, and
the processor time of the server a GB.
`rss_growth_mib`: the most that the server's process holds in memory during the uploads, more than after a small one.
"""

from __future__ import annotations

import http.client
import os
import random
import socket
import statistics
import tempfile
import threading
import time
import wave
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import form
import psutil
import sqlalchemy as sa
from users import postgres, web

from brickyard.access import keys
from brickyard.access.keys import NewKey, Scope
from brickyard.access.people import People
from brickyard.access.policy import Role
from brickyard.echo.uploads import tus

SIZE_BYTES, QUICK_SIZE_BYTES = 4_000_000_000, 300_000_000
SMALL_BYTES = 20_000_000
ROUNDS = 3
PIECE_BYTES = 1 << 20
SAMPLED_EVERY_S = 0.02


def noise(path: Path, size_bytes: int) -> Path:
    """A WAV that can't be made smaller: 48 kHz, stereo, 32 bits."""
    piece = random.Random(1).randbytes(8 * PIECE_BYTES)
    with path.open("wb") as out, wave.open(out, "wb") as sound:
        sound.setparams((2, 4, 48_000, size_bytes // 8, "NONE", ""))
        for begin in range(0, size_bytes, len(piece)):
            # Turned, as nothing may be the same twice.
            turned = begin // len(piece) % len(piece)
            sound.writeframesraw((piece[turned:] + piece[:turned])[: size_bytes - begin])
    return path


def copy_s(source: Path, target: Path) -> float:
    begun = time.perf_counter()
    with source.open("rb") as read, target.open("wb") as write:
        while piece := read.read(PIECE_BYTES):
            write.write(piece)
        write.flush()
        os.fsync(write.fileno())
    took_s = time.perf_counter() - begun
    target.unlink()
    return took_s


@dataclass
class Client:
    """Speaks tus; the file goes from the disk into the line without passing through Python."""

    url: str
    key: str
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = {"Authorization": f"Bearer {self.key}", "Tus-Resumable": tus.VERSION}

    def upload_s(self, source: Path) -> float:
        size = source.stat().st_size
        begun = time.perf_counter()
        place = self._begin(source.name, size)
        with closing(self._line()) as line:
            self._announce(line, place, size)
            assert isinstance(line.sock, socket.socket)
            with source.open("rb") as file:
                line.sock.sendfile(file)
            answer = line.getresponse()
            said = answer.read()
        took_s = time.perf_counter() - begun
        if answer.status != 204:
            raise SystemExit(f"The upload ended with {answer.status}: {said[:300]!r}")
        return took_s

    def _line(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=600)

    def _begin(self, name: str, size: int) -> str:
        named = f"filename {b64encode(name.encode()).decode()}"
        with closing(self._line()) as line:
            sent = {**self.headers, "Upload-Length": str(size), "Upload-Metadata": named}
            line.request("POST", f"{urlsplit(self.url).path}/uploads", headers=sent)
            answer = line.getresponse()
            said = answer.read()
        if answer.status != 201:
            raise SystemExit(f"The upload was refused with {answer.status}: {said[:300]!r}")
        return answer.headers["Location"]

    def _announce(self, line: http.client.HTTPConnection, place: str, size: int) -> None:
        line.putrequest("PATCH", place)
        about = {"Upload-Offset": "0", "Content-Type": tus.BODY_TYPE, "Content-Length": str(size)}
        for name, value in {**self.headers, **about}.items():
            line.putheader(name, value)
        line.endheaders()


@dataclass
class Watched:
    """What a process takes meanwhile."""

    begin_rss: int
    most_rss: int
    cpu_s: float = 0.0

    @property
    def growth_mib(self) -> float:
        return (self.most_rss - self.begin_rss) / (1 << 20)


@contextmanager
def watching(process: psutil.Process) -> Iterator[Watched]:
    rss = process.memory_info().rss
    watched, stop, before = Watched(rss, rss), threading.Event(), process.cpu_times()

    def look() -> None:
        while not stop.wait(SAMPLED_EVERY_S):
            watched.most_rss = max(watched.most_rss, process.memory_info().rss)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watched
    finally:
        stop.set()
        thread.join()
        after = process.cpu_times()
        watched.cpu_s = after.user + after.system - before.user - before.system


def key_for(engine: sa.Engine) -> str:
    person = People(engine).add("bench", "bench", None, [Role.ANALYST])
    return keys.create(engine, NewKey("bench", person.id, [Scope.RECORDINGS]))[0]


def server_of(url: str) -> psutil.Process:
    port = urlsplit(url).port
    for process in psutil.Process().children():
        if any(each.laddr and each.laddr.port == port for each in process.net_connections("tcp")):
            return process
    raise SystemExit("The server's process is not found.")


def main() -> None:
    asked = form.arguments(__doc__ or "")
    size = QUICK_SIZE_BYTES if asked.quick else SIZE_BYTES
    copies, sendings = [], []
    with tempfile.TemporaryDirectory() as name, postgres(Path(name)) as engine:
        folder = Path(name)
        form.note(f"writing {size / 1e9:.1f} GB")
        small, large = noise(folder / "small.wav", SMALL_BYTES), noise(folder / "large.wav", size)
        with web(engine.url.render_as_string(hide_password=False), folder) as url:
            client = Client(url, key_for(engine))
            client.upload_s(small)
            with watching(server_of(url)) as watched:
                for number in range(ROUNDS):
                    copies.append(copy_s(large, folder / "copy"))
                    sendings.append(client.upload_s(large))
                    form.note(f"round {number + 1}: copied in {copies[-1]:.2f} s, uploaded in {sendings[-1]:.2f} s")
    copied_mb_s, uploaded_mb_s = (size / 1e6 / statistics.median(each) for each in (copies, sendings))
    figures = {
        "ratio_to_copy": uploaded_mb_s / copied_mb_s,
        "rss_growth_mib": watched.growth_mib,
        "copy_mb_s": copied_mb_s,
        "upload_mb_s": uploaded_mb_s,
        "cpu_s_per_gb": watched.cpu_s / (ROUNDS * size / 1e9),
    }
    form.table(("figure", "value"), list(figures.items()))
    form.close("upload", figures)


if __name__ == "__main__":
    main()
