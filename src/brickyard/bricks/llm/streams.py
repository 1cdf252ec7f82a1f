"""How each API streams an answer, and how an error is told once it has begun. Pure."""

from __future__ import annotations

import json
import re

from brickyard.kit.errors import BrickyardError

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"

_EMPTY_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')


def error_within(content_type: str, error: BrickyardError) -> bytes:
    """What a client of the stream takes for an error; nothing where the answer is no stream."""
    if content_type.startswith(EVENTS):
        told = {"error": {"message": error.message, "type": "server_error", "param": None, "code": error.code}}
        return b"data: " + json.dumps(told).encode() + b"\n\n"
    if content_type.startswith(LINES):
        return json.dumps({"error": error.message}).encode() + b"\n"
    return b""


class WithoutUsage:
    """Leaves out of a stream of events the one that only tells the usage, for a client that did not ask for it.

    What comes is passed on at once, unless an event is not whole yet.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._ends = b""

    def feed(self, data: bytes) -> bytes:
        if not self._ends and b"\n" in data:
            self._ends = b"\r\n\r\n" if b"\r\n" in self._rest + data else b"\n\n"
        if not self._ends:
            self._rest += data
            return b""
        if not self._rest and b'"usage"' not in data and data.endswith(self._ends):
            return data
        *events, self._rest = (self._rest + data).split(self._ends)
        return b"".join(event + self._ends for event in events if not tells_only_usage(event))

    def rest(self) -> bytes:
        rest, self._rest = self._rest, b""
        return b"" if tells_only_usage(rest) else rest


def tells_only_usage(event: bytes) -> bool:
    return b'"usage"' in event and _EMPTY_CHOICES.search(event) is not None
