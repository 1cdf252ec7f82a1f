from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from brickyard.echo.recordings.media import Unsatisfiable, asked, media_response
from brickyard.kit.errors import BadMedia, NotFound
from brickyard.kit.sealed import Stored, new_key

CONTENT = bytes(place * 31 % 251 for place in range(700_001))
TAG = "f00d"


@pytest.fixture(params=[None, new_key()], ids=["plain", "sealed"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Stored:
    stored = Stored(tmp_path / "source", request.param)
    stored.write_bytes(CONTENT)
    return stored


@pytest.fixture
def client(stored: Stored) -> TestClient:
    app = FastAPI()

    @app.api_route("/media", methods=["GET", "HEAD"])
    def media(request: Request) -> Response:
        return media_response(request, stored, "audio/wav", 'naïve \r\n"x".wav', TAG)

    return TestClient(app)


def test_the_whole(client: TestClient) -> None:
    answer = client.get("/media")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == f'"{TAG}"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "inline; filename*=utf-8''na%C3%AFve%20%0D%0A%22x%22.wav"


@pytest.mark.parametrize(
    ("wanted", "first", "behind"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 700_001),
        ("bytes=65530-65545", 65530, 65546),
        ("bytes=100000-599999", 100_000, 600_000),
        ("bytes=700000-", 700_000, 700_001),
        ("bytes=699990-999999", 699_990, 700_001),
        ("bytes=-5", 699_996, 700_001),
        ("bytes=-9999999", 0, 700_001),
        (" Bytes = 1 - 2 ", 1, 3),
    ],
)
def test_a_range(client: TestClient, wanted: str, first: int, behind: int) -> None:
    answer = client.get("/media", headers={"range": wanted})
    assert answer.status_code == 206
    assert answer.content == CONTENT[first:behind]
    assert answer.headers["content-range"] == f"bytes {first}-{behind - 1}/700001"
    assert answer.headers["content-length"] == str(behind - first)


@pytest.mark.parametrize("wanted", ["bytes=700001-", "bytes=800000-900000", "bytes=-0"])
def test_a_range_behind_the_end(client: TestClient, wanted: str) -> None:
    answer = client.get("/media", headers={"range": wanted})
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["content-range"] == "bytes */700001"


@pytest.mark.parametrize(
    "wanted", ["bytes=5-4", "bytes=a-b", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=" + "9" * 30]
)
def test_what_is_not_understood_is_answered_with_the_whole(client: TestClient, wanted: str) -> None:
    answer = client.get("/media", headers={"range": wanted})
    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_a_range_of_another_file_is_answered_with_the_whole(client: TestClient) -> None:
    part = {"range": "bytes=0-9"}
    assert client.get("/media", headers=part | {"if-range": f'"{TAG}"'}).status_code == 206
    for other in ('"beef"', f'W/"{TAG}"', "Tue, 24 Nov 2026 00:00:00 GMT"):
        assert client.get("/media", headers=part | {"if-range": other}).content == CONTENT


def test_head_tells_without_sending(client: TestClient) -> None:
    answer = client.head("/media", headers={"range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "700001"
    assert answer.headers["etag"] == f'"{TAG}"'


def test_a_file_that_is_gone_or_damaged_is_said_to_be(client: TestClient, stored: Stored) -> None:
    if stored.key is not None:
        whole = stored.path.read_bytes()
        stored.path.write_bytes(whole[:-1])
        with pytest.raises(BadMedia, match="damaged"):
            client.get("/media")
    stored.path.unlink()
    with pytest.raises(NotFound, match="gone"):
        client.get("/media")


@given(size=st.integers(0, 1000), first=st.integers(0, 1500), last=st.integers(0, 1500))
def test_any_range_lies_in_the_file(size: int, first: int, last: int) -> None:
    for header in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        try:
            found = asked(header, None, size, "")
        except Unsatisfiable:
            assert first >= size or last == 0
            continue
        if found is None:
            assert last < first
        else:
            assert 0 <= found[0] < found[1] <= size
