"""What client and broker say to each other: one JSON object a line.

    → {"id": 1, "do": "hello", "holder": "brick-asr", "pid": 4711, "token": "", "at_once": 1, "evicts": true}
    → {"id": 2, "do": "acquire", "kind": "working", "device": null, "memory_mib": 1900, "priority": "standard",
       "tenant": "asr", "user": "anna", "waited_s": 0.0, "held": false,
       "model": {"name": "whisper-turbo", "weights_mib": 1632, "reload_s": 2.1, "pinned": false},
       "limit_s": null, "notice_s": 0.0}
    → {"id": 3, "do": "release", "lease": 2}            → {"id": 4, "do": "unloaded", "model": "whisper-turbo"}
    → {"id": 9, "do": "loaded", "model": "whisper-turbo"}
    → {"id": 5, "do": "report", "device": "cuda:0", "held_mib": 3900, "allocated_mib": 3100}
    → {"id": 6, "do": "oom", "device": "cuda:0", "model": "whisper-turbo", "batch": 8, "rung": "halve batch"}
    → {"id": 7, "do": "make_room", "device": "cuda:0", "memory_mib": 2000}            → {"id": 8, "do": "status"}
    ← {"id": 2, "ok": {…}}     or     {"id": 2, "error": {"code": …, "message": …}}
    ← {"event": "evict", "model": "whisper-turbo"}      ← {"event": "yield", "lease": 2}
    ← {"event": "notice", "lease": 9, "ends_in_s": 300}  ← {"event": "expired", "lease": 9}

Answers come in any order: that of `acquire` when the lease is granted. A lease is named by the id of its
`acquire`, within its connection, so that one who no longer wants to wait can say so like one who is done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from brickyard.gpu.lease import LeaseKind, Model, PriorityClass, Request
from brickyard.kit.errors import BadInput, BrickyardError

LONGEST_LINE = 1 << 20

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Raises BadInput where `line` is not one object in JSON."""
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise BadInput("A line was received that is not a JSON object.")
    return message


def failure(message_id: Any, error: BrickyardError) -> Message:
    return {"id": message_id, "error": {"code": error.code, "message": error.message}}


def request(message: Message, holder: str, default_device: str, now: float, order: int) -> Request:
    """What an `acquire` asks for. Raises BadInput for anything that makes no sense."""
    try:
        priority, kind = PriorityClass(str(message.get("priority"))), LeaseKind(str(message.get("kind")))
    except ValueError as error:
        raise BadInput(f"{error}. Classes: {', '.join(PriorityClass)}; kinds: {', '.join(LeaseKind)}.") from None
    limit_s = None if message.get("limit_s") is None else seconds(message, "limit_s")
    if kind is LeaseKind.NOTEBOOK and not limit_s:
        raise BadInput("A notebook's lease needs a time limit: say how many seconds it may last in limit_s.")
    return Request(
        id=f"{holder}/{whole(message, 'id')}",
        holder=holder,
        device=str(message.get("device") or default_device),
        memory_mib=whole(message, "memory_mib"),
        priority=priority,
        kind=kind,
        asked_at=now - seconds(message, "waited_s"),
        order=order,
        tenant=str(message.get("tenant") or ""),
        user=str(message.get("user") or ""),
        model=_model(message.get("model")),
        limit_s=limit_s,
        notice_s=seconds(message, "notice_s"),
    )


def model_message(model: Model | None) -> Message | None:
    if model is None:
        return None
    return {
        "name": model.name,
        "weights_mib": model.weights_mib,
        "reload_s": round(model.reload_s, 3),
        "pinned": model.pinned,
    }


def whole(message: Mapping[str, Any], name: str) -> int:
    value = message.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput(f"{name} is {value!r}; it must be a whole number.")
    return value


def seconds(message: Mapping[str, Any], name: str) -> float:
    value = message.get(name) or 0.0
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise BadInput(f"{name} is {value!r}; it must be a number of seconds, 0 or more.")
    return float(value)


def _model(value: Any) -> Model | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not value.get("name"):
        raise BadInput(f"model is {value!r}; it must be an object with a name and weights_mib.")
    weights_mib = whole(value, "weights_mib")
    if weights_mib <= 0:
        raise BadInput(f"weights_mib is {weights_mib}; it must be more than 0.")
    return Model(str(value["name"]), weights_mib, seconds(value, "reload_s"), bool(value.get("pinned")))
