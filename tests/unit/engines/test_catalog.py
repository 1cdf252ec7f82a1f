from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from brickyard.engines import catalog
from brickyard.engines.catalog import ModelCard, installed, moonshine_folder, recognizer_for, silero_file
from brickyard.kit.errors import BadInput, Unsupported


def whisper(store: Path, name: str, tokens: list[str], card: object = None) -> Path:
    folder = store / "asr" / name
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"")
    (folder / "vocabulary.json").write_text(json.dumps(tokens))
    if card is not None:
        (folder / "card.json").write_text(json.dumps(card))
    return folder


MULTILINGUAL = ["word", "", "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|fr|>", "<|yue|>", "<|0.00|>"]


def test_without_a_store_the_models_in_wheels_are_offered(tmp_path: Path) -> None:
    cards = installed(None, tmp_path / "no-packages")
    assert [(card.brick, card.engine) for card in cards] == [("asr", "moonshine"), ("diarize", "onnx")]
    assert cards[0].languages == {"en"}
    assert cards[0].licence == "MIT"


def test_a_whisper_model_knows_the_languages_in_its_vocabulary(tmp_path: Path) -> None:
    folder = whisper(tmp_path, "turbo", MULTILINGUAL)
    card = installed(tmp_path)[0]
    assert (card.name, card.engine, card.path) == ("turbo", "faster-whisper", folder)
    assert card.languages == {"en", "fr", "yue"}
    assert card.memory_mib is None


def test_an_english_only_model_is_told_by_the_lack_of_the_empty_token(tmp_path: Path) -> None:
    whisper(tmp_path, "small.en", [token for token in MULTILINGUAL if token])
    assert installed(tmp_path)[0].languages == {"en"}


def test_older_models_keep_their_vocabulary_as_text(tmp_path: Path) -> None:
    folder = whisper(tmp_path, "old", [])
    (folder / "vocabulary.json").unlink()
    (folder / "vocabulary.txt").write_text("\n".join(MULTILINGUAL) + "\n")
    assert installed(tmp_path)[0].languages == {"en", "fr", "yue"}


def test_a_card_in_the_folder_is_believed(tmp_path: Path) -> None:
    whisper(tmp_path, "own", [], {"languages": ["ca"], "licence": "Apache-2.0", "source": "ours", "memory_mib": 900})
    card = installed(tmp_path)[0]
    assert (card.languages, card.licence, card.source, card.memory_mib) == ({"ca"}, "Apache-2.0", "ours", 900)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_broken_card_is_named(tmp_path: Path, content: str) -> None:
    folder = whisper(tmp_path, "own", [])
    (folder / "card.json").write_text(content)
    with pytest.raises(BadInput, match=r"card\.json"):
        installed(tmp_path)


def test_folders_without_weights_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "asr" / "empty").mkdir(parents=True)
    (tmp_path / "diarize" / "empty").mkdir(parents=True)
    assert installed(tmp_path) == installed(None) == installed(tmp_path / "absent")


def test_diarization_models_of_the_store_come_before_the_wheel(tmp_path: Path) -> None:
    folder = tmp_path / "diarize"
    (folder / "community-1").mkdir(parents=True)
    for name in ("segmentation.onnx", "embedding.onnx", "community-1/config.yaml"):
        (folder / name).touch()
    found = [(card.engine, card.path) for card in installed(tmp_path) if card.brick == "diarize"]
    assert found == [("onnx", folder), ("pyannote", folder / "community-1"), ("onnx", None)]


ENGLISH = ModelCard("moonshine-tiny-en", "asr", "moonshine", frozenset({"en"}), "MIT", "wheel")
TURBO = ModelCard(
    "turbo", "asr", "faster-whisper", frozenset({"en", "fr"}), "MIT", "store", path=Path("/store/asr/turbo")
)
DIARIZER = ModelCard("community-1", "diarize", "onnx", frozenset(), "MIT", "wheel")


@pytest.mark.parametrize("language", ["en", None])
def test_a_model_the_operator_installed_goes_before_the_wheel(language: str | None) -> None:
    assert recognizer_for(language, [DIARIZER, ENGLISH, TURBO]) is TURBO
    assert recognizer_for(language, [DIARIZER, ENGLISH]) is ENGLISH


def test_a_language_nobody_has_is_refused_with_what_there_is_and_what_would_do() -> None:
    with pytest.raises(Unsupported) as caught:
        recognizer_for("de", [ENGLISH, TURBO, DIARIZER])
    assert all(part in caught.value.message for part in ("'de'", "en, fr", "faster-whisper", "asr/"))


def test_nothing_installed_is_said() -> None:
    with pytest.raises(Unsupported, match="installed languages: none"):
        recognizer_for(None, [DIARIZER])


