"""From a hub into the store: what is wanted of a repository, fetched, hashed, and placed as one model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol

from pydantic import ValidationError

from brickyard.files.hub import Hub, RemoteFile, Snapshot
from brickyard.files.model_store import (
    CARD,
    Coming,
    Manifest,
    ModelStore,
    StoredFile,
    already_there,
    check_together,
    checked_brick,
    checked_name,
    checked_path,
    faults,
    hash_of,
    problems,
    read_manifest,
)
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import BadInput


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model, and where a hub has it.

    `files`: patterns of the files to fetch, of which `*` crosses folders; `needed` must be among them. `sha256`:
    hashes that are known beforehand, by path. `renamed`: another name in the store, by the hub's path. `card` is
    written as `card.json`.
    """

    name: str
    brick: str
    engine: str
    repo: str
    revision: str = "main"
    licence: str = ""
    languages: tuple[str, ...] = ()
    files: tuple[str, ...] = ("*",)
    needed: tuple[str, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    card: Mapping[str, Any] | None = None


class Progress(Protocol):
    """Told of what is done. `bytes_done` may go back, where a file has to begin anew."""

    def begin(self, name: str, bytes_total: int) -> None: ...

    def advance(self, bytes_done: int) -> None: ...


class Silent:
    def begin(self, name: str, bytes_total: int) -> None:
        pass

    def advance(self, bytes_done: int) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A file to fetch: its path in the store, the hub's own, and the hash it must have, if one is known."""

    path: str
    remote: RemoteFile
    sha256: str | None


def pull(
    hub: Hub,
    store: ModelStore,
    source: ModelSource,
    *,
    replace: bool = False,
    progress: Progress | None = None,
    clock: Clock = utc_now,
) -> Manifest:
    """Fetch and place a model; what an interrupted attempt brought is used. The model there is, if it is the same.

    Raises BadInput for a file that is not what it should be, Conflict where another model has the name, NotFound,
    Forbidden, TooLarge, Unavailable.
    """
    progress = progress or Silent()
    _check(source)
    snapshot = hub.snapshot(source.repo, source.revision)
    chosen = choose(source, snapshot)
    here = _present(store, source)
    if here and here.revision == snapshot.commit and here.source == _address(hub, source) and _same(here, chosen):
        if not faults(store.folder(source.brick, source.name), here):
            return here
        replace = True  # the very same model, damaged
    if store.folder(source.brick, source.name).exists() and not replace:
        raise already_there(source.brick, source.name)
    with store.coming(source.brick, source.name) as coming:
        coming.begin(f"{_address(hub, source)}@{snapshot.commit}")
        store.check_room(sum(each.remote.bytes for each in chosen) - _arrived(coming, chosen))
        progress.begin(source.name, sum(each.remote.bytes for each in chosen))
        files = [_bring(hub, snapshot, each, coming, progress) for each in chosen]
        files += _card(source, coming)
        manifest = _manifest(hub, source, snapshot, files, clock)
        store.place(coming, manifest, replace=replace)
    return manifest


def choose(source: ModelSource, snapshot: Snapshot) -> list[_Chosen]:
    """The files that the patterns name, by path. Raises BadInput for needed ones that lack, and for unsafe names."""
    wanted = [file for file in snapshot.files if any(fnmatchcase(file.path, pattern) for pattern in source.files)]
    paths = {file.path for file in wanted}
    missing = [name for name in source.needed if not any(fnmatchcase(path, name) for path in paths)]
    if missing or not wanted:
        raise BadInput(
            f"{source.repo} at {snapshot.commit[:12]} has no {', '.join(missing or source.files)}; "
            f"it has {', '.join(sorted(file.path for file in snapshot.files)[:20]) or 'nothing'}."
        )
    chosen = [_choice(source, file) for file in sorted(wanted, key=lambda file: file.path)]
    kept = [each for each in chosen if source.card is None or each.path != CARD]
    try:
        check_together([each.path for each in kept])
    except ValueError as error:
        raise BadInput(f"{source.repo} can't be pulled: {error}.") from error
    return kept


def _check(source: ModelSource) -> None:
    try:
        checked_name(source.name)
        checked_brick(source.brick)
    except ValueError as error:
        raise BadInput(f"{error}.") from error


def _choice(source: ModelSource, file: RemoteFile) -> _Chosen:
    try:
        path = checked_path(source.renamed.get(file.path, file.path))
    except ValueError as error:
        raise BadInput(f"{source.repo} can't be pulled: {error}. Name other files with --include.") from error
    pinned = source.sha256.get(file.path)
    if pinned and file.sha256 and pinned != file.sha256:
        raise BadInput(
            f"The hub's {file.path} of {source.repo} has the SHA-256 {file.sha256}, and {pinned} in the catalog. "
            "It was exchanged: don't use this hub before you know why."
        )
    return _Chosen(path, file, pinned or file.sha256)


def _bring(hub: Hub, snapshot: Snapshot, each: _Chosen, coming: Coming, progress: Progress) -> StoredFile:
    """One file, whole and with the right hash. What was begun earlier may be wrong: then once more from the start."""
    whole, part = coming.path(each.path), coming.part(each.path)
    if whole.is_file():
        digest = hash_of(whole)
        if whole.stat().st_size == each.remote.bytes and each.sha256 in (None, digest):
            progress.advance(each.remote.bytes)
            return StoredFile(path=each.path, bytes=each.remote.bytes, sha256=digest)
        whole.unlink()
    resumed = part.is_file()
    digest = hub.fetch(snapshot, each.remote, part, progress.advance)
    if resumed and each.sha256 not in (None, digest):
        part.unlink()
        progress.advance(-each.remote.bytes)
        digest = hub.fetch(snapshot, each.remote, part, progress.advance)
    if each.sha256 not in (None, digest):
        part.unlink()
        raise BadInput(
            f"{each.remote.path} of {snapshot.repo} arrived with the SHA-256 {digest}, and should have {each.sha256}. "
            "Something between the hub and here changes files; nothing was installed."
        )
    part.rename(whole)
    return StoredFile(path=each.path, bytes=each.remote.bytes, sha256=digest)


def _card(source: ModelSource, coming: Coming) -> list[StoredFile]:
    if source.card is None:
        return []
    path = coming.path(CARD)
    path.write_text(json.dumps(source.card, indent=1) + "\n", "utf-8")
    return [StoredFile(path=CARD, bytes=path.stat().st_size, sha256=hash_of(path))]


def _manifest(hub: Hub, source: ModelSource, snapshot: Snapshot, files: Sequence[StoredFile], clock: Clock) -> Manifest:
    try:
        return Manifest(
            name=source.name,
            brick=source.brick,
            engine=source.engine,
            source=_address(hub, source),
            revision=snapshot.commit,
            licence=source.licence or snapshot.licence or "not stated",
            languages=source.languages,
            files=tuple(sorted(files, key=lambda file: file.path)),
            pulled_at=clock(),
        )
    except ValidationError as error:
        raise BadInput(f"{source.repo} can't become the model {source.name!r}: {problems(error)}.") from error


def _present(store: ModelStore, source: ModelSource) -> Manifest | None:
    return read_manifest(store.folder(source.brick, source.name))


def _same(here: Manifest, chosen: Sequence[_Chosen]) -> bool:
    return {file.path for file in here.files} - {CARD} == {each.path for each in chosen} - {CARD}


def _arrived(coming: Coming, chosen: Sequence[_Chosen]) -> int:
    files = [folder / each.path for each in chosen for folder in (coming.whole, coming.parts)]
    return sum(file.stat().st_size for file in files if file.is_file())


def _address(hub: Hub, source: ModelSource) -> str:
    return f"{hub.address}/{source.repo}"
