"""What SECURITY.md says is done has to be shown by something that is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATHS = re.compile(r"`((?:src|tests|docs|deploy)/[^`\s]+)`")


def test_every_file_that_it_names_is_there() -> None:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = PATHS.findall(page)
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_row_of_what_is_done_names_a_test() -> None:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    tables = re.findall(r"\| what is done \| shown by \|\n\|---\|---\|\n((?:\|.*\n)+)", page)
    rows = [row for table in tables for row in table.splitlines()]
    assert len(tables) == 7
    assert [row for row in rows if not re.search(r"`tests/[^`]+test_\w+\.py` ?[,|]", row)] == []


def test_every_actor_has_what_is_not_promised() -> None:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    actors = page.split("\n### ")[1:]
    assert len(actors) == 7
    assert all("*Not promised*" in actor for actor in actors)
