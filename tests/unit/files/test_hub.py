from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from brickyard.files.hub import Hub, RemoteFile, Snapshot
from brickyard.kit.errors import BadInput, BrickyardError, Forbidden, NotFound, Unavailable
from tests.unit.files.hub_server import COMMIT, REPO, FakeHub, serving

WEIGHTS = bytes(range(256)) * 2000


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server() -> Iterator[FakeHub]:
    with serving(FakeHub({"model.bin": WEIGHTS, "sub dir/config.json": b"{}", "empty": b""}, lfs={"model.bin"})) as hub:
        yield hub


def hub_of(server: FakeHub, token: str = "") -> Hub:
    return Hub(server.url, token, pause=lambda _: None)


def fetched(server: FakeHub, part: Path, name: str = "model.bin", token: str = "") -> str:
    hub = hub_of(server, token)
    snapshot = hub.snapshot(REPO, "main")
    file = next(file for file in snapshot.files if file.path == name)
    return hub.fetch(snapshot, file, part)


def test_a_snapshot_names_commit_licence_files_and_the_hashes_that_are_told(server: FakeHub) -> None:
    snapshot = hub_of(server).snapshot(REPO, "main")
    assert (snapshot.commit, snapshot.licence) == (COMMIT, "mit")
    assert snapshot.files == (
        RemoteFile("model.bin", len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest()),
        RemoteFile("sub dir/config.json", 2, None),
        RemoteFile("empty", 0, None),
    )


@pytest.mark.parametrize("name", ["model.bin", "sub dir/config.json", "empty"])
def test_a_file_arrives_with_its_hash(server: FakeHub, tmp_path: Path, name: str) -> None:
    assert fetched(server, tmp_path / "part", name) == hashlib.sha256(server.files[name]).hexdigest()
    assert (tmp_path / "part").read_bytes() == server.files[name]


