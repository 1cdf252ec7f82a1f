"""What client and broker say to each other: one JSON object a line.

    → {"id": 1, "do": "hello", "holder": "brick-asr", "pid": 4711}
    → {"id": 2, "do": "acquire", "device": null, "memory_mib": 1900, "priority": "standard",
       "kind": "working", "tenant": "anna", "waited_s": 0.0, "held": false}
    → {"id": 3, "do": "release", "lease": 2}          → {"id": 4, "do": "status"}
    ← {"id": 2, "ok": {…}}     or     {"id": 2, "error": {"code": …, "message": …}}

Answers come in any order: that of `acquire` when the lease is granted. A lease is named by the id of its
`acquire`, within its connection, so that one who no longer wants to wait can say so like one who is done.
"""

from __future__ import annotations

import json
from typing import Any

from brickyard.kit.errors import BadInput, BrickyardError

LONGEST_LINE = 1 << 20


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Raises BadInput where `line` is not one object in JSON."""
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise BadInput("A line was received that is not a JSON object.")
    return message


def failure(message_id: Any, error: BrickyardError) -> dict[str, Any]:
    return {"id": message_id, "error": {"code": error.code, "message": error.message}}
