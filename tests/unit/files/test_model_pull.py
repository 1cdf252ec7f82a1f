from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from brickyard.files.hub import Hub
from brickyard.files.model_pull import ModelSource, pull
from brickyard.files.model_store import MANIFEST, Manifest, ModelStore, faults, read_manifest
from brickyard.kit.errors import BadInput, Conflict, TooLarge, Unavailable
from tests.unit.files.hub_server import COMMIT, REPO, FakeHub, serving

WEIGHTS = b"weights" * 50_000
FILES = {
    "model.bin": WEIGHTS,
    "config.json": b"{}",
    "sub/x.json": b"[]",
    "README.md": b"# Model",
    ".gitattributes": b"",
}
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SOURCE = ModelSource("one", "asr", "faster-whisper", REPO, files=("model.bin", "*.json"), needed=("model.bin",))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server() -> Iterator[FakeHub]:
    with serving(FakeHub(dict(FILES), lfs={"model.bin"})) as hub:
        yield hub


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")


def pulled(server: FakeHub, store: ModelStore, source: ModelSource = SOURCE, *, again: bool = False) -> Manifest:
    hub = Hub(server.url, pause=lambda _: None)
    return pull(hub, store, source, replace=again, clock=lambda: NOW)


def test_a_pulled_model_has_what_was_wanted_and_a_manifest_that_says_where_from(
    server: FakeHub, store: ModelStore
) -> None:
    manifest = pulled(server, store)
    folder = store.folder("asr", "one")
    assert [file.path for file in manifest.files] == ["config.json", "model.bin", "sub/x.json"]
    assert (manifest.source, manifest.revision) == (f"{server.url}/{REPO}", COMMIT)
    assert (manifest.licence, manifest.pulled_at) == ("mit", NOW)
    assert read_manifest(folder) == manifest
    assert faults(folder, manifest) == []
    assert not list((store.root / "asr").glob(".*"))


def test_the_catalogs_licence_goes_before_the_hubs(server: FakeHub, store: ModelStore) -> None:
    assert pulled(server, store, replace(SOURCE, licence="MIT")).licence == "MIT"


def test_a_card_is_written_and_counts_as_a_file_of_the_model(server: FakeHub, store: ModelStore) -> None:
    server.files["card.json"] = b"theirs"
    manifest = pulled(server, store, replace(SOURCE, brick="translate", card={"from": ["en"], "to": ["fr"]}))
    folder = store.folder("translate", "one")
    assert "card.json" in {file.path for file in manifest.files}
    assert "fr" in (folder / "card.json").read_text()
    assert pulled(server, store, replace(SOURCE, brick="translate", card={"from": ["en"], "to": ["fr"]})) == manifest


def test_files_may_have_another_name_here(server: FakeHub, store: ModelStore) -> None:
    pulled(server, store, replace(SOURCE, renamed={"sub/x.json": "y.json"}))
    assert (store.folder("asr", "one") / "y.json").read_bytes() == b"[]"


def test_the_same_model_is_not_fetched_twice(server: FakeHub, store: ModelStore) -> None:
    first = pulled(server, store)
    server.seen.clear()
    assert pulled(server, store) == first
    assert not server.requests_for("model.bin")


def test_a_damaged_model_is_mended_by_pulling_it_again(server: FakeHub, store: ModelStore) -> None:
    first = pulled(server, store)
    weights = store.folder("asr", "one") / "model.bin"
    weights.write_bytes(b"x" * len(WEIGHTS))
    assert pulled(server, store) == first
    assert weights.read_bytes() == WEIGHTS


def test_another_model_of_the_name_gives_way_only_when_asked_to(server: FakeHub, store: ModelStore) -> None:
    pulled(server, store)
    server.commit = "f" * 40
    server.seen.clear()
    with pytest.raises(Conflict, match="--replace"):
        pulled(server, store)
    assert not server.requests_for("model.bin")
    assert pulled(server, store, again=True).revision == "f" * 40


def test_a_wrong_hash_installs_nothing(server: FakeHub, store: ModelStore) -> None:
    server.told_sha256["model.bin"] = "0" * 64
    with pytest.raises(BadInput, match="nothing was installed"):
        pulled(server, store)
    assert not store.folder("asr", "one").exists()
    assert store.manifests() == []


