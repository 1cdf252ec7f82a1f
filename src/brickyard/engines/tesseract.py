"""Reads text with the program `tesseract`: the scripts that the default engine does not know.

The program is started anew for each image, gets pixels through its standard input and answers on its standard output;
it sees no file of ours and a bare environment. What it can read is what `--list-langs` says.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from brickyard.engines.base import Image, MemoryUse, TextLine
from brickyard.engines.scripts import LANGUAGES, languages_of, scripts_of
from brickyard.kit.errors import OutOfMemory, Unavailable, Unsupported

NAME = "tesseract"
PROGRAM = "tesseract"
PATIENCE_S = 120.0
LIST_PATIENCE_S = 10.0
LETTERS_PX = 1600
"""Smaller images are enlarged to about this size, at most twice: it wants letters of 20 pixels and more."""
WORD_LEVEL = "5"
NO_ROOM = ("bad_alloc", "cannot allocate", "out of memory")


@dataclass(frozen=True, slots=True)
class Installed:
    """The program, and the packs of data that it has."""

    program: Path
    packs: frozenset[str]

    @property
    def languages(self) -> frozenset[str]:
        return languages_of(self.packs)

    @property
    def scripts(self) -> frozenset[str]:
        return scripts_of(self.languages)


def installed(data: Path | None = None) -> Installed | None:
    """None where there is no such program, or none that works. `data`: where its packs lie, if not at their place."""
    found = shutil.which(PROGRAM)
    if found is None:
        return None
    try:
        said = subprocess.run(
            [found, *_at(data), "--list-langs"],
            capture_output=True,
            timeout=LIST_PATIENCE_S,
            check=True,
            env=_SURROUNDINGS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # The first line is a heading; older versions write all of it to the other stream.
    listed = (said.stdout or said.stderr).decode(errors="replace").splitlines()[1:]
    return Installed(Path(found), frozenset(name.strip() for name in listed if name.strip()))


_SURROUNDINGS = {"OMP_THREAD_LIMIT": "1", "LC_ALL": "C"}
"""One thread: its own use of several costs far more than it gains, and images are read side by side anyway."""


class Tesseract:
    """The `ocr` contract. Without a hint, every language that is installed is tried at once, which is slow."""

    name = NAME
    parallel = True
    batches: tuple[int, ...] = (1,)
    frees_memory = True

    def __init__(self, data: Path | None = None) -> None:
        found = installed(data)
        if found is None or not found.languages:
            raise Unavailable(
                "The program tesseract is not installed, or has no data for any language: install it with your "
                "system's packages, such as tesseract-ocr and tesseract-ocr-rus."
            )
        self._installed = found
        self._data = data
        self.languages = found.languages
        self.scripts = found.scripts

    def read(self, images: Sequence[Image], languages: Sequence[str], batch: int = 1) -> list[list[TextLine]]:
        packs = self._packs(languages)
        return [self._read(image, packs) for image in images]

    def drop_caches(self) -> None:
        """Nothing is kept between two images."""

    def memory(self) -> MemoryUse | None:
        """It lies in other processes, for as long as they read."""
        return None

    def close(self) -> None:
        """Nothing is held."""

    def _packs(self, languages: Sequence[str]) -> list[str]:
        missing = sorted(set(languages) - self.languages)
        if missing:
            raise Unsupported(
                f"The engine {NAME} has data for {', '.join(sorted(self.languages))}, not for {', '.join(missing)}. "
                f"Install its data, such as the package tesseract-ocr-{_pack(missing[0])}."
            )
        return list(dict.fromkeys(_pack(code) for code in languages or sorted(self.languages)))

    def _read(self, image: Image, packs: Sequence[str]) -> list[TextLine]:
        picture = _enlarged(image)
        command = [str(self._installed.program), *_at(self._data), "-", "-", "-l", "+".join(packs), "tsv"]
        try:
            answer = subprocess.run(
                command, input=_pnm(picture), capture_output=True, timeout=PATIENCE_S, check=False, env=_SURROUNDINGS
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{NAME} has not read an image within {PATIENCE_S:.0f} s; it was ended.") from None
        except OSError as error:
            raise Unavailable(f"{NAME} could not be started: {error.strerror}.") from error
        if answer.returncode:
            raise _failure(answer.returncode, answer.stderr.decode(errors="replace"))
        height, width = picture.shape[:2]
        return lines_of(answer.stdout.decode(errors="replace"), width, height)


def lines_of(table: str, width: int, height: int) -> list[TextLine]:
    """The lines in tesseract's table of words, as parts of an image of this size, in its order."""
    lines: dict[tuple[str, ...], list[list[str]]] = {}
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and cells[0] == WORD_LEVEL and cells[11].strip() and float(cells[10]) >= 0:
            lines.setdefault(tuple(cells[1:5]), []).append(cells[6:])
    return [_line(words, width, height) for words in lines.values()]


def _line(words: Sequence[Sequence[str]], width: int, height: int) -> TextLine:
    """From words as left, top, width, height, confidence in percent, text. Longer words count for more."""
    texts = [word[5].strip() for word in words]
    letters = sum(map(len, texts))
    confidence = sum(float(word[4]) * len(text) for word, text in zip(words, texts, strict=True)) / letters / 100
    lefts, tops, widths, heights = (np.array([int(word[side]) for word in words]) for side in range(4))
    box = (
        float(lefts.min() / width),
        float(tops.min() / height),
        float(min(1.0, (lefts + widths).max() / width)),
        float(min(1.0, (tops + heights).max() / height)),
    )
    return TextLine(" ".join(texts), min(1.0, confidence), box)


def _enlarged(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = min(2.0, LETTERS_PX / max(height, width))
    if scale <= 1:
        return image
    size = (round(width * scale), round(height * scale))
    return np.asarray(Pictures.fromarray(image).resize(size, Pictures.Resampling.BICUBIC))


def _pnm(image: Image) -> bytes:
    """The plainest format there is: a head, then the pixels."""
    return b"P6 %d %d 255\n" % (image.shape[1], image.shape[0]) + np.ascontiguousarray(image).tobytes()


def _pack(language: str) -> str:
    return LANGUAGES[language].pack if language in LANGUAGES else language


def _at(data: Path | None) -> list[str]:
    return [] if data is None else ["--tessdata-dir", str(data)]


def _failure(status: int, said: str) -> OutOfMemory | Unavailable:
    if status == -9 or any(sign in said.lower() for sign in NO_ROOM):
        return OutOfMemory(f"{NAME} had no memory for an image ({said.strip()[-200:]}).")
    return Unavailable(f"{NAME} failed with status {status}: {said.strip()[-200:] or 'it said nothing'}.")
