from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from brickyard.files import model_store
from brickyard.files.model_store import (
    MANIFEST,
    Coming,
    Manifest,
    ModelStore,
    StoredFile,
    Wrong,
    checked_path,
    describe,
    faults,
    looks_whole,
    read_manifest,
)
from brickyard.kit.errors import BadInput, Conflict, NotFound, TooLarge

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FILES = {"model.bin": b"weights", "sub/config.json": b"{}"}


def filled(folder: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def manifest_of(folder: Path, name: str = "one", brick: str = "asr") -> Manifest:
    return Manifest(
        name=name, brick=brick, engine="e", source="s", licence="MIT", files=describe(folder), pulled_at=NOW
    )


def placed(store: ModelStore, files: dict[str, bytes], name: str = "one", *, replace: bool = False) -> Manifest:
    with store.coming("asr", name) as coming:
        coming.begin("a test")
        for path, content in files.items():
            coming.path(path).write_bytes(content)
        manifest = manifest_of(coming.whole, name)
        store.place(coming, manifest, replace=replace)
    return manifest


def test_a_placed_model_is_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    manifest = placed(store, FILES)
    folder = store.folder("asr", "one")
    assert read_manifest(folder) == manifest
    assert faults(folder, manifest) == []
    assert [path.name for path in (tmp_path / "asr").iterdir()] == ["one"]


def test_a_model_gives_way_only_when_asked_to(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    placed(store, FILES)
    with pytest.raises(Conflict, match="--replace"):
        placed(store, {"model.bin": b"other"})
    assert (store.folder("asr", "one") / "model.bin").read_bytes() == b"weights"
    placed(store, {"model.bin": b"other"}, replace=True)
    assert {path.name for path in store.folder("asr", "one").iterdir()} == {"model.bin", MANIFEST}
    assert [path.name for path in (tmp_path / "asr").iterdir()] == ["one"]


def test_every_fault_is_found(tmp_path: Path) -> None:
    folder = filled(tmp_path, {**FILES, "gone": b"x", "longer": b"x", "link": b"x", "card.json": b"{}"})
    manifest = manifest_of(folder)
    (folder / "model.bin").write_bytes(b"weightz")
    (folder / "gone").unlink()
    (folder / "longer").write_bytes(b"xx")
    (folder / "link").unlink()
    (folder / "link").symlink_to(folder / "sub/config.json")
    (folder / "more").mkdir()
    (folder / "more" / "extra").write_bytes(b"x")
    found = {(fault.path, fault.wrong) for fault in faults(folder, manifest)}
    assert found == {
        ("model.bin", Wrong.CHANGED),
        ("gone", Wrong.MISSING),
        ("longer", Wrong.CHANGED),
        ("link", Wrong.CHANGED),
        ("more/extra", Wrong.EXTRA),
    }


def test_an_operators_card_is_no_fault_but_one_of_the_manifest_counts(tmp_path: Path) -> None:
    folder = filled(tmp_path / "a", FILES)
    manifest = manifest_of(folder)
    (folder / "card.json").write_text("{}")
    assert faults(folder, manifest) == []
    known = filled(tmp_path / "b", {"card.json": b"{}"})
    manifest = manifest_of(known)
    (known / "card.json").write_text("[]")
    assert [fault.path for fault in faults(known, manifest)] == ["card.json"]


def test_a_look_sees_sizes_and_no_more(tmp_path: Path) -> None:
    folder = filled(tmp_path, FILES)
    manifest = manifest_of(folder)
    (folder / "model.bin").write_bytes(b"weightz")
    assert looks_whole(folder, manifest)
    (folder / "model.bin").write_bytes(b"weight")
    assert not looks_whole(folder, manifest)


def test_links_are_not_described(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(BadInput, match="no plain file"):
        describe(tmp_path)


def test_a_model_is_found_by_name_or_with_its_brick(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    one = placed(store, FILES)
    ocr = store.folder("ocr", "one")
    filled(ocr, {"a.onnx": b"x"})
    other = manifest_of(ocr, brick="ocr")
    (ocr / MANIFEST).write_text(other.model_dump_json())
    assert store.manifests() == [one, other]
    assert store.find("ocr/one") == other
    with pytest.raises(BadInput, match="asr/one or ocr/one"):
        store.find("one")
    with pytest.raises(NotFound, match="asr/one"):
        store.find("two")


@pytest.mark.parametrize("content", ["{", "[]", '{"name": "x"}', '{"name": "x", "more": 1}'])
def test_a_broken_manifest_is_named(tmp_path: Path, content: str) -> None:
    folder = filled(tmp_path / "asr" / "one", {MANIFEST: content.encode()})
    with pytest.raises(BadInput, match=r"model\.json"):
        read_manifest(folder)


def test_a_disk_without_room_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="free"):
        ModelStore(tmp_path).check_room(1 << 60)


def test_two_at_once_are_one_too_many(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    with store.coming("asr", "one"), pytest.raises(Conflict, match="already"), store.coming("asr", "one"):
        pass
    with store.coming("asr", "one"):
        pass


def test_what_came_of_the_same_is_kept_and_what_came_of_another_is_not(tmp_path: Path) -> None:
    coming = Coming(tmp_path)
    coming.begin("commit 1")
    coming.part("model.bin").write_bytes(b"half")
    coming.begin("commit 1")
    assert coming.part("model.bin").read_bytes() == b"half"
    coming.begin("commit 2")
    assert not coming.part("model.bin").exists()


@given(st.text(alphabet=st.sampled_from("ab./\\: \x00\n.model.json-é"), max_size=20) | st.text(max_size=30))
def test_a_path_that_is_allowed_stays_inside(text: str) -> None:
    try:
        path = checked_path(text)
    except ValueError:
        return
    parts = PurePosixPath(path).parts
    assert "/".join(parts) == path == text
    assert not PurePosixPath(path).is_absolute()
    assert not {"..", ".", ""} & set(parts)
    assert "\\" not in path
    assert path != MANIFEST
    assert Path("/store/asr/one", path).resolve().is_relative_to("/store/asr/one")


@pytest.mark.parametrize("path", ["model.bin", "sub/dir/a b.json", ".gitattributes", "a..b", "é.txt", "sub/model.json"])
def test_common_paths_are_allowed(path: str) -> None:
    assert checked_path(path) == path


@pytest.mark.parametrize(
    "paths", [("a", "a"), ("a", "A"), ("a", "a/b"), ("Sub/x", "sub"), ("../a",), ("/a",), ("a/",), ("model.json",), ()]
)
def test_a_manifest_of_paths_that_can_not_be_is_refused(paths: tuple[str, ...]) -> None:
    files = [{"path": path, "bytes": 1, "sha256": "0" * 64} for path in paths]
    with pytest.raises(ValidationError):
        Manifest.model_validate(
            {"name": "n", "brick": "asr", "engine": "e", "source": "", "licence": "", "files": files, "pulled_at": NOW}
        )


@pytest.mark.parametrize(("name", "brick"), [("..", "asr"), ("a/b", "asr"), (".a", "asr"), ("", "asr"), ("a", "..")])
def test_a_manifest_leads_to_no_other_folder(name: str, brick: str) -> None:
    with pytest.raises(ValidationError):
        Manifest(
            name=name,
            brick=brick,
            engine="e",
            source="",
            licence="",
            files=(StoredFile(path="a", bytes=1, sha256="0" * 64),),
            pulled_at=NOW,
        )


def test_bricks_are_those_that_the_catalog_looks_for() -> None:
    assert model_store.BRICKS == ("asr", "diarize", "translate", "ocr")
