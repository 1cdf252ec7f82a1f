from __future__ import annotations

from typing import Any

from rich.console import Console

from brickyard.cli.card import view

STATUS: dict[str, Any] = {
    "devices": [
        {
            "name": "cuda:0",
            "budget_mib": 81_559,
            "resident_mib": 20_000,
            "working_mib": 1_900,
            "notebook_mib": 20_000,
            "elsewhere_mib": 300,
            "free_mib": 39_359,
            "fragmented_mib": 812,
            "slots": 2,
            "computing": 1,
            "notebook_limit_mib": 40_000,
        }
    ],
    "weights": [
        {
            "model": "whisper-turbo",
            "holder": "brick-asr",
            "device": "cuda:0",
            "memory_mib": 1_632,
            "pinned": True,
            "loading": False,
            "leaving": False,
            "reload_s": 2.1,
            "loaded_s": 300.0,
            "idle_s": 4.2,
        }
    ],
    "leases": [
        {
            "id": "c1/2",
            "holder": "jupyter",
            "pid": 7,
            "tenant": "notebook",
            "user": "anna",
            "model": None,
            "device": "cuda:0",
            "memory_mib": 20_000,
            "priority": "standard",
            "kind": "notebook",
            "held_s": 600.0,
            "ends_in_s": 3_000.0,
        }
    ],
    "waiting": [
        {
            "id": "c2/5",
            "holder": "brick-ocr",
            "pid": 8,
            "tenant": "ocr",
            "user": "ben",
            "model": "ocr-vlm",
            "device": "cuda:0",
            "memory_mib": 1_000,
            "priority": "batch",
            "kind": "working",
            "place": 1,
            "waited_s": 3.4,
        }
    ],
    "ooms": [
        {
            "at": 1.0,
            "ago_s": 75.0,
            "holder": "brick-asr",
            "device": "cuda:0",
            "model": "whisper-turbo",
            "batch": 8,
            "rung": "halve batch",
        }
    ],
    "holders": [],
    "totals": {},
}


def shown(status: dict[str, Any]) -> str:
    console = Console(width=140, color_system=None)
    with console.capture() as capture:
        console.print(view(status))
    return capture.get()


def test_devices_weights_leases_who_waits_and_what_went_wrong_are_shown() -> None:
    text = shown(STATUS)
    for part in ("81,559", "812", "1 of 2", "whisper-turbo", "pinned", "jupyter (notebook)", "anna", "50 min"):
        assert part in text
    assert "brick-ocr" in text
    assert "ocr-vlm" in text
    assert "halve batch" in text
    assert "75 s ago" in text


def test_an_idle_card_says_so_and_shows_no_empty_tables() -> None:
    text = shown({**STATUS, "weights": [], "leases": [], "waiting": [], "ooms": []})
    assert "Nothing computes and nobody waits." in text
    assert "Waiting" not in text
    assert "Out of memory" not in text


def test_the_bar_is_as_long_as_ever_however_full_the_card_is() -> None:
    full = {**STATUS["devices"][0], "resident_mib": 80_000, "working_mib": 10, "elsewhere_mib": 30_000, "free_mib": 0}
    for device in (STATUS["devices"][0], full):
        line = next(line for line in shown({**STATUS, "devices": [device]}).splitlines() if "cuda:0" in line)
        assert line.count("█") + line.count("·") == 30
