"""Models as one file that is carried to where no network leads: a plain tar, its first member the list of all hashes.

    brickyard-models.json          {"format": 1, "models": [manifest, ...]}
    <brick>/<name>/<path>          the files, in the order of the list

The same models give the same archive, byte for byte. On the way in nothing is believed: a member that the list does not
name, or that is no plain file of the size it says, ends the import, and nothing is placed before all hashes are right.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from brickyard.files.model_store import (
    PIECE_BYTES,
    Coming,
    Manifest,
    ModelStore,
    StoredFile,
    already_there,
    faults,
    problems,
    read_manifest,
)
from brickyard.kit.errors import BadInput, Conflict

LIST = "brickyard-models.json"
MAX_LIST_BYTES = 16 << 20
MAX_HEADER_BYTES = 64 << 10

OnBytes = Callable[[int], None]


def _each_once(models: tuple[Manifest, ...]) -> tuple[Manifest, ...]:
    if len({(model.brick, model.name.casefold()) for model in models}) != len(models):
        raise ValueError("a model is there twice")
    return models


class Contents(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    models: Annotated[tuple[Manifest, ...], Field(min_length=1), AfterValidator(_each_once)]


@dataclass(frozen=True, slots=True)
class Imported:
    """`placed`: what the store has now and had not; `kept`: what it had already, with the same files."""

    placed: tuple[Manifest, ...]
    kept: tuple[Manifest, ...]


class _CarefulHeader(tarfile.TarInfo):
    """Headers of headers are read into memory whole: refused where they are larger than names need."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        plain = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
        if header.type not in plain and header.size > MAX_HEADER_BYTES:
            raise BadInput(f"The archive has a header of {header.size:,} bytes. It was not made by `models export`.")
        return header


# ---- out


def export(
    models: Sequence[tuple[Path, Manifest]], target: Path, *, on_bytes: OnBytes = lambda _: None, replace: bool = False
) -> None:
    """Write models, each with its folder, to `target`, hashing on the way.

    Raises BadInput where a file is not what its manifest says, Conflict where `target` exists; then nothing is left.
    """
    if target.exists() and not replace:
        raise Conflict(f"{target} exists already. Name another file, or give --replace.")
    ordered = sorted(models, key=lambda each: (each[1].brick, each[1].name))
    contents = Contents(models=tuple(manifest for _, manifest in ordered))
    part = target.with_name(f".{target.name}.part")
    try:
        with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as archive:
            _add_list(archive, contents)
            for folder, manifest in ordered:
                for file in manifest.files:
                    _add(archive, folder, manifest, file, on_bytes)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def _add_list(archive: tarfile.TarFile, contents: Contents) -> None:
    content = contents.model_dump_json(indent=1).encode() + b"\n"
    archive.addfile(_header(LIST, len(content)), io.BytesIO(content))


def _add(archive: tarfile.TarFile, folder: Path, manifest: Manifest, file: StoredFile, on_bytes: OnBytes) -> None:
    path = folder / file.path
    if path.is_symlink() or not path.is_file() or path.stat().st_size != file.bytes:
        raise _not_as_described(manifest, file)
    with path.open("rb") as content:
        hashing = _Hashing(content, on_bytes)
        archive.addfile(_header(_member(manifest, file), file.bytes), hashing)
    if hashing.digest.hexdigest() != file.sha256:
        raise _not_as_described(manifest, file)


def _not_as_described(manifest: Manifest, file: StoredFile) -> BadInput:
    return BadInput(
        f"{manifest.brick}/{manifest.name}: {file.path} is not what the manifest says. "
        f"`brickyard models verify {manifest.name}` tells more; pull the model again."
    )


def _header(name: str, size: int) -> tarfile.TarInfo:
    """Without owner and time, which would make archives of the same models differ."""
    header = tarfile.TarInfo(name)
    header.size = size
    header.mode = 0o644
    return header


def _member(manifest: Manifest, file: StoredFile) -> str:
    return f"{manifest.brick}/{manifest.name}/{file.path}"


class _Hashing:
    """A file that is hashed as it is read."""

    def __init__(self, content: IO[bytes], on_bytes: OnBytes) -> None:
        self._content = content
        self._on_bytes = on_bytes
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._content.read(size)
        self.digest.update(piece)
        self._on_bytes(len(piece))
        return piece


# ---- in


def read_contents(archive: Path) -> Contents:
    """What an archive says it holds; only the list is read. Raises BadInput."""
    with _opened(archive) as members:
        return _contents(members)


