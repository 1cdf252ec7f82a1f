from __future__ import annotations

from pathlib import Path

import pytest

from brickyard.kit.errors import BadInput, NotFound
from brickyard.kit.sealed import Stored, new_key
from brickyard.media import pictures
from tests.unit.media.drawing import picture


def test_a_sealed_picture_is_read_with_its_key(tmp_path: Path) -> None:
    stored = Stored(tmp_path / "one.jpg", new_key())
    with stored.open("wb") as file:
        picture(size=(40, 30), paper="red").save(file, "JPEG")
    assert pictures.read(stored).shape == (30, 40, 3)
    with pytest.raises(BadInput):
        pictures.read(Stored(stored.path))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_picture_is_read_as_rgb(tmp_path: Path, form: str) -> None:
    picture(size=(40, 30), paper="red").save(tmp_path / "one", form)
    found = pictures.read(Stored(tmp_path / "one"))
    assert found.shape == (30, 40, 3)
    assert found[15, 20, 0] > 250
    assert found[15, 20, 1:].max() < 5


def test_gray_becomes_rgb(tmp_path: Path) -> None:
    picture(size=(40, 30)).convert("L").save(tmp_path / "one.png")
    assert pictures.read(Stored(tmp_path / "one.png")).shape == (30, 40, 3)


def test_what_is_no_picture_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.png"):
        pictures.read(Stored(tmp_path / "none.png"))
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(BadInput, match="not a JPEG or PNG"):
        pictures.read(Stored(tmp_path / "text.png"))
    picture(size=(40, 30)).save(tmp_path / "one.gif")
    with pytest.raises(BadInput, match="not a JPEG or PNG"):
        pictures.read(Stored(tmp_path / "one.gif"))


def test_a_picture_that_is_cut_off_or_too_large_is_refused(tmp_path: Path) -> None:
    picture(size=(400, 300)).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:700])
    with pytest.raises(BadInput, match="damaged"):
        pictures.read(Stored(tmp_path / "cut.jpg"))
    picture(size=(5001, 5000)).save(tmp_path / "large.png")
    with pytest.raises(BadInput, match="25,000,000 pixels"):
        pictures.read(Stored(tmp_path / "large.png"))
