"""Which models are installed, and which of them serves a language. Imports no model runtime.

A model store is a folder that the operator fills, by hand or with `brickyard models`; nothing is fetched from here:

    <store>/asr/<name>/model.bin ...             a Whisper model for CTranslate2: the engine faster-whisper
    <store>/diarize/segmentation.onnx            both together: the engine onnx
    <store>/diarize/embedding.onnx
    <store>/diarize/community-1/config.yaml ...  the engine pyannote
    <store>/translate/<name>/model.bin ...       the engine ctranslate2, with its tokens in *.spm, and in
                                                 card.json the languages it goes "from" and "to"
    <store>/ocr/<name>/*.onnx                    the engine rapidocr
    <store>/ocr/<name>/*.traineddata             the engine tesseract

A model folder may hold a `card.json` with any of languages, licence, source and memory_mib; what it says is
shown. What it does not say, the manifest `model.json` does, where there is one.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brickyard.engines.apertium import APERTIUM, MODES_DIR, installed_modes
from brickyard.files.model_store import StoredFile, read_manifest
from brickyard.kit.errors import BadInput, Unsupported

MOONSHINE = "moonshine-tiny-en"
FASTER_WHISPER = "faster-whisper"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One installed model. `memory_mib` is None until measured; `path` is None for weights inside a wheel.

    `pairs`: (from, to) of a model that translates. `revision` and `files`, with their hashes, are known where the model
    has a manifest.
    """

    name: str
    brick: str
    engine: str
    languages: frozenset[str]
    licence: str
    source: str
    memory_mib: int | None = None
    path: Path | None = None
    pairs: frozenset[tuple[str, str]] = frozenset()
    revision: str = ""
    files: tuple[StoredFile, ...] = ()


def installed(model_store: Path | None, modes_dir: Path = MODES_DIR) -> list[ModelCard]:
    """Every model that can be used here; those of the store come before those in wheels, and what the system's own
    packages brought last. `modes_dir`: where these put the language pairs of Apertium."""
    stored = [] if model_store is None else [card for find in _STORED for card in find(model_store)]
    return [*stored, *_wheel_cards(), *_apertium_cards(modes_dir)]


def recognizer_for(language: str | None, cards: Sequence[ModelCard], model: str | None = None) -> ModelCard:
    """The model to transcribe `language` with; None means it is not known and should be detected if possible.

    `model`: take this one, by name.

    An operator who put a model into the store wants it used, so the store goes before the wheel; among equals
    the first by name. Raises Unsupported with what is installed and what would do.
    """
    recognizers = [card for card in cards if card.brick == "asr" and model in (None, card.name)]
    if model is not None and not recognizers:
        known = ", ".join(sorted(card.name for card in cards if card.brick == "asr")) or "none"
        raise Unsupported(f"There is no speech model '{model}' here; installed: {known}.")
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


def _apertium_cards(modes_dir: Path) -> Iterator[ModelCard]:
    """One for all of its pairs."""
    pairs = frozenset(installed_modes(modes_dir))
    if pairs:
        licence = "GPL-2.0-or-later (separate programs)"
        languages = frozenset(code for pair in pairs for code in pair)
        yield ModelCard(APERTIUM, "translate", APERTIUM, languages, licence, "packages of the system", pairs=pairs)


def _whisper_cards(store: Path) -> Iterator[ModelCard]:
    for folder in _folders(store / "asr"):
        if (folder / "model.bin").is_file():
            stated = _card_file(folder).get("languages")
            yield _stored(folder, "asr", FASTER_WHISPER, frozenset(stated or _whisper_languages(folder)))


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
        yield _stored(folder, "diarize", "onnx", frozenset(), name="onnx")
    for inner in _folders(folder):
        if (inner / "config.yaml").is_file():
            yield _stored(inner, "diarize", "pyannote", frozenset())


def _translate_cards(store: Path) -> Iterator[ModelCard]:
    """Those whose card says between which languages they go: nothing else in the folder does."""
    for folder in _folders(store / "translate"):
        pairs = _pairs(folder)
        if (folder / "model.bin").is_file() and pairs:
            languages = frozenset(code for pair in pairs for code in pair)
            yield _stored(folder, "translate", "ctranslate2", languages, pairs=pairs)


def _pairs(folder: Path) -> frozenset[tuple[str, str]]:
    card = _card_file(folder)
    sides = card.get("from", []), card.get("to", [])
    if not all(isinstance(side, list) and all(isinstance(code, str) for code in side) for side in sides):
        raise BadInput(f"{folder / 'card.json'}: 'from' and 'to' are lists of language codes, such as [\"en\"].")
    return frozenset((source, target) for source in sides[0] for target in sides[1] if source != target)


def _ocr_cards(store: Path) -> Iterator[ModelCard]:
    for folder in _folders(store / "ocr"):
        engine = _ocr_engine(folder)
        if engine:
            yield _stored(folder, "ocr", engine, frozenset(_card_file(folder).get("languages", ())))


def _ocr_engine(folder: Path) -> str | None:
    if any(folder.glob("*.onnx")):
        return "rapidocr"
    return "tesseract" if any(folder.glob("*.traineddata")) else None


_STORED = (_whisper_cards, _diarize_cards, _translate_cards, _ocr_cards)


def _stored(
    folder: Path,
    brick: str,
    engine: str,
    languages: frozenset[str],
    *,
    name: str | None = None,
    pairs: frozenset[tuple[str, str]] = frozenset(),
) -> ModelCard:
    """What the card says, else the manifest."""
    card, manifest = _card_file(folder), read_manifest(folder)
    licence, source = (manifest.licence, manifest.source) if manifest else ("not stated", str(folder))
    return ModelCard(
        name or folder.name,
        brick,
        engine,
        languages,
        str(card.get("licence", licence)),
        str(card.get("source", source)),
        card.get("memory_mib"),
        folder,
        pairs,
        manifest.revision if manifest else "",
        manifest.files if manifest else (),
    )


def _folders(parent: Path) -> list[Path]:
    """Those in sight: what begins with a dot is still on its way into the store."""
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


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
