"""What runs in the child that brickyard.media.child starts: limits, confinement, then the one call and its answer."""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import sys
from collections.abc import Callable
from typing import IO, Any

from brickyard.kit.errors import BadMedia, BrickyardError, TooLarge, Unavailable
from brickyard.media.confine import confine, cut_off

OPEN_FILES = 64


def main() -> None:
    request = _request()
    cut_off(request["parent"])
    _keep_within(**request["limits"])
    answers = _claim_stdout()

    def send(line: dict[str, Any]) -> None:
        answers.write(json.dumps(line).encode() + b"\n")
        answers.flush()

    def report(news: dict[str, Any]) -> None:
        send({"report": news})

    send(_answer(request, report))


def _request() -> dict[str, Any]:
    """What stands on standard input, which holds nothing more from then on."""
    request: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    return request


def _answer(request: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    try:
        module, _, name = request["call"].partition(":")
        function = getattr(importlib.import_module(module), name)
        confine(request["reads"], request["writes"])
        return {"result": function(report, **request["arguments"])}
    except BrickyardError as error:
        return _error(error)
    except MemoryError:
        memory_mib = request["limits"]["memory_mib"]
        return _error(BadMedia(f"Reading the file takes more than {memory_mib} MiB of memory; it is damaged."))
    except OSError as error:
        return _error(_from_os(error, request["limits"]["written_mib"]))


def _error(error: BrickyardError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message}}


def _from_os(error: OSError, written_mib: int) -> BrickyardError:
    if error.errno == errno.EFBIG:
        return TooLarge(f"The decoded sound takes more than {written_mib} MiB, which is the limit.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable("There is no room left on the disk for the decoded sound; free some and try again.")
    return Unavailable(f"A file could not be read or written: {error.strerror or error}.")


def _keep_within(memory_mib: int, cpu_s: int, written_mib: int, wall_s: float) -> None:
    # wall_s is the parent's to watch: a child that sleeps would not notice it.
    del wall_s
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, memory_mib << 20)
    _limit(resource.RLIMIT_CPU, cpu_s)
    _limit(resource.RLIMIT_FSIZE, written_mib << 20)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)


def _limit(which: int, value: int) -> None:
    """Never above what the process was given: raising a hard limit is forbidden."""
    _, hard = resource.getrlimit(which)
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    # Past the hard limit on CPU the signal is SIGKILL; some room lets SIGXCPU say first what happened.
    room = 5 if which == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else 0
    resource.setrlimit(which, (allowed, allowed + room))


def _claim_stdout() -> IO[bytes]:
    """A stream of our own where stdout was; what libraries print goes to stderr and can't forge an answer."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


if __name__ == "__main__":
    main()
