"""Runs one function on one file in a fresh process that hostile media may crash, fill or stall without harm.

The child is a new interpreter (never a fork of the server), sees a bare environment, has limits on memory, CPU time,
open files and bytes written, may do next to nothing else (brickyard.media.confine), and dies with its parent.
Its request comes over standard input: a command line can be read by every user of the machine, and the request
may hold keys of files. None of it is logged. It answers in JSON lines:

    {"report": …}   any number of times
    {"result": …}   or   {"error": {"code": …, "message": …}}   once, at the end

What runs inside it is brickyard.media.inside.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from brickyard.kit.errors import BadMedia, BrickyardError, by_code
from brickyard.kit.logs import get
from brickyard.media.confine import LAYERS
from brickyard.media.limits import ChildLimits

log = get(__name__)

LOGGED_BYTES = 4000
MOST_ANSWERED_BYTES = 16 << 20
"""All its lines together: a child that hostile media took over shall not fill the server. Hours of video take 1 MiB."""
ADVICE = "It is damaged or not what it claims to be; convert it to WAV, FLAC or MP4 and upload it again."


async def run(
    call: str,
    arguments: Mapping[str, Any],
    limits: ChildLimits,
    on_report: Callable[[dict[str, Any]], None] | None = None,
    *,
    reads: Sequence[Path] = (),
    writes: Sequence[Path] = (),
) -> dict[str, Any]:
    """The result of `call` ("package.module:function") in a child.

    The function is called as `function(report, **arguments)`, where `report(dict)` reaches `on_report`. Of the files
    on this machine it may open those of `reads`, and change those of `writes`, which exist already; a folder
    stands for all that is in it. Paths among the arguments are absolute: the child runs in another folder.
    Raises the error it raised; BadMedia where it crashed or passed a limit. Cancelling kills the child first.
    """
    request = {
        "call": call,
        "arguments": arguments,
        "limits": asdict(limits),
        "parent": os.getpid(),
        "reads": [str(path.absolute()) for path in reads],
        "writes": [str(path.absolute()) for path in writes],
    }
    with tempfile.TemporaryFile() as said:
        process = await _start(said)
        try:
            async with asyncio.timeout(limits.wall_s):
                await _ask(process, request)
                answer = await _listen(process, on_report)
                status = await process.wait()
        except TimeoutError:
            raise BadMedia(f"The file could not be read within {limits.wall_s:g} s. {ADVICE}") from None
        finally:
            if process.returncode is None:
                await _end(process)
        return _verdict(call, answer, status, limits, said)


def confinement() -> dict[str, bool]:
    """Which layers hold here, by name, as a child of its own finds out; all of them do where the kernel is willing."""
    if sys.platform != "linux":
        return dict.fromkeys(LAYERS, False)
    network = str(Path("/proc/self/ns/net").readlink())
    return asyncio.run(run("brickyard.media.confine:look", {"network": network}, ChildLimits()))


async def _start(said: IO[bytes]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-s", "-X", "faulthandler", "-X", "utf8", "-m", "brickyard.media.inside"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=said,
        cwd="/",
        env={
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            # Each thread of the linear algebra library reserves address space, which is limited here.
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        },
        start_new_session=True,
    )


async def _ask(process: asyncio.subprocess.Process, request: dict[str, Any]) -> None:
    """A child that is gone already is found out about when it is listened to."""
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(json.dumps(request).encode())
        await process.stdin.drain()
    process.stdin.close()


async def _listen(
    process: asyncio.subprocess.Process, on_report: Callable[[dict[str, Any]], None] | None
) -> dict[str, Any]:
    """The last line that is not a report; empty where there is none or it makes no sense."""
    assert process.stdout is not None
    answer: dict[str, Any] = {}
    answered_bytes = 0
    while said := await _line(process.stdout):
        answered_bytes += len(said)
        if answered_bytes > MOST_ANSWERED_BYTES:
            raise BadMedia(f"Reading the file gave more answers than any recording has. {ADVICE}")
        line = _parsed(said)
        if "report" not in line:
            answer = line
        elif on_report is not None:
            on_report(line["report"])
    return answer


async def _end(process: asyncio.subprocess.Process) -> None:
    """What it still says is read and dropped: asyncio takes no process for ended while there is more in its pipe."""
    assert process.stdout is not None
    process.kill()
    while await process.stdout.read(1 << 16):
        pass
    await process.wait()


async def _line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:  # longer than asyncio takes, which no line of ours is
        raise BadMedia(f"Reading the file gave an answer that makes no sense. {ADVICE}") from None


def _parsed(said: bytes) -> dict[str, Any]:
    try:
        line = json.loads(said)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _verdict(call: str, answer: dict[str, Any], status: int, limits: ChildLimits, said: IO[bytes]) -> dict[str, Any]:
    if status == 0 and isinstance(answer.get("result"), dict):
        result: dict[str, Any] = answer["result"]
        return result
    if status == 0 and isinstance(answer.get("error"), dict):
        raise by_code(str(answer["error"].get("code")), str(answer["error"].get("message")))
    said.seek(max(0, said.seek(0, os.SEEK_END) - LOGGED_BYTES))
    log.error("media child failed", call=call, status=status, said=said.read().decode(errors="replace"))
    if status >= 0:
        raise BrickyardError(f"Reading the file failed inside {call}; the log of the server says why.")
    raise BadMedia(f"The file {_death(-status, limits)}. {ADVICE}")


def _death(number: int, limits: ChildLimits) -> str:
    if number == signal.SIGXCPU:
        return f"took more than {limits.cpu_s} s of computing to read"
    if number == signal.SIGKILL:
        return "was given up by the system while it was read, most likely for lack of memory"
    return f"made its decoder crash ({signal.Signals(number).name})"