def import_archive(
    archive: Path, store: ModelStore, *, replace: bool = False, on_bytes: OnBytes = lambda _: None
) -> Imported:
    """Check the whole archive, then place its models. Raises BadInput, Conflict, TooLarge; then nothing is placed."""
    with _opened(archive) as members, ExitStack() as stack:
        contents = _contents(members)
        new = [model for model in contents.models if not _is_here(model, store)]
        _check_free(new, store, replace)
        store.check_room(sum(model.bytes for model in new))
        coming = {model: stack.enter_context(store.coming(model.brick, model.name)) for model in new}
        for place in coming.values():
            place.clear()
            place.begin("an archive")
            stack.callback(_drop, place)
        _unpack(members, contents, coming, on_bytes)
        for model, place in coming.items():
            store.place(place, model, replace=replace)
    return Imported(tuple(new), tuple(model for model in contents.models if model not in coming))


def _is_here(model: Manifest, store: ModelStore) -> bool:
    """Whether the store has the model with the same files, undamaged."""
    folder = store.folder(model.brick, model.name)
    here = read_manifest(folder) if folder.is_dir() else None
    return here is not None and here.same_files(model) and not faults(folder, here)


def _check_free(models: Sequence[Manifest], store: ModelStore, replace: bool) -> None:
    taken = [model for model in models if store.folder(model.brick, model.name).exists()]
    if taken and not replace:
        raise already_there(taken[0].brick, taken[0].name)


def _unpack(members: tarfile.TarFile, contents: Contents, coming: dict[Manifest, Coming], on_bytes: OnBytes) -> None:
    """Every file to the folder of what is on its way; those of models that are here already are only checked."""
    expected = {_member(model, file): (model, file) for model in contents.models for file in model.files}
    while (member := members.next()) is not None:
        if member.name not in expected:
            raise BadInput(
                f"The archive holds {member.name[:200]!r}, which its list does not name, or which came before."
            )
        model, file = expected.pop(member.name)
        _check_plain(member, file)
        place = coming.get(model)
        _receive(members, member, file, place.path(file.path) if place else None, on_bytes)
    if expected:
        raise BadInput(f"The archive is not whole: it lacks {', '.join(sorted(expected)[:5])}. Copy it again.")


def _check_plain(member: tarfile.TarInfo, file: StoredFile) -> None:
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse() or member.islnk():
        raise BadInput(f"The archive holds {member.name!r} as something else than a plain file.")
    if member.size != file.bytes:
        raise BadInput(f"{member.name} has {member.size:,} bytes in the archive and {file.bytes:,} in its list.")


def _receive(
    members: tarfile.TarFile, member: tarfile.TarInfo, file: StoredFile, to: Path | None, on_bytes: OnBytes
) -> None:
    content = members.extractfile(member)
    assert content is not None  # it is a plain file
    hashing = _Hashing(content, on_bytes)
    if to is None:
        while hashing.read(PIECE_BYTES):
            pass
    else:
        with to.open("wb") as out:
            shutil.copyfileobj(hashing, out, PIECE_BYTES)
    digest = hashing.digest.hexdigest()
    if digest != file.sha256:
        raise BadInput(
            f"{member.name} has the SHA-256 {digest} in the archive, and {file.sha256} in its list: the archive was "
            "damaged or changed. Copy it again."
        )


def _contents(members: tarfile.TarFile) -> Contents:
    first = members.next()
    if first is None or first.name != LIST or first.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise BadInput(f"The archive does not begin with {LIST}. It was not made by `brickyard models export`.")
    if first.size > MAX_LIST_BYTES:
        raise BadInput(f"The archive's list has {first.size:,} bytes; at most {MAX_LIST_BYTES:,} are allowed.")
    content = members.extractfile(first)
    assert content is not None  # it is a plain file
    try:
        return Contents.model_validate_json(content.read())
    except ValidationError as error:
        raise BadInput(f"The archive's list can't be used: {problems(error)}.") from error


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    if not archive.is_file():
        raise BadInput(f"There is no file {archive}.")
    try:
        with tarfile.open(archive, "r:", tarinfo=_CarefulHeader) as members:
            yield members
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise BadInput(f"{archive} is no whole archive of models: {error}. Copy it again.") from error


def _drop(coming: Coming) -> None:
    """What an import left; after placing there is nothing."""
    shutil.rmtree(coming.folder, ignore_errors=True)
