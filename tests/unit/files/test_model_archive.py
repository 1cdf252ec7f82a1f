from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brickyard.files.model_archive import LIST, Contents, export, import_archive, read_contents
from brickyard.files.model_store import MANIFEST, ModelStore, faults, read_manifest
from brickyard.kit.errors import BadInput, BrickyardError, Conflict
from tests.unit.files.test_model_store import FILES, placed


@pytest.fixture
def source(tmp_path: Path) -> ModelStore:
    store = ModelStore(tmp_path / "source")
    placed(store, FILES, "one")
    placed(store, {"model.bin": b"two", "empty": b"", "a name/é.txt": b"x", "l" * 60 + "/" + "n" * 80: b"long"}, "two")
    return store


@pytest.fixture
def target(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "target")


def exported(store: ModelStore, to: Path, names: tuple[str, ...] = ("one", "two")) -> Path:
    models = [store.find(name) for name in names]
    export([(store.folder(model.brick, model.name), model) for model in models], to)
    return to


def written(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w") as archive:
        for header, content in members:
            header.size = len(content) if header.isreg() else 0
            archive.addfile(header, io.BytesIO(content))
    return path


def listed(store: ModelStore, change: dict[str, Any] | None = None) -> tuple[tarfile.TarInfo, bytes]:
    """The list of an archive of model `one`, some of it changed."""
    model = json.loads(store.find("one").model_dump_json()) | (change or {})
    return tarfile.TarInfo(LIST), json.dumps({"format": 1, "models": [model]}).encode()


def good(store: ModelStore) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [listed(store), *((tarfile.TarInfo(f"asr/one/{path}"), content) for path, content in FILES.items())]


def refused(archive: Path, target: ModelStore) -> str:
    with pytest.raises(BrickyardError) as caught:
        import_archive(archive, target)
    assert target.manifests() == []
    assert not any(path.is_file() for path in target.root.rglob("*"))
    return caught.value.message


def test_what_goes_out_comes_in_the_same(source: ModelStore, target: ModelStore, tmp_path: Path) -> None:
    done = import_archive(exported(source, tmp_path / "models.tar"), target)
    assert [model.name for model in done.placed] == ["one", "two"]
    assert target.manifests() == source.manifests()
    for model in target.manifests():
        assert faults(target.folder(model.brick, model.name), model) == []
    assert not list(target.root.glob("*/.*"))


def test_the_same_models_give_the_same_archive(source: ModelStore, tmp_path: Path) -> None:
    one = exported(source, tmp_path / "1.tar")
    other = exported(source, tmp_path / "2.tar", ("two", "one"))
    assert one.read_bytes() == other.read_bytes()


def test_the_list_can_be_read_alone(source: ModelStore, tmp_path: Path) -> None:
    contents = read_contents(exported(source, tmp_path / "models.tar"))
    assert contents == Contents(models=tuple(source.manifests()))


def test_a_changed_model_is_not_exported_and_no_archive_is_left(source: ModelStore, tmp_path: Path) -> None:
    (source.folder("asr", "one") / "model.bin").write_bytes(b"weightz")
    with pytest.raises(BadInput, match=r"models verify one"):
        exported(source, tmp_path / "models.tar")
    assert not list(tmp_path.glob("*models.tar*"))


def test_an_archive_is_not_overwritten(source: ModelStore, tmp_path: Path) -> None:
    exported(source, tmp_path / "models.tar")
    with pytest.raises(Conflict, match="exists"):
        exported(source, tmp_path / "models.tar")


def test_the_same_model_is_left_alone_and_another_gives_way_only_when_asked_to(
    source: ModelStore, target: ModelStore, tmp_path: Path
) -> None:
    archive = exported(source, tmp_path / "models.tar")
    placed(target, FILES, "one")
    before = read_manifest(target.folder("asr", "one"))
    done = import_archive(archive, target)
    assert ([model.name for model in done.kept], [model.name for model in done.placed]) == (["one"], ["two"])
    assert read_manifest(target.folder("asr", "one")) == before
    (target.folder("asr", "two") / "model.bin").write_bytes(b"owt")
    with pytest.raises(Conflict, match="--replace"):
        import_archive(archive, target)
    assert (target.folder("asr", "two") / "model.bin").read_bytes() == b"owt"
    import_archive(archive, target, replace=True)
    assert (target.folder("asr", "two") / "model.bin").read_bytes() == b"two"


def test_a_changed_byte_places_nothing_at_all(source: ModelStore, target: ModelStore, tmp_path: Path) -> None:
    archive = exported(source, tmp_path / "models.tar")
    content = archive.read_bytes()
    assert content.count(b"two") > 1
    at = content.rindex(b"two\0\0")
    archive.write_bytes(content[:at] + b"own" + content[at + 3 :])
    assert "SHA-256" in refused(archive, target)


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_an_archive_that_broke_off_places_nothing(
    source: ModelStore, target: ModelStore, tmp_path: Path, part: float
) -> None:
    archive = exported(source, tmp_path / "models.tar")
    content = archive.read_bytes().rstrip(b"\0")
    archive.write_bytes(content[: int(len(content) * part)])
    assert "Copy it again" in refused(archive, target)


def test_a_well_made_archive_of_these_tests_is_accepted(source: ModelStore, target: ModelStore, tmp_path: Path) -> None:
    import_archive(written(tmp_path / "a.tar", good(source)), target)
    assert target.manifests() == [source.find("one")]


def _of_type(kind: bytes, name: str = "asr/one/model.bin", to: str = "") -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, to
    return header


@pytest.mark.parametrize(
    ("kind", "to"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, f"{LIST}"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.DIRTYPE, ""),
    ],
)
def test_what_is_no_plain_file_is_refused(
    source: ModelStore, target: ModelStore, tmp_path: Path, kind: bytes, to: str
) -> None:
    members = [listed(source), (_of_type(kind, to=to), b"")]
    refused(written(tmp_path / "a.tar", members), target)


