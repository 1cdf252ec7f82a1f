"""What `brickyard gpu` shows: devices, weights, leases, who waits, and what went wrong of late."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from brickyard.gpu.wire import Message

BAR = 30
PARTS = {
    "resident_mib": ("█", "cyan", "weights"),
    "working_mib": ("█", "green", "chunks"),
    "notebook_mib": ("█", "magenta", "notebooks"),
    "elsewhere_mib": ("█", "bright_black", "others"),
    "free_mib": ("·", "bright_black", "free"),
}
LATEST_OOMS = 5


def view(status: Message) -> RenderableType:
    parts: list[RenderableType] = [_devices(status["devices"])]
    parts += _unless_empty("Weights", _weights(status["weights"]), status["weights"])
    leases = [lease for lease in status["leases"] if lease["kind"] != "resident" or lease["model"] is None]
    parts += _unless_empty("Leases", _leases(leases), leases)
    parts += _unless_empty("Waiting", _waiting(status["waiting"]), status["waiting"])
    parts += _unless_empty("Out of memory", _ooms(status["ooms"]), status["ooms"])
    if not leases and not status["waiting"]:
        parts.append(Text("\nNothing computes and nobody waits.", style="dim"))
    return Group(*parts)


def _unless_empty(title: str, table: Table, rows: list[Message]) -> list[RenderableType]:
    return [Text(f"\n{title}", style="bold"), table] if rows else []


def _devices(devices: Iterable[Message]) -> Table:
    table = _table("device", "memory", "MiB", "weights", "chunks", "notebooks", "others", "free", "loose", "computing")
    for device in devices:
        slots = "" if device["slots"] is None else f" of {device['slots']}"
        table.add_row(
            device["name"],
            _bar(device),
            _number(device["budget_mib"]),
            *(_coloured(device, part) for part in PARTS),
            _number(device["fragmented_mib"]),
            f"{device['computing']}{slots}",
        )
    return table


def _bar(device: Message) -> Text:
    bar = Text()
    left = BAR
    for part, (sign, style, _) in PARTS.items():
        cells = round(BAR * max(0, device[part]) / max(1, device["budget_mib"]))
        if device[part] > 0 and part != "free_mib":
            cells = max(1, cells)
        cells = left if part == "free_mib" else min(left, cells)
        bar.append(sign * cells, style)
        left -= cells
    return bar


def _coloured(device: Message, part: str) -> Text:
    _, style, _ = PARTS[part]
    return Text(_number(device[part]), style if device[part] > 0 and part != "free_mib" else "")


def _weights(weights: Iterable[Message]) -> Table:
    table = _table("model", "in", "device", "MiB", "used", "")
    for loaded in weights:
        notes = [note for note in ("pinned", "loading", "leaving") if loaded[note]]
        used = f"{_time(loaded['idle_s'])} ago"
        mib = _number(loaded["memory_mib"])
        table.add_row(loaded["model"], loaded["holder"], loaded["device"], mib, used, ", ".join(notes))
    return table


def _leases(leases: Iterable[Message]) -> Table:
    table = _table("lease of", "for", "class", "device", "MiB", "since", "ends in")
    for lease in leases:
        kind = "" if lease["kind"] == "working" else f" ({lease['kind']})"
        table.add_row(
            lease["holder"] + kind,
            lease["user"] or lease["tenant"],
            lease["priority"],
            lease["device"],
            _number(lease["memory_mib"]),
            _time(lease["held_s"]),
            "" if lease["ends_in_s"] is None else _time(lease["ends_in_s"]),
        )
    return table


def _waiting(waiting: Iterable[Message]) -> Table:
    table = _table("place", "holder", "for", "class", "device", "MiB", "model", "waits")
    for request in waiting:
        table.add_row(
            str(request["place"]),
            request["holder"],
            request["user"] or request["tenant"],
            request["priority"],
            request["device"],
            _number(request["memory_mib"]),
            request["model"] or "",
            _time(request["waited_s"]),
        )
    return table


def _ooms(ooms: list[Message]) -> Table:
    table = _table("when", "holder", "model", "batch", "device", "then")
    for oom in reversed(ooms[-LATEST_OOMS:]):
        when = f"{_time(oom['ago_s'])} ago"
        table.add_row(when, oom["holder"], oom["model"], str(oom["batch"]), oom["device"], oom["rung"])
    return table


def _table(*heads: str) -> Table:
    right = {"MiB", "weights", "chunks", "notebooks", "others", "free", "loose", "batch", "place"}
    columns = [Column(head, justify="right" if head in right else "left", no_wrap=True) for head in heads]
    return Table(*columns, box=None, padding=(0, 2, 0, 0))


def _number(mib: int) -> str:
    return f"{mib:,}"


def _time(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
