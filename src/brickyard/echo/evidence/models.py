"""Which models and packages are installed here, with the hashes of the weights, for evidence packs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from brickyard.engines import catalog, known, wheel_models
from brickyard.engines.catalog import ModelCard
from brickyard.files.model_store import CARD, MANIFEST, hash_of, read_manifest

PACKAGES = (
    "av", "brickyard", "ctranslate2", "dbos", "faster-whisper", "moonshine-voice", "numpy", "onnxruntime", "py3langid",
    "pyannote.audio", "pysbd", "rapidocr", "sentencepiece", "tokenizers", "torch",
)  # fmt: skip
"""What computes, or what decides what is computed."""

IN_WHEELS = {
    "moonshine": ("moonshine-voice", "moonshine_voice/assets/tiny-en/*"),
    "silero": ("faster-whisper", "faster_whisper/assets/silero*.onnx"),
    "rapidocr": ("rapidocr", "rapidocr/models/*.onnx"),
}
"""By engine: the package, and where in it the weights lie."""


def installed(store: Path | None) -> list[dict[str, Any]]:
    """Every model that can be used here. `hashes`: where they are from: its manifest, the files, or nowhere."""
    cards = catalog.installed(store)
    seen = {(card.brick, card.name) for card in cards}
    cards += [card for card in known.in_wheels() if (card.brick, card.name) not in seen]
    return [_told(card) for card in cards]


def packages() -> dict[str, Any]:
    """Versions; the platform's own and Python's among them."""
    found = {name: version for name in PACKAGES if (version := _version(name)) is not None}
    return {"packages": found, "python": platform.python_version(), "system": f"{sys.platform} {platform.machine()}"}


def _told(card: ModelCard) -> dict[str, Any]:
    hashes, files = _files(card)
    placed = None if card.path is None else read_manifest(card.path)
    return {
        "brick": card.brick,
        "name": card.name,
        "engine": card.engine,
        "source": card.source if card.path is None or placed else "the model store",
        "licence": card.licence,
        "revision": card.revision,
        "placed_at": placed.pulled_at.isoformat() if placed else None,
        "hashes": hashes,
        "files": files,
    }


def _files(card: ModelCard) -> tuple[str, Sequence[Mapping[str, Any]]]:
    if card.files:
        return "manifest", [file.model_dump() for file in card.files]
    if card.path is not None:
        paths = [path for path in sorted(card.path.rglob("*")) if path.is_file() and path.name not in (MANIFEST, CARD)]
        return "files", [_file(path.relative_to(card.path).as_posix(), path) for path in paths]
    if card.brick == "diarize":
        parts = (wheel_models.SEGMENTATION, wheel_models.EMBEDDING)
        # They are loaded by their hash, so this is what was loaded.
        return "files", [{"path": part.name, "bytes": part.size, "sha256": part.sha256} for part in parts]
    if card.engine in IN_WHEELS:
        package, pattern = IN_WHEELS[card.engine]
        return "files", [_file(name, path) for name, path in _in_package(package, pattern)]
    return "none", []


def _in_package(package: str, pattern: str) -> Iterable[tuple[str, Path]]:
    try:
        files = metadata.distribution(package).files or []
    except metadata.PackageNotFoundError:
        return []
    found = [(name.as_posix(), Path(str(name.locate()))) for name in files if PurePosixPath(name).match(pattern)]
    return sorted((name, path) for name, path in found if path.is_file())


def _file(name: str, path: Path) -> dict[str, Any]:
    state = path.stat()
    return {"path": name, "bytes": state.st_size, "sha256": _hash(path, state.st_size, state.st_mtime_ns)}


@lru_cache(maxsize=4096)
def _hash(path: Path, size_bytes: int, changed_ns: int) -> str:
    """Weights take seconds to hash and rarely change."""
    return hash_of(path)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
