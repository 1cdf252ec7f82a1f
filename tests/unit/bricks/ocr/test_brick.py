from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from brickyard.bricks.ocr.brick import OcrBrick
from brickyard.kit.sealed import Stored, new_key
from tests.unit.bricks.ocr.reading import BLUE, GREEN, RED, TOP, WHITE, FakeReader, compute, on_offer, paint

RUSSIAN = "Портовая контора"
GREEK = "Το γραφείο του λιμανιού"


@pytest.fixture
def latin() -> FakeReader:
    says = {
        RED: ("Harbour office", 0.98),
        GREEN: ("Nopmobar KoHmopa", 0.85),
        BLUE: ("To ypapeio", 0.8),
        (9, 9, 9): ("noise", 0.4),
    }
    return FakeReader("rapidocr", frozenset({"Latn"}), says)


@pytest.fixture
def others() -> FakeReader:
    return FakeReader("tesseract", frozenset({"Cyrl", "Grek", "Latn"}), {GREEN: (RUSSIAN, 0.96), RED: ("Harbour", 0.9)})


@pytest.fixture
def ocr(latin: FakeReader, others: FakeReader) -> Iterator[TestClient]:
    readers = [on_offer(latin, unread=frozenset({"vi"})), on_offer(others, frozenset({"ru", "uk", "el", "en"}))]
    with TestClient(OcrBrick(readers, compute()).app()) as client:
        yield client


def read(client: TestClient, images: list[str], **values: Any) -> Any:
    return client.post("/read", json={"images": images, **values}).json()


def said(reply: Any) -> list[list[str]]:
    return [[line["text"] for line in image["lines"]] for image in reply["images"]]


def test_sealed_images_are_read_with_their_key(ocr: TestClient, tmp_path: Path) -> None:
    plain = paint(tmp_path, RED, WHITE)
    key = new_key()
    sealed = [Stored(tmp_path / f"sealed{number}", key) for number, _ in enumerate(plain)]
    for stored, path in zip(sealed, plain, strict=True):
        stored.write_bytes(Path(path).read_bytes())
    reply = read(ocr, [str(stored.path) for stored in sealed], key=key.hex())
    assert reply["images"] == read(ocr, plain)["images"]


def test_images_are_read_with_places_sizes_and_time(ocr: TestClient, tmp_path: Path) -> None:
    reply = read(ocr, paint(tmp_path, RED, WHITE))
    first, second = reply["images"]
    assert first == {
        "lines": [{"text": "Harbour office", "confidence": 0.98, "box": list(TOP)}],
        "engine": "rapidocr",
        "width": 64,
        "height": 32,
    }
    assert second["lines"] == []
    assert reply["engine"] == "rapidocr"
    assert 0 < reply["computed_s"] < 10


def test_a_sure_reading_is_not_tried_again(ocr: TestClient, tmp_path: Path, others: FakeReader) -> None:
    read(ocr, paint(tmp_path, RED, WHITE, RED))
    assert others.asked == []


def test_what_is_unsure_is_read_in_the_script_that_fits(
    ocr: TestClient, tmp_path: Path, latin: FakeReader, others: FakeReader
) -> None:
    reply = read(ocr, paint(tmp_path, RED, GREEN, GREEN))
    assert said(reply) == [["Harbour office"], [RUSSIAN], [RUSSIAN]]
    assert [image["engine"] for image in reply["images"]] == ["rapidocr", "tesseract", "tesseract"]
    assert reply["engine"] == "rapidocr, tesseract"
    assert others.asked == [(1, ("ru", "uk")), (1, ("el",)), (1, ("ru", "uk"))], "scripts are tried on one picture"


def test_where_no_script_fits_the_first_reading_stays(ocr: TestClient, tmp_path: Path, others: FakeReader) -> None:
    reply = read(ocr, paint(tmp_path, BLUE, BLUE, BLUE))
    assert said(reply) == [["To ypapeio"]] * 3
    assert len(others.asked) == 2


def test_with_a_hint_the_reader_of_that_script_is_the_only_one(
    ocr: TestClient, tmp_path: Path, latin: FakeReader, others: FakeReader
) -> None:
    assert said(read(ocr, paint(tmp_path, GREEN), languages=["ru"])) == [[RUSSIAN]]
    assert latin.asked == []
    assert others.asked == [(1, ("ru",))]


def test_an_engine_that_is_named_is_taken(ocr: TestClient, tmp_path: Path) -> None:
    assert said(read(ocr, paint(tmp_path, RED), engine="tesseract", languages=["en"])) == [["Harbour"]]
    assert said(read(ocr, paint(tmp_path, GREEN), engine="rapidocr")) == [["Nopmobar KoHmopa"]]


def test_what_is_hardly_sure_is_left_out(ocr: TestClient, tmp_path: Path) -> None:
    assert said(read(ocr, paint(tmp_path, (9, 9, 9)))) == [[]]


@pytest.mark.parametrize(
    ("values", "status", "code", "words"),
    [
        ({"languages": ["th"]}, 422, "unsupported", "No installed text reader reads th"),
        ({"languages": ["vi"]}, 422, "unsupported", "No installed text reader reads vi"),
        ({"languages": ["ru"], "engine": "rapidocr"}, 422, "unsupported", "reads ru"),
        ({"engine": "vlm"}, 422, "unsupported", "vision model"),
        ({"images": ["/nowhere/at/all.png"]}, 404, "not_found", "all.png"),
    ],
)
def test_what_goes_wrong_is_told_by_code(
    ocr: TestClient, tmp_path: Path, *, values: dict[str, Any], status: int, code: str, words: str
) -> None:
    answer = ocr.post("/read", json={"images": paint(tmp_path, RED), **values})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert words in answer.json()["message"]


def test_no_room_on_the_device_is_told(ocr: TestClient, tmp_path: Path) -> None:
    answer = ocr.post("/read", json={"images": paint(tmp_path, (1, 2, 3))})
    assert (answer.status_code, answer.json()["code"]) == (503, "out_of_memory")


def test_too_many_images_at_once_are_refused(ocr: TestClient) -> None:
    assert ocr.post("/read", json={"images": ["x.png"] * 65}).status_code == 422
    assert ocr.post("/read", json={"images": []}).status_code == 422


def test_health_names_the_readers(ocr: TestClient) -> None:
    health = ocr.get("/health").json()
    assert (health["brick"], health["engine"]) == ("ocr", "rapidocr, tesseract")


def test_without_any_reader_the_brick_lives_and_says_so(tmp_path: Path) -> None:
    with TestClient(OcrBrick([], compute()).app()) as client:
        answer = client.post("/read", json={"images": paint(tmp_path, RED)})
    assert answer.status_code == 422
    assert "installed" in answer.json()["message"]
