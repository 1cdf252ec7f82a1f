from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.engines import tesseract
from brickyard.engines.tesseract import Tesseract, installed, lines_of
from brickyard.kit.errors import OutOfMemory, Unavailable, Unsupported
from tests.unit.media.drawing import needs_font, picture

HEAD = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"


def needs(*languages: str) -> pytest.MarkDecorator:
    found = installed()
    missing = set(languages) - (found.languages if found else set())
    return pytest.mark.skipif(bool(missing), reason=f"needs tesseract with data for {', '.join(sorted(missing))}")


@needs_font
@needs("ru")
def test_cyrillic_is_read() -> None:
    [lines] = Tesseract().read([np.asarray(picture("Портовая контора открыта", "Бюджет на 2025 год принят"))], ["ru"])
    assert [line.text for line in lines] == ["Портовая контора открыта", "Бюджет на 2025 год принят"]
    assert all(line.confidence > 0.8 for line in lines)
    left, top, right, bottom = lines[0].box
    assert left == pytest.approx(60 / 960, abs=0.02)
    assert top < 70 / 540 < bottom
    assert right < 0.95


@needs_font
@needs("el", "en")
def test_two_languages_at_once() -> None:
    [lines] = Tesseract().read([np.asarray(picture("Το λιμάνι είναι κλειστό", "The harbour is closed"))], ["el", "en"])
    assert [line.text for line in lines] == ["Το λιμάνι είναι κλειστό", "The harbour is closed"]


@needs("en")
def test_an_empty_picture_has_no_lines() -> None:
    assert Tesseract().read([np.asarray(picture())], ["en"]) == [[]]


@needs("en")
def test_a_language_without_data_is_refused_with_the_package_that_has_it() -> None:
    with pytest.raises(Unsupported, match="tesseract-ocr-khm"):
        Tesseract().read([np.asarray(picture())], ["km"])


def test_where_there_is_no_program_there_is_no_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tesseract, "PROGRAM", "no-such-program")
    assert installed() is None
    with pytest.raises(Unavailable, match="tesseract-ocr"):
        Tesseract()


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> Tesseract:
    """A stand-in that lists one language, and then does something else than reading."""
    path = folder / "program"
    path.write_text(f'#!/bin/sh\ncase "$*" in *--list-langs*) printf "List:\\neng\\n"; exit 0;; esac\n{does}\n')
    path.chmod(0o755)
    monkeypatch.setattr(tesseract, "PROGRAM", str(path))
    return Tesseract()


@pytest.mark.parametrize(
    ("does", "error", "said"),
    [
        ("cat > /dev/null; echo bad data >&2; exit 3", Unavailable, "status 3: bad data"),
        ("cat > /dev/null; echo std::bad_alloc >&2; exit 1", OutOfMemory, "no memory"),
        ("kill -9 $$", OutOfMemory, "no memory"),
        ("exec sleep 5", Unavailable, "within"),
    ],
)
def test_a_program_that_fails_is_told_by_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, error: type[Exception], said: str
) -> None:
    reader = program(tmp_path, monkeypatch, does)
    monkeypatch.setattr(tesseract, "PATIENCE_S", 0.3)
    with pytest.raises(error, match=said):
        reader.read([np.asarray(picture(size=(64, 48)))], ["en"])


def test_it_sees_nothing_of_the_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "value")
    reader = program(tmp_path, monkeypatch, f'/bin/cat > /dev/null; /usr/bin/env > "{tmp_path}/seen"')
    reader.read([np.asarray(picture(size=(64, 48)))], ["en"])
    seen = (tmp_path / "seen").read_text()
    assert "SECRET" not in seen
    assert "OMP_THREAD_LIMIT=1" in seen


# ---- its table


def row(line: int, left: int, conf: float, text: str, level: int = 5) -> str:
    return f"{level}\t1\t1\t1\t{line}\t1\t{left}\t{100 * line}\t50\t20\t{conf}\t{text}"


def test_words_make_lines() -> None:
    table = "\n".join(
        [
            HEAD,
            row(1, 0, -1, "", 4),
            row(1, 100, 96, "Ada"),
            row(1, 200, 90, "Love"),
            row(2, 100, 50, "x"),
            row(3, 0, 95, " "),
        ]
    )
    first, second = lines_of(table, 1000, 500)
    assert (first.text, second.text) == ("Ada Love", "x")
    assert first.confidence == pytest.approx((3 * 0.96 + 4 * 0.90) / 7)
    assert first.box == (0.1, 0.2, 0.25, 0.24)


@given(st.text())
def test_a_table_of_anything_never_breaks(text: str) -> None:
    for line in lines_of(f"{HEAD}\n{row(1, 0, 90, 'word')}\n{text}", 100, 100):
        assert line.text
