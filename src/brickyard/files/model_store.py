"""The model store on disk: a folder a model, its manifest beside its files, placed whole or not at all.

    <store>/<brick>/<name>/model.json      the manifest: what it is, where it comes from, the hash of every file
    <store>/<brick>/<name>/...             the model's files
    <store>/<brick>/.coming-<name>/        what is on its way here; nothing reads it before it is whole

A folder that an operator filled by hand has no manifest: it can be used, but not verified.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from brickyard.kit.errors import BadInput, Conflict, NotFound, TooLarge

MANIFEST = "model.json"
CARD = "card.json"
BRICKS = ("asr", "diarize", "translate", "ocr")
PIECE_BYTES = 1 << 20
SPARE_BYTES = 64 << 20
"""Left free on the store's disk."""
LONGEST_PATH = 400

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')


def checked_path(text: str) -> str:
    """A file's path inside a model's folder, with `/`. Raises ValueError for one that could lead elsewhere."""
    parts = text.split("/")
    if not text or len(text.encode("utf-8", "surrogatepass")) > LONGEST_PATH or _FORBIDDEN.search(text):
        raise ValueError(
            f"{text[:80]!r} is no file name for a model: it is empty, too long, or has letters like \\ or :"
        )
    if any(part in ("", ".", "..") or part != part.strip() for part in parts) or not text.isprintable():
        raise ValueError(f"{text!r} is no file name for a model: it has to stay inside the model's folder")
    if text == MANIFEST:
        raise ValueError(f"{MANIFEST} is the name of the manifest itself")
    return text


def checked_name(text: str) -> str:
    """Raises ValueError."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no name for a model: use letters, digits, dots, dashes and underscores")
    return text


def checked_brick(text: str) -> str:
    """Raises ValueError."""
    if text not in BRICKS:
        raise ValueError(f"{text[:80]!r} is no brick that takes models from the store; these do: {', '.join(BRICKS)}")
    return text


class StoredFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, AfterValidator(checked_path)]
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


def check_together(paths: Sequence[str]) -> None:
    """Every path once, also where letters' case does not count, and none a folder's. Raises ValueError."""
    folded = {path.casefold() for path in paths}
    folders = {str(parent) for path in folded for parent in PurePosixPath(path).parents}
    if len(folded) != len(paths) or folded & folders:
        raise ValueError("two files of the model have the same path, or one has a folder's")


def _one_folder(files: tuple[StoredFile, ...]) -> tuple[StoredFile, ...]:
    check_together([file.path for file in files])
    return files


class Manifest(BaseModel):
    """What a model is, as `model.json` keeps it. `revision` is the hub's commit, empty where there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(checked_name)]
    brick: Annotated[str, AfterValidator(checked_brick)]
    engine: str
    source: str
    revision: str = ""
    licence: str
    languages: tuple[str, ...] = ()
    files: Annotated[tuple[StoredFile, ...], Field(min_length=1), AfterValidator(_one_folder)]
    pulled_at: datetime

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def same_files(self, other: Manifest) -> bool:
        return set(self.files) == set(other.files)


class Wrong(StrEnum):
    CHANGED = "changed"
    MISSING = "missing"
    EXTRA = "extra"


class Fault(BaseModel):
    """What is wrong with one file of a model. `path` is relative to the model's folder."""

    path: str
    wrong: Wrong
    detail: str


def read_manifest(folder: Path) -> Manifest | None:
    """None where the folder has none. Raises BadInput for one that can't be read."""
    file = folder / MANIFEST
    if not file.is_file():
        return None
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise BadInput(
            f"{file} is no manifest of a model: {problems(error)}. Pull or import the model again."
        ) from error


def problems(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()[:3])


def hash_of(file: Path, on_bytes: Callable[[int], None] = lambda _: None) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while piece := content.read(PIECE_BYTES):
            digest.update(piece)
            on_bytes(len(piece))
    return digest.hexdigest()


def describe(folder: Path) -> tuple[StoredFile, ...]:
    """The files of a folder that has no manifest, hashed. Raises BadInput for links and names not allowed."""
    return tuple(_described(folder, path) for path in _paths(folder) if path != MANIFEST)


def _described(folder: Path, path: str) -> StoredFile:
    file = folder / path
    if file.is_symlink() or not file.is_file():
        raise BadInput(f"{file} is no plain file. Put a copy in its place.")
    try:
        return StoredFile(path=path, bytes=file.stat().st_size, sha256=hash_of(file))
    except ValidationError as error:
        raise BadInput(f"{file} can't be part of a model: {problems(error)}.") from error


def faults(folder: Path, manifest: Manifest, on_bytes: Callable[[int], None] = lambda _: None) -> list[Fault]:
    """Every file held against the manifest, byte by byte.

    A `card.json` that the manifest does not know is the operator's own word on the model, and no fault.
    """
    found = [fault for file in manifest.files if (fault := _fault(folder, file, on_bytes))]
    known = {file.path for file in manifest.files} | {MANIFEST, CARD}
    extra = [path for path in _paths(folder) if path not in known]
    return [*found, *(Fault(path=path, wrong=Wrong.EXTRA, detail="is not in the manifest") for path in extra)]