def test_a_file_that_was_exchanged_is_refused_before_it_is_fetched(server: FakeHub, store: ModelStore) -> None:
    with pytest.raises(BadInput, match="exchanged"):
        pulled(server, store, replace(SOURCE, sha256={"model.bin": "0" * 64}))
    assert not server.requests_for("model.bin")


def test_the_catalogs_hash_counts_where_the_hub_tells_none(server: FakeHub, store: ModelStore) -> None:
    server.lfs.clear()
    with pytest.raises(BadInput, match="should have"):
        pulled(server, store, replace(SOURCE, sha256={"model.bin": "0" * 64}))
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    assert pulled(server, store, replace(SOURCE, sha256={"model.bin": digest}))


def test_an_interrupted_pull_goes_on_where_it_ended(server: FakeHub, store: ModelStore) -> None:
    server.cut_after, server.cuts = 100_000, 1
    hub = Hub(server.url, pause=_stop)
    with pytest.raises(_Stopped):
        pull(hub, store, SOURCE)
    assert not store.folder("asr", "one").exists()
    server.seen.clear()
    manifest = pulled(server, store)
    assert [asked["range"] for asked in server.requests_for("model.bin")] == ["bytes=100000-"]
    assert not server.requests_for("config.json")
    assert faults(store.folder("asr", "one"), manifest) == []


class _Stopped(Exception):
    pass


def _stop(seconds: float) -> None:
    if seconds:
        raise _Stopped


def test_a_part_that_went_bad_is_fetched_anew(server: FakeHub, store: ModelStore) -> None:
    with store.coming("asr", "one") as coming:
        coming.begin(f"{server.url}/{REPO}@{COMMIT}")
        coming.part("model.bin").write_bytes(b"rubbish")
    manifest = pulled(server, store)
    assert faults(store.folder("asr", "one"), manifest) == []
    assert [asked.get("range") for asked in server.requests_for("model.bin")] == ["bytes=7-", None]


def test_what_began_of_another_commit_is_not_gone_on_with(server: FakeHub, store: ModelStore) -> None:
    with store.coming("asr", "one") as coming:
        coming.begin(f"{server.url}/{REPO}@{'f' * 40}")
        coming.part("model.bin").write_bytes(b"weights")
    pulled(server, store)
    assert [asked.get("range") for asked in server.requests_for("model.bin")] == [None]


def test_a_model_without_its_weights_is_refused(server: FakeHub, store: ModelStore) -> None:
    del server.files["model.bin"]
    with pytest.raises(BadInput, match=r"has no model\.bin; it has \.gitattributes, README\.md"):
        pulled(server, store)


@pytest.mark.parametrize("path", ["../../evil.json", "/etc/evil.json", "a/../../evil.json", "a\\b.json", "model.json"])
def test_file_names_that_lead_elsewhere_are_refused(server: FakeHub, store: ModelStore, path: str) -> None:
    server.files[path] = b"x"
    with pytest.raises(BadInput, match="can't be pulled"):
        pulled(server, store)
    assert not store.folder("asr", "one").exists()
    assert not list(store.root.parent.rglob("evil.json"))


def test_files_that_are_each_others_folders_are_refused(server: FakeHub, store: ModelStore) -> None:
    server.files |= {"a.json": b"x", "a.json/b.json": b"x"}
    with pytest.raises(BadInput, match="can't be pulled"):
        pulled(server, store)


@pytest.mark.parametrize(("name", "brick"), [("../x", "asr"), ("x", "../asr"), (".x", "asr"), ("x", "llm")])
def test_names_that_lead_elsewhere_are_refused(server: FakeHub, store: ModelStore, name: str, brick: str) -> None:
    with pytest.raises(BadInput):
        pulled(server, store, replace(SOURCE, name=name, brick=brick))
    assert server.seen == []


def test_a_model_larger_than_the_disk_is_refused_before_it_is_fetched(server: FakeHub, store: ModelStore) -> None:
    server.listing = {"sha": COMMIT, "siblings": [{"rfilename": "model.bin", "size": 1 << 60}]}
    with pytest.raises(TooLarge, match="free"):
        pulled(server, store)
    assert not server.requests_for("model.bin")


def test_a_hub_that_goes_away_is_said_and_leaves_no_model(server: FakeHub, store: ModelStore) -> None:
    server.cut_after, server.cuts, server.knows_ranges = 100_000, 99, False
    with pytest.raises(Unavailable):
        pulled(server, store)
    assert not (store.folder("asr", "one") / MANIFEST).exists()