@pytest.mark.parametrize(
    "name", ["/etc/evil", "../evil", "asr/one/../../../evil", "asr/one/more", "asr/one/./model.bin"]
)
def test_a_member_that_the_list_does_not_name_is_refused(
    source: ModelStore, target: ModelStore, tmp_path: Path, name: str
) -> None:
    refused(written(tmp_path / "a.tar", [*good(source), (tarfile.TarInfo(name), b"x")]), target)
    assert not list(tmp_path.rglob("evil"))


def test_a_member_that_comes_twice_is_refused(source: ModelStore, target: ModelStore, tmp_path: Path) -> None:
    refused(written(tmp_path / "a.tar", [*good(source), (tarfile.TarInfo("asr/one/model.bin"), b"weights")]), target)


def test_a_member_larger_than_its_list_says_is_refused(source: ModelStore, target: ModelStore, tmp_path: Path) -> None:
    members = [listed(source), (tarfile.TarInfo("asr/one/model.bin"), b"weights and more")]
    assert "bytes" in refused(written(tmp_path / "a.tar", members), target)


def test_a_missing_member_is_refused(source: ModelStore, target: ModelStore, tmp_path: Path) -> None:
    assert "lacks asr/one/sub/config.json" in refused(written(tmp_path / "a.tar", good(source)[:2]), target)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../../evil"},
        {"brick": ".."},
        {"brick": "/etc"},
        {"files": [{"path": "../evil", "bytes": 1, "sha256": "0" * 64}]},
        {"files": []},
        {"files": [{"path": "a", "bytes": -1, "sha256": "0" * 64}]},
        {"more": 1},
    ],
)
def test_a_list_that_leads_elsewhere_is_refused(
    source: ModelStore, target: ModelStore, tmp_path: Path, change: dict[str, Any]
) -> None:
    refused(written(tmp_path / "a.tar", [listed(source, change), *good(source)[1:]]), target)


def test_a_model_larger_than_the_disk_is_refused(source: ModelStore, target: ModelStore, tmp_path: Path) -> None:
    files = [{"path": "model.bin", "bytes": 1 << 60, "sha256": "0" * 64}]
    assert "free" in refused(written(tmp_path / "a.tar", [listed(source, {"files": files})]), target)


def test_a_header_that_would_fill_the_memory_is_refused(source: ModelStore, target: ModelStore, tmp_path: Path) -> None:
    header = _of_type(tarfile.XHDTYPE, "x")
    header.size = 1 << 40
    (tmp_path / "a.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 2048)
    assert "header" in refused(tmp_path / "a.tar", target)


def test_a_list_that_would_fill_the_memory_is_refused(target: ModelStore, tmp_path: Path) -> None:
    header = tarfile.TarInfo(LIST)
    header.size = 1 << 40
    (tmp_path / "a.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 2048)
    assert "list" in refused(tmp_path / "a.tar", target)


@pytest.mark.parametrize("content", [b"", b"text", b"\0" * 4096, b"PK\x03\x04" + b"\0" * 1000])
def test_a_file_that_is_no_archive_is_refused(target: ModelStore, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    refused(tmp_path / "a.tar", target)


def test_a_packed_archive_is_refused(source: ModelStore, target: ModelStore, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(LIST))
    refused(tmp_path / "a.tar", target)


def test_an_archive_of_another_program_is_refused(target: ModelStore, tmp_path: Path) -> None:
    refused(written(tmp_path / "a.tar", [(tarfile.TarInfo("other"), b"x")]), target)


def test_no_archive_is_said(target: ModelStore, tmp_path: Path) -> None:
    assert "no file" in refused(tmp_path / "absent.tar", target)


NAMES = st.lists(st.sampled_from(["..", ".", "asr", "one", "model.bin", "etc", "", "~", "é", "a\\b"]), max_size=6)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(parts=NAMES, absolute=st.booleans(), kind=KINDS, content=st.binary(max_size=8))
def test_whatever_a_member_is_called_nothing_is_written_elsewhere(
    tmp_path_factory: pytest.TempPathFactory,
    source: ModelStore,
    parts: list[str],
    absolute: bool,
    kind: bytes,
    content: bytes,
) -> None:
    folder = tmp_path_factory.mktemp("anywhere")
    name = ("/" if absolute else "") + "/".join(parts)
    header = _of_type(kind, name or "x", to="../../../outside")
    archive = written(folder / "a.tar", [listed(source), (header, content)])
    inside = ModelStore(folder / "deep" / "er" / "store")
    with pytest.raises(BrickyardError):
        import_archive(archive, inside)
    assert inside.manifests() == []
    assert {path for path in folder.rglob("*") if not path.is_dir()} == {archive}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_an_archive_with_damage_anywhere_places_all_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, source: ModelStore, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(exported(source, folder / "a.tar", ("one",)).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    (folder / "a.tar").write_bytes(content)
    store = ModelStore(folder / "store")
    try:
        import_archive(folder / "a.tar", store)
    except BrickyardError:
        assert store.manifests() == []
        return
    kept = {file.read_bytes() for file in store.root.rglob("*") if file.is_file() and file.name != MANIFEST}
    assert kept == set(FILES.values())
