"""`brickyard models`: what can be used, and how it comes into the model store: pulled, or carried as one archive."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from brickyard.engines import catalog, known
from brickyard.engines.apertium import APERTIUM
from brickyard.engines.catalog import ModelCard
from brickyard.files import model_archive
from brickyard.files.hub import Hub
from brickyard.files.model_pull import ModelSource, pull
from brickyard.files.model_store import Manifest, ModelStore, checked_name, describe, faults, looks_whole, read_manifest
from brickyard.kit.errors import BadInput, NotFound
from brickyard.kit.settings import Settings

app = typer.Typer(help="Models: which there are, and how they come here.", no_args_is_help=True)

PIPED_WIDTH = 160
MANY_LANGUAGES = 6
VOICE_ALONE = ("diarize", "speech")
"""What hears voices and no words."""

Store = Annotated[Path | None, typer.Option(help="the model store; without it, BRICKYARD_MODEL_STORE")]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]
Replace = Annotated[bool, typer.Option(help="put it in the place of another one of that name")]

err = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One model of the list. `memory_mib`: of its weights; `memory_from`: how far that may be trusted."""

    name: str
    brick: str
    engine: str
    languages: tuple[str, ...]
    licence: str
    memory_mib: int
    memory_from: str
    state: str
    source: str
    revision: str = ""
    note: str = ""


@app.command("list")
def list_models(
    store: Store = None, brick: Annotated[str | None, typer.Option()] = None, as_json: AsJson = False
) -> None:
    """Models in wheels, in the store, and those that can be pulled."""
    settings = Settings()
    rows = [row for row in listing(store or settings.model_store, settings) if brick in (None, row.brick)]
    if as_json:
        sys.stdout.write(json.dumps([_as_json(row) for row in rows], indent=1) + "\n")
        return
    table = Table("model", "brick", "engine", "languages", "licence", "MiB", "", "state", box=None)
    for row in rows:
        table.add_row(
            row.name,
            row.brick,
            row.engine,
            _languages(row),
            row.licence,
            f"{row.memory_mib:,}",
            row.memory_from,
            row.state,
        )
    Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False).print(table)


@app.command("pull")
def pull_models(
    names: Annotated[list[str] | None, typer.Argument(help="as `models list` has them")] = None,
    *,
    repo: Annotated[str | None, typer.Option(help="OWNER/NAME, for a model that the catalog does not know")] = None,
    brick: Annotated[str | None, typer.Option(help="which brick it serves")] = None,
    called: Annotated[str | None, typer.Option("--as", help="what it is called here")] = None,
    revision: Annotated[str | None, typer.Option(help="commit, tag or branch")] = None,
    include: Annotated[list[str] | None, typer.Option(help="files to fetch, as a pattern; repeatable")] = None,
    pair: Annotated[str | None, typer.Option(help="languages of a model that translates, such as 'en>fr'")] = None,
    hub: Annotated[str | None, typer.Option(help="address of the hub; without it, BRICKYARD_MODEL_HUB")] = None,
    store: Store = None,
    replace: Replace = False,
) -> None:
    """Fetch models from a hub or its mirror into the store. The only command that reaches another host."""
    settings = Settings()
    sources = _sources(names or [], repo, brick, called, revision, include or [], pair)
    models = ModelStore(_store(store, settings))
    remote = Hub(hub or settings.model_hub, _token(settings.model_hub_token_file))
    try:
        with _bars() as bars:
            pulled = [pull(remote, models, source, replace=replace, progress=bars) for source in sources]
    finally:
        remote.close()
    for manifest in pulled:
        _say_pulled(manifest, models)


@app.command()
def export(
    names: Annotated[list[str], typer.Argument(help="models of the store")],
    to: Annotated[Path, typer.Option(help="the archive to write")],
    store: Store = None,
    replace: Annotated[bool, typer.Option(help="overwrite the archive, if there is one")] = False,
) -> None:
    """Write models as one archive, to be carried to where no network leads."""
    root = _store(store, Settings())
    models = [_exported(root, name) for name in dict.fromkeys(names)]
    with _bars() as bars:
        bars.begin(to.name, sum(manifest.bytes for _, manifest in models))
        model_archive.export(models, to, on_bytes=bars.advance, replace=replace)
    err.print(f"{to} holds {', '.join(_title(manifest) for _, manifest in models)}.", soft_wrap=True)


