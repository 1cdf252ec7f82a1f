"""The commands as they are typed, against a hub of the test's own."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from brickyard.cli.models import app
from brickyard.engines.catalog import installed
from brickyard.kit.errors import BadInput, Conflict, Forbidden, NotFound
from tests.unit.files.hub_server import COMMIT, REPO, FakeHub, serving

WEIGHTS = b"weights" * 20_000
FILES = {
    "model.bin": WEIGHTS,
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "vocabulary.json": json.dumps(["word", "", "<|en|>", "<|fr|>"]).encode(),
    "README.md": b"# A model",
}
OWN = ("--repo", REPO, "--brick", "asr", "--as", "mine")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("BRICKYARD_MODEL_STORE", raising=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving(FakeHub(dict(FILES), lfs={"model.bin"})) as hub:
        monkeypatch.setenv("BRICKYARD_MODEL_HUB", hub.url)
        yield hub


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def run(*words: object) -> Result:
    """The command as typed. What it raises is raised, as in the program, whose `main` prints it."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def listed(*words: object) -> dict[str, dict[str, object]]:
    rows = json.loads(run("list", "--json", *words).stdout)
    return {f"{row['brick']}/{row['name']}/{row['engine']}": row for row in rows}


def test_from_the_hub_to_another_store(server: FakeHub, store: Path, tmp_path: Path) -> None:
    run("pull", *OWN, "--store", store)
    assert run("verify", "--store", store).exit_code == 0
    run("export", "mine", "--to", tmp_path / "models.tar", "--store", store)
    other = tmp_path / "other"
    run("import", tmp_path / "models.tar", "--store", other)
    assert run("verify", "mine", "--store", other).exit_code == 0
    ours = [card for card in installed(other) if card.path]
    assert [(card.name, card.brick, card.engine, card.licence) for card in ours] == [
        ("mine", "asr", "faster-whisper", "mit")
    ]
    assert (ours[0].source, ours[0].revision) == (f"{server.url}/{REPO}", COMMIT)
    assert {file.path for file in ours[0].files} == set(FILES) - {"README.md"}
    assert ours[0].languages == {"en", "fr"}
    for path in (store / "asr" / "mine").iterdir():
        assert (other / "asr" / "mine" / path.name).read_bytes() == path.read_bytes()


def test_faults_are_told_and_end_with_one(server: FakeHub, store: Path) -> None:
    run("pull", *OWN, "--store", store)
    folder = store / "asr" / "mine"
    (folder / "model.bin").write_bytes(WEIGHTS[:-1] + b"x")
    (folder / "config.json").unlink()
    (folder / "more").touch()
    result = run("verify", "--store", store)
    assert result.exit_code == 1
    assert "model.bin is changed" in result.stdout
    assert "config.json is missing" in result.stdout
    assert "more is extra" in result.stdout
    found = run("verify", "--json", "--store", store)
    assert found.exit_code == 1
    wrong = {fault["path"]: fault["wrong"] for fault in json.loads(found.stdout)["asr/mine"]}
    assert wrong == {"model.bin": "changed", "config.json": "missing", "more": "extra"}


def test_the_list_tells_wheels_store_and_hub_apart(server: FakeHub, store: Path) -> None:
    run("pull", *OWN, "--store", store)
    (store / "asr" / "by-hand").mkdir()
    (store / "asr" / "by-hand" / "model.bin").touch()
    rows = listed("--store", store)
    assert rows["asr/moonshine-tiny-en/moonshine"]["state"] == "in the wheel"
    assert rows["ocr/pp-ocr-v6-small/rapidocr"]["state"] == "in the wheel"
    assert rows["asr/mine/faster-whisper"]["state"] == "installed"
    assert rows["asr/mine/faster-whisper"]["languages"] == ["en", "fr"]
    assert rows["asr/by-hand/faster-whisper"]["state"] == "installed by hand"
    assert rows["asr/large-v3-turbo/faster-whisper"]["state"] == "can be pulled"
    assert rows["diarize/community-1/pyannote"]["state"] == "can be pulled, with a token"
    (store / "asr" / "mine" / "model.bin").write_bytes(b"short")
    assert listed("--store", store)["asr/mine/faster-whisper"]["state"] == "damaged"


def test_an_installed_model_is_not_offered_once_more(store: Path) -> None:
    (store / "asr" / "base").mkdir(parents=True)
    (store / "asr" / "base" / "model.bin").touch()
    names = [key for key in listed("--store", store) if key.startswith("asr/base/")]
    assert names == ["asr/base/faster-whisper"]
    assert listed("--store", store)[names[0]]["state"] == "installed by hand"


