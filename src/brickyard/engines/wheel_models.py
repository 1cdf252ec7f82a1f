"""The diarization models: from a model store, or else out of the pinned `moonshine-voice` wheel.

The wheel's native library holds both models as ORT-format blobs among its constants. They are found by their
hash, never by a remembered position, so another build of the library gives a clear error, not another model.
Origin and licences of the models are in NOTICES.md.
"""

from __future__ import annotations

import hashlib
import importlib.util
import mmap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from brickyard.kit.errors import Unavailable

_IDENTIFIER = b"ORTM"
"""The flatbuffer identifier of the ORT format, at byte 4 of every such model."""
_IDENTIFIER_AT = 4

FOLDER = "diarize"
"""Where in a model store they lie."""

_PACKAGE = "moonshine_voice"
_LIBRARY_NAMES = ("libmoonshine.so", "libmoonshine.dylib", "moonshine.dll")


@dataclass(frozen=True, slots=True)
class WheelModel:
    """A model by what it is: its size in bytes and its SHA-256. `name` is its file name in a model store."""

    name: str
    size: int
    sha256: str


SEGMENTATION = WheelModel("segmentation", 1_594_080, "9715e3996ef181252aa1cc0c9398060f42b2c984c2fb65e3604262555e2efb1a")
EMBEDDING = WheelModel("embedding", 6_975_920, "6e4af7d49562e6e7042672e444d6394935cb2c23c3a7dd4919da45922b91735b")


def load(model: WheelModel, store: Path | None = None) -> bytes:
    """The model's bytes: `store/diarize/<name>.onnx` or `.ort` where the operator put one there, else from the wheel.

    Raises Unavailable where neither has it.
    """
    for path in _store_paths(model, store):
        if path.is_file():
            return path.read_bytes()
    library = wheel_library()
    if library is None:
        raise Unavailable(_missing(model, f"the package {_PACKAGE} is not installed", store))
    return read(model, library, store)


def read(model: WheelModel, library: Path, store: Path | None = None) -> bytes:
    """The model's bytes out of `library`. Raises Unavailable where no stretch of it has the model's hash."""
    offset = _offset(model, library)
    if offset is None:
        raise Unavailable(_missing(model, f"{library.name} does not hold it", store))
    with library.open("rb") as file:
        file.seek(offset)
        return file.read(model.size)


def available(store: Path | None = None) -> bool:
    """Whether both models can be loaded."""
    library = wheel_library()
    return all(
        any(path.is_file() for path in _store_paths(model, store))
        or (library is not None and _offset(model, library) is not None)
        for model in (SEGMENTATION, EMBEDDING)
    )


def wheel_library() -> Path | None:
    """The native library of the installed wheel, found without importing the package."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    return next((folder / name for name in _LIBRARY_NAMES if (folder / name).is_file()), None)


@lru_cache(maxsize=16)
def _offset(model: WheelModel, library: Path) -> int | None:
    """Where in `library` the model begins. The scan reads through the page cache, not into memory."""
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = content.find(_IDENTIFIER)
        while found >= 0:
            start = found - _IDENTIFIER_AT
            if start >= 0 and hashlib.sha256(content[start : start + model.size]).hexdigest() == model.sha256:
                return start
            found = content.find(_IDENTIFIER, found + 1)
    return None


def _store_paths(model: WheelModel, store: Path | None) -> list[Path]:
    return [] if store is None else [store / FOLDER / f"{model.name}{suffix}" for suffix in (".onnx", ".ort")]


def _missing(model: WheelModel, reason: str, store: Path | None) -> str:
    place = f"{FOLDER}/ of the model store" if store is None else str(store / FOLDER)
    return (
        f"The diarization model '{model.name}' was not found: {reason}. "
        f"Put {model.name}.onnx into {place}, or install moonshine-voice==0.1.0, whose wheel carries it."
    )