def test_models_in_wheels_are_found_where_they_are() -> None:
    assert moonshine_folder() is not None
    assert silero_file() is not None
    assert silero_file().is_file()


def test_looking_for_models_loads_no_runtime() -> None:
    program = f"""
import sys
from {catalog.__name__} import installed
installed(None)
print([name for name in ("onnxruntime", "ctranslate2", "faster_whisper", "moonshine_voice") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def translator(store: Path, name: str, card: object) -> Path:
    folder = store / "translate" / name
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"")
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def test_a_translator_goes_where_its_card_says(tmp_path: Path) -> None:
    folder = translator(tmp_path, "one", {"from": ["en", "de"], "to": ["fr", "de"], "licence": "CC-BY-4.0"})
    card = installed(tmp_path)[0]
    assert (card.name, card.brick, card.engine, card.path) == ("one", "translate", "ctranslate2", folder)
    assert card.pairs == {("en", "fr"), ("en", "de"), ("de", "fr")}
    assert card.languages == {"en", "de", "fr"}
    assert card.licence == "CC-BY-4.0"


def test_a_translator_that_does_not_say_where_it_goes_is_not_offered(tmp_path: Path) -> None:
    translator(tmp_path, "one", {})
    assert installed(tmp_path) == installed(None)


@pytest.mark.parametrize("card", [{"from": "en", "to": ["fr"]}, {"from": ["en"], "to": [3]}])
def test_a_translators_card_that_is_wrong_is_named(tmp_path: Path, card: object) -> None:
    translator(tmp_path, "one", card)
    with pytest.raises(BadInput, match=r"card\.json.*lists of language codes"):
        installed(tmp_path)


@pytest.mark.parametrize(("file", "engine"), [("rec.onnx", "rapidocr"), ("rus.traineddata", "tesseract")])
def test_a_readers_engine_is_told_by_its_files(tmp_path: Path, file: str, engine: str) -> None:
    folder = tmp_path / "ocr" / "one"
    folder.mkdir(parents=True)
    (folder / file).touch()
    card = installed(tmp_path)[0]
    assert (card.name, card.brick, card.engine) == ("one", "ocr", engine)


def manifest_in(folder: Path, **said: object) -> None:
    file = {"path": "model.bin", "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    content = {
        "name": folder.name,
        "brick": folder.parent.name,
        "engine": "faster-whisper",
        "source": "https://hub/owner/name",
        "revision": "c0ffee",
        "licence": "MIT",
        "files": [file],
        "pulled_at": "2026-11-24T00:00:00Z",
    }
    (folder / "model.json").write_text(json.dumps(content | said))


def test_a_manifest_says_licence_source_commit_and_hashes(tmp_path: Path) -> None:
    folder = whisper(tmp_path, "turbo", MULTILINGUAL)
    manifest_in(folder)
    card = installed(tmp_path)[0]
    assert (card.licence, card.source, card.revision) == ("MIT", "https://hub/owner/name", "c0ffee")
    assert [(file.path, file.sha256) for file in card.files] == [("model.bin", hashlib.sha256(b"").hexdigest())]
    assert card.languages == {"en", "fr", "yue"}


def test_an_operators_card_goes_before_the_manifest(tmp_path: Path) -> None:
    folder = whisper(tmp_path, "turbo", MULTILINGUAL, {"licence": "ours", "memory_mib": 7})
    manifest_in(folder)
    card = installed(tmp_path)[0]
    assert (card.licence, card.source, card.memory_mib) == ("ours", "https://hub/owner/name", 7)


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    manifest_in(whisper(tmp_path, "turbo", MULTILINGUAL), name="..")
    with pytest.raises(BadInput, match=r"model\.json"):
        installed(tmp_path)


@pytest.mark.parametrize("brick", ["asr", "diarize", "translate", "ocr"])
def test_what_is_still_on_its_way_is_not_offered(tmp_path: Path, brick: str) -> None:
    folder = tmp_path / brick / ".coming-x"
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.yaml", "rec.onnx"):
        (folder / name).touch()
    (folder / "card.json").write_text('{"from": ["en"], "to": ["fr"]}')
    assert installed(tmp_path) == installed(None)


def test_apertium_goes_between_the_languages_that_the_system_has(tmp_path: Path) -> None:
    for name in ("eng-spa", "fr-es", "eng-spa-tagger"):
        (tmp_path / f"{name}.mode").touch()
    card = installed(None, tmp_path)[-1]
    assert (card.name, card.brick, card.engine, card.path) == ("apertium", "translate", "apertium", None)
    assert card.pairs == {("en", "es"), ("fr", "es")}
    assert card.languages == {"en", "es", "fr"}
    assert card.licence == "GPL-2.0-or-later (separate programs)"
    assert installed(None, tmp_path / "absent") == installed(None, tmp_path)[:-1]