def test_memory_that_an_operator_states_is_marked_so(store: Path) -> None:
    folder = store / "asr" / "x"
    folder.mkdir(parents=True)
    (folder / "model.bin").touch()
    (folder / "card.json").write_text('{"memory_mib": 777}')
    row = listed("--store", store)["asr/x/faster-whisper"]
    assert (row["memory_mib"], row["memory_from"]) == (777, "stated")


def test_the_table_fits_every_model_on_a_line() -> None:
    table = run("list", "--brick", "diarize").stdout
    assert "community-1" in table
    assert "moonshine-tiny-en" not in table
    assert all(len(line) <= 160 for line in table.splitlines())


def test_the_token_comes_from_a_file(
    server: FakeHub, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.token = "secret"
    with pytest.raises(Forbidden, match="TOKEN_FILE"):
        run("pull", *OWN, "--store", store)
    file = tmp_path / "token"
    monkeypatch.setenv("BRICKYARD_MODEL_HUB_TOKEN_FILE", str(file))
    with pytest.raises(BadInput, match="no such file"):
        run("pull", *OWN, "--store", store)
    file.write_text("secret\n")
    assert "is in" in run("pull", *OWN, "--store", store).output


def test_a_licence_that_restricts_is_warned_of(server: FakeHub, store: Path) -> None:
    server.licence = "cc-by-nc-4.0"
    assert "warning" in run("pull", *OWN, "--store", store).output


def test_a_mirror_can_be_named(server: FakeHub, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRICKYARD_MODEL_HUB", "http://127.0.0.1:9")
    run("pull", *OWN, "--hub", server.url, "--store", store)
    assert (store / "asr" / "mine" / "model.bin").read_bytes() == WEIGHTS


def test_a_model_put_there_by_hand_can_be_carried_on(store: Path, tmp_path: Path) -> None:
    folder = store / "translate" / "ours"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"weights")
    (folder / "source.spm").write_bytes(b"tokens")
    (folder / "card.json").write_text('{"from": ["en"], "to": ["fr"], "licence": "ours"}')
    run("export", "ours", "--to", tmp_path / "models.tar", "--store", store)
    run("import", tmp_path / "models.tar", "--store", tmp_path / "other")
    card = next(card for card in installed(tmp_path / "other") if card.path)
    assert (card.name, card.licence, card.pairs) == ("ours", "ours", {("en", "fr")})
    assert run("verify", "translate/ours", "--store", tmp_path / "other").exit_code == 0


def test_an_import_says_what_was_there_already(server: FakeHub, store: Path, tmp_path: Path) -> None:
    run("pull", *OWN, "--store", store)
    run("export", "mine", "--to", tmp_path / "models.tar", "--store", store)
    assert "was there already" in run("import", tmp_path / "models.tar", "--store", store).output
    with tarfile.open(tmp_path / "models.tar") as archive:
        assert archive.getnames()[0] == "brickyard-models.json"


@pytest.mark.parametrize(
    "words",
    [
        ("pull",),
        ("pull", "--repo", REPO),
        ("pull", "base", *OWN),
        ("pull", "base", "--brick", "asr"),
        ("pull", "--repo", REPO, "--brick", "asr"),
    ],
)
def test_what_is_said_by_halves_is_refused(store: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="--repo"):
        run(*words, "--store", store)


def test_without_a_store_it_is_said_how_to_name_one(tmp_path: Path) -> None:
    for words in (("pull", "base"), ("verify",), ("export", "x", "--to", tmp_path / "x")):
        with pytest.raises(BadInput, match="BRICKYARD_MODEL_STORE"):
            run(*words)


def test_what_is_not_known_is_said(store: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="catalog"):
        run("pull", "huge", "--store", store)
    with pytest.raises(NotFound, match="no model mine"):
        run("export", "mine", "--to", tmp_path / "x.tar", "--store", store)
    with pytest.raises(NotFound, match="no model mine"):
        run("verify", "mine", "--store", store)


def test_another_model_needs_replace(server: FakeHub, store: Path) -> None:
    run("pull", *OWN, "--store", store)
    server.commit = "f" * 40
    with pytest.raises(Conflict, match="--replace"):
        run("pull", *OWN, "--store", store)
    run("pull", *OWN, "--replace", "--store", store)
    assert "ffff" in (store / "asr" / "mine" / "model.json").read_text()
