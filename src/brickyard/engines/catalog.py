"""Which models are installed, and which of them serves a language. Imports no model runtime.

A model store is a folder that the operator fills; nothing is ever fetched:

    <store>/asr/<name>/model.bin ...             a Whisper model for CTranslate2: the engine faster-whisper
    <store>/diarize/segmentation.onnx            both together: the engine onnx
    <store>/diarize/embedding.onnx
    <store>/diarize/community-1/config.yaml ...  the engine pyannote

A model folder may hold a `card.json` with any of languages, licence, source and memory_mib; what it says is
shown.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brickyard.kit.errors import BadInput, Unsupported

MOONSHINE = "moonshine-tiny-en"
FASTER_WHISPER = "faster-whisper"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One installed model. `memory_mib` is None until measured; `path` is None for weights inside a wheel."""

    name: str
    brick: str
    engine: str
    languages: frozenset[str]
    licence: str
    source: str
    memory_mib: int | None = None
    path: Path | None = None


def installed(model_store: Path | None) -> list[ModelCard]:
    """Every model that can be used here; those of the store come before those in wheels."""
    stored = [] if model_store is None else [*_whisper_cards(model_store), *_diarize_cards(model_store)]
    return [*stored, *_wheel_cards()]


def recognizer_for(language: str | None, cards: Sequence[ModelCard]) -> ModelCard:
    """The model to transcribe `language` with; None means it is not known and should be detected if possible.

    An operator who put a model into the store wants it used, so the store goes before the wheel; among equals
    the first by name. Raises Unsupported with what is installed and what would do.
    """
    recognizers = [card for card in cards if card.brick == "asr"]
    able = [card for card in recognizers if language is None or language in card.languages]
    if able:
        return min(able, key=lambda card: (card.path is None, card.name))
    offered = sorted({code for card in recognizers for code in card.languages})
    wanted = "any language" if language is None else repr(language)
    raise Unsupported(
        f"No installed model transcribes {wanted}; installed languages: {', '.join(offered) or 'none'}. "
        f"The engine {FASTER_WHISPER} with a multilingual Whisper model (such as large-v3-turbo) would do: "
        "put the model's folder into the model store under asr/."
    )


def moonshine_folder() -> Path | None:
    """The model inside the moonshine-voice wheel, found without importing it; later wheels carry none."""
    return _inside("moonshine_voice", "assets/tiny-en", holding="tokenizer.bin")


def silero_file() -> Path | None:
    """The voice activity model inside the faster-whisper wheel, found without importing it."""
    folder = _inside("faster_whisper", "assets", holding="silero_vad_v6.onnx")
    return None if folder is None else folder / "silero_vad_v6.onnx"


def _inside(package: str, folder: str, holding: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / folder
    return path if (path / holding).is_file() else None


def _wheel_cards() -> Iterator[ModelCard]:
    wheel = "the wheel of moonshine-voice 0.1.0"
    if moonshine_folder() is not None:
        yield ModelCard(MOONSHINE, "asr", "moonshine", frozenset({"en"}), "MIT", wheel)
    if importlib.util.find_spec("moonshine_voice") is not None:
        licence = "MIT (segmentation), CC-BY-4.0 (WeSpeaker embedding)"
        yield ModelCard("community-1", "diarize", "onnx", frozenset(), licence, wheel)


def _whisper_cards(store: Path) -> Iterator[ModelCard]:
    for folder in _folders(store / "asr"):
        if not (folder / "model.bin").is_file():
            continue
        card = _card_file(folder)
        yield ModelCard(
            folder.name,
            "asr",
            FASTER_WHISPER,
            frozenset(card.get("languages") or _whisper_languages(folder)),
            str(card.get("licence", "not stated")),
            str(card.get("source", folder)),
            card.get("memory_mib"),
            folder,
        )


def _whisper_languages(folder: Path) -> set[str]:
    """The languages among the special tokens, `<|fr|>`.

    English-only models have these tokens too, but lack the empty one: so CTranslate2 tells them apart.
    """
    tokens = _json(folder / "vocabulary.json", None)
    if tokens is None and (folder / "vocabulary.txt").is_file():
        tokens = (folder / "vocabulary.txt").read_text("utf-8").removesuffix("\n").split("\n")
    if not isinstance(tokens, list) or "" not in tokens:
        return {"en"}
    codes = {token[2:-2] for token in tokens if token.startswith("<|") and token.endswith("|>")}
    return {code for code in codes if code.isalpha() and code.islower() and len(code) in (2, 3)}


def _diarize_cards(store: Path) -> Iterator[ModelCard]:
    folder = store / "diarize"
    if all((folder / f"{name}.onnx").is_file() for name in ("segmentation", "embedding")):
        yield _diarizer("onnx", folder, "onnx")
    for inner in _folders(folder):
        if (inner / "config.yaml").is_file():
            yield _diarizer(inner.name, inner, "pyannote")


def _diarizer(name: str, folder: Path, engine: str) -> ModelCard:
    card = _card_file(folder)
    licence, source = str(card.get("licence", "not stated")), str(card.get("source", folder))
    return ModelCard(name, "diarize", engine, frozenset(), licence, source, card.get("memory_mib"), folder)


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []


def _card_file(folder: Path) -> dict[str, Any]:
    card = _json(folder / "card.json", {})
    if not isinstance(card, dict):
        raise BadInput(f"{folder / 'card.json'} should hold an object, with languages, licence or source.")
    return card


def _json(file: Path, default: Any) -> Any:
    if not file.is_file():
        return default
    try:
        return json.loads(file.read_bytes())
    except ValueError as error:
        raise BadInput(f"{file} is not valid JSON: {error}. Correct it or remove it.") from error