@app.command("import")
def import_models(
    archive: Annotated[Path, typer.Argument(help="written by `models export`")],
    store: Store = None,
    replace: Replace = False,
) -> None:
    """Check an archive, every hash of it, and place its models in the store."""
    models = ModelStore(_store(store, Settings()))
    contents = model_archive.read_contents(archive)
    with _bars() as bars:
        bars.begin(archive.name, sum(manifest.bytes for manifest in contents.models))
        done = model_archive.import_archive(archive, models, replace=replace, on_bytes=bars.advance)
    for manifest in done.placed:
        err.print(f"{_title(manifest)} is in {models.folder(manifest.brick, manifest.name)}.", soft_wrap=True)
    for manifest in done.kept:
        err.print(f"{_title(manifest)} was there already, with the same files.", soft_wrap=True)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="models of the store; without any, all")] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Hold every file of models against its hash. Ends with 1 where one is changed, missing or extra."""
    models = ModelStore(_store(store, Settings()))
    chosen = [models.find(name) for name in names] if names else models.manifests()
    with _bars() as bars:
        bars.begin("verifying", sum(manifest.bytes for manifest in chosen))
        found = {
            _title(manifest): faults(models.folder(manifest.brick, manifest.name), manifest, bars.advance)
            for manifest in chosen
        }
    if as_json:
        plain = {title: [fault.model_dump() for fault in wrong] for title, wrong in found.items()}
        sys.stdout.write(json.dumps(plain, indent=1) + "\n")
    else:
        _say_verified(found)
    if any(found.values()):
        raise typer.Exit(1)


# ---- what there is


def _came_with(card: ModelCard) -> str:
    return "from the system" if card.engine == APERTIUM else "in the wheel"


def listing(store: Path | None, settings: Settings) -> list[Row]:
    """What came with packages first, then the store, then what can be pulled, each by brick and name."""
    wheels = [_row(card, settings, _came_with(card)) for card in known.in_wheels()]
    stored = [card for card in catalog.installed(store) if card.path is not None]
    here = {(card.brick, card.name) for card in stored}
    pullable = [model for model in known.MODELS if (model.source.brick, model.name) not in here]
    return [
        *sorted(wheels, key=_order),
        *sorted((_row(card, settings, _state(card)) for card in stored), key=_order),
        *sorted((_known_row(model, settings) for model in pullable), key=_order),
    ]


def _order(row: Row) -> tuple[str, str]:
    return row.brick, row.name


def _row(card: ModelCard, settings: Settings, state: str, weights_bytes: int | None = None, note: str = "") -> Row:
    mib, mark = known.weights(card, "cuda" if settings.device == "cuda" else "cpu", weights_bytes)
    languages = tuple(sorted(card.languages))
    stated = card.path is not None and card.memory_mib is not None
    return Row(
        card.name,
        card.brick,
        card.engine,
        languages,
        card.licence,
        mib,
        "stated" if stated else mark.value,
        state,
        card.source,
        card.revision,
        note,
    )


def _known_row(model: known.Known, settings: Settings) -> Row:
    state = "can be pulled, with a token" if model.gated else "can be pulled"
    return _row(model.card, settings, state, model.weights_bytes, model.note)


def _state(card: ModelCard) -> str:
    """By the sizes of the files; only `models verify` reads them."""
    assert card.path is not None
    manifest = read_manifest(card.path)
    if manifest is None:
        return "installed by hand"
    return "installed" if looks_whole(card.path, manifest) else "damaged"


def _languages(row: Row) -> str:
    if not row.languages:
        return "any" if row.brick in VOICE_ALONE else "not stated"
    return ", ".join(row.languages) if len(row.languages) <= MANY_LANGUAGES else str(len(row.languages))


def _as_json(row: Row) -> dict[str, Any]:
    return {field: getattr(row, field) for field in Row.__slots__}


# ---- how


def _store(given: Path | None, settings: Settings) -> Path:
    root = given or settings.model_store
    if root is None:
        raise BadInput("There is no model store: name a folder with --store, or set BRICKYARD_MODEL_STORE.")
    return root.expanduser().absolute()


def _token(file: Path | None) -> str:
    if file is None:
        return ""
    if not file.is_file():
        raise BadInput(f"BRICKYARD_MODEL_HUB_TOKEN_FILE is {file}, and there is no such file.")
    return file.read_text("utf-8").strip()


def _sources(
    names: Sequence[str],
    repo: str | None,
    brick: str | None,
    called: str | None,
    revision: str | None,
    include: Sequence[str],
    pair: str | None,
) -> list[ModelSource]:
    if repo is None:
        if not names or any((brick, called, revision, include, pair)):
            raise BadInput(
                "Name models of the catalog, or one repository with --repo OWNER/NAME --brick BRICK --as NAME."
            )
        return [known.named(name).source for name in dict.fromkeys(names)]
    if names or brick is None or called is None:
        raise BadInput("A repository is pulled alone: --repo OWNER/NAME --brick BRICK --as NAME.")
    return [known.own(repo, brick, called, revision=revision or "main", files=include, pair=pair)]


def _exported(root: Path, name: str) -> tuple[Path, Manifest]:
    """A model of the store by its manifest; where an operator put it there, one is made of what the catalog sees."""
    store = ModelStore(root)
    try:
        manifest = store.find(name)
    except NotFound:
        cards = [card for card in catalog.installed(root) if card.path is not None and not card.files]
        found = [card for card in cards if name in (card.name, f"{card.brick}/{card.name}")]
        if len(found) != 1 or found[0].path != root / found[0].brick / found[0].name:
            raise
        return found[0].path, _made(found[0], found[0].path)
    return store.folder(manifest.brick, manifest.name), manifest


def _made(card: ModelCard, folder: Path) -> Manifest:
    try:
        checked_name(card.name)
    except ValueError as error:
        raise BadInput(f"{folder} can't be exported: {error}. Rename the folder.") from error
    return Manifest(
        name=card.name,
        brick=card.brick,
        engine=card.engine,
        source=card.source if card.source != str(folder) else "installed by hand",
        licence=card.licence,
        languages=tuple(sorted(card.languages)),
        files=describe(folder),
        pulled_at=datetime.fromtimestamp(folder.stat().st_mtime, UTC),
    )


def _title(manifest: Manifest) -> str:
    return f"{manifest.brick}/{manifest.name}"


def _say_pulled(manifest: Manifest, store: ModelStore) -> None:
    folder = store.folder(manifest.brick, manifest.name)
    err.print(f"{_title(manifest)} is in {folder}: commit {manifest.revision}, {manifest.licence}.", soft_wrap=True)
    if known.is_restricted(manifest.licence):
        err.print(
            f"[yellow]warning[/yellow]: the licence of {_title(manifest)}, {manifest.licence}, restricts its use. "
            "Have it looked at before you work with it.",
            soft_wrap=True,
        )


def _say_verified(found: dict[str, list[Any]]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for title, wrong in found.items():
        if not wrong:
            console.print(f"{title}: good")
        for fault in wrong:
            console.print(f"{title}: {fault.path} is [red]{fault.wrong.value}[/red]: it {fault.detail}")
    if not found:
        console.print("The store has no model with a manifest.")


class _Bars:
    """One bar for each thing that is done."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task = bars.add_task("", visible=False, total=None)

    def begin(self, name: str, bytes_total: int) -> None:
        self._task = self._bars.add_task(name, total=bytes_total)

    def advance(self, bytes_done: int) -> None:
        self._bars.advance(self._task, bytes_done)


@contextmanager
def _bars() -> Iterator[_Bars]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as bars:
        yield _Bars(bars)
