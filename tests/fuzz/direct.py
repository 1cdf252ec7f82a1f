"""Gives mutants to what reads files, as the platform does: each is to be refused in words, or processed."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from brickyard.kit.errors import BadMedia, BrickyardError, TooLarge
from brickyard.kit.sealed import Stored
from brickyard.media.decode import decode
from brickyard.media.frames import extract_frames
from brickyard.media.limits import Limits
from brickyard.media.pages import draw_pages
from brickyard.media.probe import probe
from tests.fuzz.mutations import Mutant

LIMITS = Limits(max_duration_s=600.0)
CRASH = "made its decoder crash"


@dataclass
class Tally:
    """`wrong`: whatever is neither a refusal in words nor a result, by the mutant's name."""

    refused: Counter[str] = field(default_factory=Counter)
    processed: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)

    @property
    def crashes(self) -> int:
        """Children that a decoder took down; what sent the file saw a refusal."""
        return sum(count for message, count in self.refused.items() if CRASH in message)


async def try_all(mutants: Iterable[Mutant], folder: Path, at_once: int = 2) -> Tally:
    """`folder` is empty again afterwards, but for the mutants that went wrong."""
    tally = Tally()
    waiting = iter(mutants)

    async def work() -> None:
        for mutant in waiting:
            await _try(mutant, folder / mutant.name, tally)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    left = [process for process in psutil.Process().children() if process.status() == psutil.STATUS_ZOMBIE]
    if left:
        tally.wrong["all"] = f"{len(left)} processes were not waited for"
    return tally


async def _try(mutant: Mutant, folder: Path, tally: Tally) -> None:
    (folder / "out").mkdir(parents=True)
    source = folder / "source"
    source.write_bytes(mutant.data)
    for what, reading in (("sound", _listen), ("pages", _look)):
        try:
            await reading(Stored(source), folder / "out")
        except (BadMedia, TooLarge) as error:
            tally.refused[f"{what}: {error.code}: {_without_figures(error.message)}"] += 1
            if list((folder / "out").iterdir()):
                tally.wrong[mutant.name] = f"{what} was refused, and something is left"
        except (BrickyardError, OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
            tally.wrong[mutant.name] = f"{what}: {type(error).__name__}: {error}"
        else:
            tally.processed[what] += 1
        for left in (folder / "out").rglob("*.part"):
            tally.wrong[mutant.name] = f"{what}: {left.name} is left"
        _empty(folder / "out")
    if source.read_bytes() != mutant.data:
        tally.wrong[mutant.name] = "the source was changed"
    if mutant.name not in tally.wrong:
        source.unlink()
        (folder / "out").rmdir()
        folder.rmdir()


async def _listen(source: Stored, folder: Path) -> None:
    found = await probe(source, LIMITS)
    await decode(source, Stored(folder / "sound.wav"), LIMITS)
    if found.has_video:
        try:
            await extract_frames(source, folder / "frames", LIMITS)
        except (BadMedia, TooLarge):
            (folder / "sound.wav").unlink()
            raise


async def _look(source: Stored, folder: Path) -> None:
    await draw_pages(source, folder / "pages")


def _empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _without_figures(message: str) -> str:
    return re.sub(r"\d+(?:[.,:]\d+)*", "N", message)
