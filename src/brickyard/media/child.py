"""Runs one function on one file in a fresh process that hostile media may crash, fill or stall without harm.

The child is a new interpreter (never a fork of the server), sees a bare environment and no standard input,
has limits on memory, CPU time, open files and bytes written, and dies with its parent.
It answers in JSON lines:

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
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import IO, Any

from brickyard.kit.errors import BadMedia, BrickyardError, by_code
from brickyard.kit.logs import get
from brickyard.media.limits import ChildLimits

log = get(__name__)

LOGGED_BYTES = 4000
ADVICE = "It is damaged or not what it claims to be; convert it to WAV, FLAC or MP4 and upload it again."


async def run(
    call: str,
    arguments: Mapping[str, Any],
    limits: ChildLimits,
    on_report: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """The result of `call` ("package.module:function") in a child.

    The function is called as `function(report, **arguments)`, where `report(dict)` reaches `on_report`.
    Raises the error it raised; BadMedia where it crashed or passed a limit. Cancelling kills the child first.
    """
    with tempfile.TemporaryFile() as said:
        process = await _start(call, arguments, limits, said)
        try:
            async with asyncio.timeout(limits.wall_s):
                answer = await _listen(process, on_report)
                status = await process.wait()
        except TimeoutError:
            raise BadMedia(f"The file could not be read within {limits.wall_s:g} s. {ADVICE}") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return _verdict(call, answer, status, limits, said)


async def _start(
    call: str, arguments: Mapping[str, Any], limits: ChildLimits, said: IO[bytes]
) -> asyncio.subprocess.Process:
    request = {"call": call, "arguments": arguments, "limits": asdict(limits), "parent": os.getpid()}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-s", "-X", "faulthandler", "-X", "utf8"),
        *("-m", "brickyard.media.inside", json.dumps(request)),
        stdin=DEVNULL,
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


async def _listen(
    process: asyncio.subprocess.Process, on_report: Callable[[dict[str, Any]], None] | None
) -> dict[str, Any]:
    """The last line that is not a report; empty where there is none or it makes no sense."""
    assert process.stdout is not None
    answer: dict[str, Any] = {}
    while line := await _line(process.stdout):
        if "report" not in line:
            answer = line
        elif on_report is not None:
            on_report(line["report"])
    return answer


async def _line(stream: asyncio.StreamReader) -> dict[str, Any]:
    try:
        line = json.loads(await stream.readline() or b"{}")
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
