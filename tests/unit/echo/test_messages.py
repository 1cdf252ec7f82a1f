"""The catalogs of the app: French says all that English says, with the same values in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

MESSAGES = REPOSITORY / "ui" / "src" / "messages"
AREAS = sorted(path.stem for path in (MESSAGES / "en").glob("*.json"))
SOURCE = "\n".join(
    path.read_text()
    for path in sorted((REPOSITORY / "ui" / "src").rglob("*"))
    if path.suffix in {".svelte", ".ts"} and path.name != "schema.d.ts"
)

NEVER_OF_NONE = {"deleted", "move_title", "moved", "moved_out", "send", "signed_out", "who_says_lines"}
"""In French 0 is said as 1 is; these are said of one at least."""


def catalog(language: str, area: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MESSAGES / language / f"{area}.json").read_text())
    return found


def forms(message: str | dict[str, str]) -> list[str]:
    return [message] if isinstance(message, str) else list(message.values())


def values(message: str | dict[str, str]) -> set[str]:
    return {name for form in forms(message) for name in re.findall(r"\{(\w+)\}", form)}


@pytest.mark.parametrize("area", AREAS)
def test_french_says_all_that_english_says(area: str) -> None:
    english, french = catalog("en", area), catalog("fr", area)
    assert set(english) == set(french)
    for key, message in english.items():
        assert all(form.strip() for form in forms(french[key])), key
        assert values(french[key]) - {"n"} == values(message) - {"n"}, key
        if not isinstance(message, str):
            assert "other" in message, key
        if not isinstance(french[key], str):
            assert "{n}" in french[key].get("one", "{n}") or key in NEVER_OF_NONE, f"fr {area}.{key}: 0 is said so, too"


@pytest.mark.parametrize("area", AREAS)
def test_every_message_is_said_somewhere(area: str) -> None:
    """By its whole key, or by one that is put together of its first part: `t(`queue.state_${state}`)`."""
    put_together = re.findall(rf"[`]{area}\.([\w.]*)\$\{{", SOURCE) + ([""] if area == "help" else [])
    for key in catalog("en", area):
        is_said = re.search(rf"[\"'`]{area}\.{re.escape(key)}[\"'`]", SOURCE)
        assert is_said or any(key.startswith(first) for first in put_together), f"{area}.{key} is said nowhere"


def test_the_catalogs_are_the_same_files() -> None:
    assert [path.name for path in sorted((MESSAGES / "fr").iterdir())] == [
        path.name for path in sorted(Path(MESSAGES / "en").iterdir())
    ]
