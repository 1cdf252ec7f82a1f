"""The one form of all benchmarks: a table for people, and as the last line one JSON object for programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping


def arguments(what: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--quick", action="store_true", help="a smaller run, within 45 s on 2 cores")
    return parser.parse_args()


def note(text: str) -> None:
    """News while it runs; not part of the result."""
    print(text, file=sys.stderr, flush=True)


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    texts = [head, *[tuple(_text(cell) for cell in row) for row in rows]]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    for row in texts:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def close(name: str, figures: Mapping[str, float | None]) -> None:
    rounded = {key: None if value is None else round(value, 4) for key, value in figures.items()}
    print(json.dumps({"name": name, "figures": rounded}))


def _text(cell: object) -> str:
    if cell is None:
        return "–"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
