from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from brickyard.echo.evidence.models import installed, packages
from brickyard.files.model_store import MANIFEST, Manifest, StoredFile


def named(models: list[dict[str, Any]], name: str) -> dict[str, Any]:
    [found] = [model for model in models if model["name"] == name]
    return found


def test_weights_in_wheels_are_named_with_their_hashes() -> None:
    models = installed(None)
    assert {"moonshine-tiny-en", "community-1", "silero-vad", "pp-ocr-v6-small"} <= {model["name"] for model in models}
    for name in ("moonshine-tiny-en", "community-1", "silero-vad", "pp-ocr-v6-small"):
        files = named(models, name)["files"]
        assert files, name
        assert all(len(file["sha256"]) == 64 and file["bytes"] > 0 for file in files)
    assert len(named(models, "community-1")["files"]) == 2


def model(store: Path) -> Path:
    folder = store / "asr" / "mine"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    return folder


def test_a_model_that_was_put_there_by_hand_is_hashed(tmp_path: Path) -> None:
    folder = model(tmp_path)
    (folder / "card.json").write_text('{"languages": ["en"]}')
    told = named(installed(tmp_path), "mine")
    assert (told["hashes"], told["source"], told["placed_at"]) == ("files", "the model store", None)
    assert told["files"] == [
        {"path": "config.json", "bytes": 2, "sha256": sha256(b"{}").hexdigest()},
        {"path": "model.bin", "bytes": 7, "sha256": sha256(b"weights").hexdigest()},
    ]
    (folder / "model.bin").write_bytes(b"other weights")
    assert named(installed(tmp_path), "mine")["files"][1]["sha256"] == sha256(b"other weights").hexdigest()


def test_a_manifest_is_believed(tmp_path: Path) -> None:
    folder = model(tmp_path)
    manifest = Manifest(
        name="mine",
        brick="asr",
        engine="faster-whisper",
        source="https://hub/owner/mine",
        revision="abc",
        licence="MIT",
        files=(StoredFile(path="model.bin", bytes=7, sha256="a" * 64),),
        pulled_at="2026-11-24T12:00:00Z",
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    told = named(installed(tmp_path), "mine")
    assert (told["hashes"], told["revision"], told["source"]) == ("manifest", "abc", "https://hub/owner/mine")
    assert told["files"] == [{"path": "model.bin", "bytes": 7, "sha256": "a" * 64}]
    assert told["placed_at"] == "2026-11-24T12:00:00+00:00"


def test_packages_have_versions() -> None:
    told = packages()
    assert {"numpy", "onnxruntime", "av"} <= set(told["packages"])
    assert all(version[0].isdigit() for version in told["packages"].values())
    assert told["python"].startswith("3.")
