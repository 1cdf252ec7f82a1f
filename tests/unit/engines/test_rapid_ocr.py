from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidocr.inference_engine.onnxruntime.main import ONNXRuntimeError

from brickyard.engines import rapid_ocr
from brickyard.engines.base import TextLine
from brickyard.engines.rapid_ocr import RapidOcr, Read, Seen, in_reading_order, unchanged
from brickyard.kit.errors import OutOfMemory, Unavailable, Unsupported
from tests.unit.media.drawing import needs_font, picture

pytestmark = needs_font


@pytest.fixture(scope="module")
def reader() -> RapidOcr:
    """Built and used without any network: every attempt to reach one fails the test."""
    with pytest.MonkeyPatch.context() as patch:

        def refuse(*_: Any, **__: Any) -> None:
            raise AssertionError("the engine reached for the network")

        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        built = RapidOcr(threads=2)
        built.read([np.asarray(picture("warm"))], [])
        return built


def texts(lines: list[TextLine]) -> list[str]:
    return [line.text for line in lines]


def test_lines_are_read_in_order_with_place_and_confidence(reader: RapidOcr) -> None:
    image = np.asarray(picture("Harbour office, room B-217", "Größe für Ångström: 4,250", "Où êtes-vous ?"))
    [lines] = reader.read([image], ["en", "de"])
    assert texts(lines) == ["Harbour office, room B-217", "Größe für Ångström: 4,250", "Où êtes-vous ?"]
    assert all(0.9 < line.confidence <= 1 for line in lines)
    for row, line in enumerate(lines):
        left, top, right, bottom = line.box
        assert 0 <= left < 60 / 960 + 0.02 < right <= 1
        assert top < (50 + 72 * row + 20) / 540 < bottom


def test_light_text_on_dark_is_read(reader: RapidOcr) -> None:
    assert texts(reader.read([np.asarray(picture("Night shift", ink="white", paper="#102040"))], [])[0]) == [
        "Night shift"
    ]


def test_an_empty_picture_has_no_lines(reader: RapidOcr) -> None:
    assert reader.read([np.asarray(picture()), np.asarray(picture(size=(64, 48)))], []) == [[], []]
    assert reader.read([], []) == []


def test_a_page_with_small_letters_is_read(reader: RapidOcr) -> None:
    page = np.asarray(picture("The fee is 185.50 for each day", size=(1240, 1754), height_px=22))
    assert texts(reader.read([page], [])[0]) == ["The fee is 185.50 for each day"]


def test_of_pictures_that_follow_each_other_only_what_changed_is_read_anew(
    reader: RapidOcr, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops: list[int] = []
    recognize = reader._recognize

    def counted(given: Any) -> Any:
        crops.append(len(given.img))
        return recognize(given)

    monkeypatch.setattr(reader, "_recognize", counted)
    slides = [
        picture("Timetable until autumn"),
        picture("Timetable until autumn", "Meeting in room B-217"),
        picture("Timetable until autumn", "Meeting in room B-218"),
        picture("Timetable until autumn", "Meeting in room B-218"),
    ]
    found = [texts(lines) for lines in reader.read([np.asarray(slide) for slide in slides], [])]
    assert found == [
        ["Timetable until autumn"],
        ["Timetable until autumn", "Meeting in room B-217"],
        ["Timetable until autumn", "Meeting in room B-218"],
        ["Timetable until autumn", "Meeting in room B-218"],
    ]
    assert crops == [1, 1, 1]


def test_a_script_it_does_not_know_is_seen_but_not_read_surely(reader: RapidOcr) -> None:
    [lines] = reader.read([np.asarray(picture("Портовая контора открыта", "до половины восьмого"))], [])
    assert len(lines) == 2
    assert all(line.confidence < 0.92 for line in lines)


@pytest.mark.parametrize("language", ["ru", "vi", "ar", "xx"])
def test_a_language_that_it_cannot_read_is_refused(reader: RapidOcr, language: str) -> None:
    with pytest.raises(Unsupported, match="tesseract"):
        reader.read([np.asarray(picture())], ["en", language])


def test_no_room_on_the_device_is_told_as_such(reader: RapidOcr, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __call__(self, image: Any) -> Any:
            raise ONNXRuntimeError("Failed to allocate memory for requested buffer of size 1")

    monkeypatch.setattr(reader, "_find", Full())
    with pytest.raises(OutOfMemory, match="rapidocr"):
        reader.read([np.asarray(picture())], [])


def test_weights_that_are_not_there_are_named_and_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rapid_ocr, "FINDER", "absent.onnx")
    assert not rapid_ocr.available()
    with pytest.raises(Unavailable, match=r"rapidocr 3\.10"):
        RapidOcr()


# ---- the parts that need no weights


def line(left: float, top: float, right: float, bottom: float, text: str = "x") -> Read:
    return Read(np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32), text, 1.0)


def test_reading_order_is_rows_then_columns() -> None:
    lines = [line(300, 12, 400, 30, "b"), line(10, 100, 90, 120, "c"), line(10, 10, 90, 30, "a")]
    assert [read.text for read in in_reading_order(lines)] == ["a", "b", "c"]


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 500), st.integers(1, 99), st.integers(1, 40))))
def test_no_line_is_lost_by_ordering(places: list[tuple[int, int, int, int]]) -> None:
    lines = [line(x, y, x + w, y + h, str(number)) for number, (x, y, w, h) in enumerate(places)]
    assert sorted(read.text for read in in_reading_order(lines)) == sorted(read.text for read in lines)


def test_what_looks_the_same_is_known_and_what_does_not_is_not() -> None:
    image = np.full((100, 400, 3), 240, np.uint8)
    image[40:60, 50:350:4] = 10
    known = line(48, 38, 352, 62, "known")
    before = Seen(image, [known])
    assert unchanged(known.corners, image.copy(), before) is known
    assert unchanged(known.corners + 2, image.copy(), before) is known
    assert unchanged(known.corners + 20, image.copy(), before) is None
    assert unchanged(known.corners, image[:90].copy(), before) is None
    assert unchanged(known.corners, image, None) is None
    other = image.copy()
    other[40:60, 200:204] = 10
    assert unchanged(known.corners, other, before) is None