def looks_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every file is there with its size: quick, and no proof."""
    return all(_size_fault(folder, file) is None for file in manifest.files)


def _fault(folder: Path, file: StoredFile, on_bytes: Callable[[int], None]) -> Fault | None:
    by_size = _size_fault(folder, file)
    if by_size:
        return by_size
    digest = hash_of(folder / file.path, on_bytes)
    if digest == file.sha256:
        return None
    return Fault(path=file.path, wrong=Wrong.CHANGED, detail=f"SHA-256 is {digest}, not {file.sha256}")


def _size_fault(folder: Path, file: StoredFile) -> Fault | None:
    path = folder / file.path
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return Fault(path=file.path, wrong=Wrong.CHANGED, detail="is no plain file any more")
    if not path.is_file():
        return Fault(path=file.path, wrong=Wrong.MISSING, detail="is not there")
    size = path.stat().st_size
    if size != file.bytes:
        return Fault(path=file.path, wrong=Wrong.CHANGED, detail=f"has {size:,} bytes, not {file.bytes:,}")
    return None


def _paths(folder: Path) -> list[str]:
    """Everything below that is no folder, links to folders among it."""
    found = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    return sorted(path.relative_to(folder).as_posix() for path in found)


class Coming:
    """A model on its way into the store: `whole` becomes its folder, `parts` holds what is not complete yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.whole = folder / "whole"
        self.parts = folder / "parts"

    def begin(self, of: str) -> None:
        """Keep what an earlier attempt left, if it was of the same content; else start afresh."""
        mark = self.folder / "of"
        if not mark.is_file() or mark.read_text("utf-8") != of:
            self.clear()
            mark.write_text(of, "utf-8")
        for folder in (self.whole, self.parts):
            folder.mkdir(exist_ok=True)

    def path(self, of: str) -> Path:
        """Where a complete file of the model goes; its folders are made."""
        return _with_folders(self.whole / of)

    def part(self, of: str) -> Path:
        return _with_folders(self.parts / of)

    def clear(self) -> None:
        for path in self.folder.iterdir():
            if path.name != "lock":
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _with_folders(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


class ModelStore:
    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, brick: str, name: str) -> Path:
        return self.root / brick / name

    def manifests(self) -> list[Manifest]:
        """Of every model that has one, by brick and name."""
        folders = [folder for brick in BRICKS for folder in _visible(self.root / brick)]
        return [manifest for folder in folders if (manifest := read_manifest(folder))]

    def find(self, name: str) -> Manifest:
        """By its name, or by `brick/name` where two bricks have the same name. Raises NotFound, BadInput."""
        known = self.manifests()
        found = [each for each in known if name in (each.name, f"{each.brick}/{each.name}")]
        if len(found) == 1:
            return found[0]
        if found:
            raise BadInput(f"Two models are called {name}; say {' or '.join(f'{m.brick}/{m.name}' for m in found)}.")
        names = ", ".join(f"{each.brick}/{each.name}" for each in known) or "none"
        raise NotFound(f"The store {self.root} has no model {name} with a manifest; those it has: {names}.")

    def check_room(self, needed_bytes: int) -> None:
        """Raises TooLarge where the disk has no room for so much more."""
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if needed_bytes + SPARE_BYTES > free:
            raise TooLarge(
                f"The model needs {needed_bytes:,} more bytes, and the disk of {self.root} has {free:,} free. "
                "Make room there, or name another folder with --store."
            )

    @contextmanager
    def coming(self, brick: str, name: str) -> Iterator[Coming]:
        """A folder beside the model's own, which stays until the model is placed. Raises Conflict if in use."""
        folder = self.root / brick / f".coming-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(
                    f"{brick}/{name} is being pulled or imported already. Wait until that is done."
                ) from error
            yield Coming(folder)

    def place(self, coming: Coming, manifest: Manifest, *, replace: bool = False) -> Path:
        """Make what has come the model: by one rename, and a second where another one gives way to it.

        Raises Conflict where there is a model of that name, unless `replace`.
        """
        target = self.folder(manifest.brick, manifest.name)
        if target.exists() and not replace:
            raise already_there(manifest.brick, manifest.name)
        (coming.whole / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", "utf-8")
        _sync(coming.whole)
        old = target.with_name(f".old-{manifest.name}-{uuid4().hex}")
        if target.exists():
            target.rename(old)
        try:
            coming.whole.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        _sync_entry(target.parent)
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(coming.folder, ignore_errors=True)
        return target


def already_there(brick: str, name: str) -> Conflict:
    return Conflict(
        f"The store has another model {brick}/{name} already. "
        "Give --replace to put this one in its place, or choose another name."
    )


def _visible(parent: Path) -> Iterable[Path]:
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def _sync(folder: Path) -> None:
    """On the disk before the rename is: a crash must not leave a model of empty files."""
    for path in folder.rglob("*"):
        _sync_entry(path)
    _sync_entry(folder)


def _sync_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