def test_what_broke_off_goes_on_where_it_ended(server: FakeHub, tmp_path: Path) -> None:
    server.cut_after, server.cuts = 100_000, 1
    fetched(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == WEIGHTS
    assert [asked.get("range") for asked in server.requests_for("model.bin")] == [None, "bytes=100000-"]


def test_an_earlier_attempt_is_gone_on_with(server: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(WEIGHTS[:5000])
    fetched(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == WEIGHTS
    assert server.requests_for("model.bin")[0]["range"] == "bytes=5000-"


def test_a_server_that_knows_no_ranges_sends_it_all_again(server: FakeHub, tmp_path: Path) -> None:
    server.knows_ranges = False
    (tmp_path / "part").write_bytes(WEIGHTS[:5000])
    assert fetched(server, tmp_path / "part") == hashlib.sha256(WEIGHTS).hexdigest()
    assert (tmp_path / "part").read_bytes() == WEIGHTS


def test_progress_adds_up_whatever_happens(server: FakeHub, tmp_path: Path) -> None:
    server.cut_after, server.cuts, server.knows_ranges = 100_000, 1, False
    told: list[int] = []
    hub = hub_of(server)
    snapshot = hub.snapshot(REPO, "main")
    hub.fetch(snapshot, snapshot.files[0], tmp_path / "part", told.append)
    assert sum(told) == len(WEIGHTS)


def test_a_server_that_always_breaks_off_is_given_up_and_what_came_is_kept(server: FakeHub, tmp_path: Path) -> None:
    server.cut_after, server.cuts, server.knows_ranges = 100_000, 99, False
    with pytest.raises(Unavailable, match="broke off"):
        fetched(server, tmp_path / "part")
    assert (tmp_path / "part").stat().st_size == 100_000


def test_more_than_was_told_is_refused(server: FakeHub, tmp_path: Path) -> None:
    hub = hub_of(server)
    with pytest.raises(BadInput, match="more"):
        hub.fetch(Snapshot(REPO, COMMIT, "", ()), RemoteFile("model.bin", 10, None), tmp_path / "part")
    assert not (tmp_path / "part").exists() or (tmp_path / "part").stat().st_size <= 10


def test_a_busy_hub_is_asked_again(server: FakeHub) -> None:
    server.busy = 2
    assert hub_of(server).snapshot(REPO, "main").commit == COMMIT


def test_a_hub_that_stays_busy_is_given_up(server: FakeHub) -> None:
    server.busy = 99
    with pytest.raises(Unavailable, match="503"):
        hub_of(server).snapshot(REPO, "main")


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_gated_model_says_what_to_do(server: FakeHub, token: str) -> None:
    server.token = "secret"
    with pytest.raises(Forbidden, match=r"Accept the model's conditions(.|\n)*BRICKYARD_MODEL_HUB_TOKEN_FILE"):
        hub_of(server, token).snapshot(REPO, "main")


def test_the_token_opens_a_gated_model_and_never_reaches_the_host_that_has_the_files(
    server: FakeHub, tmp_path: Path
) -> None:
    server.token = "secret"
    with serving(FakeHub(server.files), host="localhost") as elsewhere:
        server.moved_to = elsewhere.url
        fetched(server, tmp_path / "part", token="secret")
    assert (tmp_path / "part").read_bytes() == WEIGHTS
    assert all(asked["authorization"] == "Bearer secret" for asked in server.requests_for("model.bin"))
    assert [("authorization" in asked) for asked in elsewhere.requests_for("model.bin")] == [False]


def test_a_redirect_keeps_the_range(server: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(WEIGHTS[:5000])
    with serving(FakeHub(server.files), host="localhost") as elsewhere:
        server.moved_to = elsewhere.url
        fetched(server, tmp_path / "part")
    assert elsewhere.requests_for("model.bin")[0]["range"] == "bytes=5000-"
    assert (tmp_path / "part").read_bytes() == WEIGHTS


def test_redirects_in_circles_end(server: FakeHub, tmp_path: Path) -> None:
    server.moved_to = server.url
    with pytest.raises(BadInput, match="circles"):
        fetched(server, tmp_path / "part")


def test_what_is_not_there_is_said(server: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nobody/nothing"):
        hub_of(server).snapshot("nobody/nothing", "main")
    with pytest.raises(NotFound):
        hub_of(server).fetch(Snapshot(REPO, COMMIT, "", ()), RemoteFile("gone", 3, None), tmp_path / "part")


def test_a_hub_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="can't be reached"):
        Hub("http://127.0.0.1:9", pause=lambda _: None).snapshot(REPO, "main")


@pytest.mark.parametrize("address", ["huggingface.co", "ftp://hub", "", "file:///etc"])
def test_an_address_without_http_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="no address"):
        Hub(address)


@pytest.mark.parametrize(
    "listing",
    [
        [],
        {},
        "text",
        {"sha": COMMIT},
        {"sha": "../../x", "siblings": []},
        {"sha": COMMIT, "siblings": [{"rfilename": "model.bin"}]},
        {"sha": COMMIT, "siblings": [{"rfilename": "model.bin", "size": -1}]},
        {"sha": COMMIT, "siblings": [{"size": 3}]},
        {"sha": COMMIT, "siblings": [7]},
        {"sha": COMMIT, "siblings": 7},
    ],
)
def test_a_listing_that_is_none_is_refused(server: FakeHub, listing: object) -> None:
    server.listing = listing
    with pytest.raises(BrickyardError) as caught:
        hub_of(server).snapshot(REPO, "main")
    assert isinstance(caught.value, BadInput)


def test_a_page_instead_of_a_hub_is_refused() -> None:
    with serving(FakeHub({f"api/models/{REPO}/revision/page": b"<html>"})) as server:
        hub = Hub(f"{server.url}/{REPO}/resolve/{COMMIT}", pause=lambda _: None)
        with pytest.raises(BadInput, match="does not answer as a model hub"):
            hub.snapshot(REPO, "page")
