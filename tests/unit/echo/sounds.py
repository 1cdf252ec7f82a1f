"""Recordings for the app's tests: real speech out of a wheel, and things that are none."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def speech_file(name: str = "beckett.wav") -> Path:
    spec = find_spec("moonshine_voice")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "assets" / name


def left(folder: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
