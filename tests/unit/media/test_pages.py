from __future__ import annotations

import asyncio
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from brickyard.kit.errors import BadMedia, NotFound, TooLarge
from brickyard.kit.sealed import Stored, new_key
from brickyard.media import pictures
from brickyard.media.pages import Page, PageLimits, draw_pages
from tests.unit.media.drawing import picture

A4_POINTS = (595, 842)


def pages(source: Path, folder: Path, limits: PageLimits | None = None) -> list[Page]:
    return asyncio.run(draw_pages(Stored(source), folder, limits))


def pdf(path: Path, count: int, size: tuple[float, float] = A4_POINTS) -> Path:
    document = pypdfium2.PdfDocument.new()
    for _ in range(count):
        document.new_page(*size)
    document.save(str(path))
    return path


def test_each_page_of_a_pdf_becomes_a_picture(tmp_path: Path) -> None:
    found = pages(pdf(tmp_path / "source", 3), tmp_path / "pages")
    assert [page.stored.name for page in found] == ["00001.png", "00002.png", "00003.png"]
    assert [(page.width, page.height) for page in found] == [(1240, 1755)] * 3
    assert pictures.read(found[2].stored).shape == (1755, 1240, 3)


def test_a_poster_is_drawn_no_larger_than_allowed(tmp_path: Path) -> None:
    [page] = pages(pdf(tmp_path / "source", 1, (14000, 7000)), tmp_path / "pages")
    assert (page.width, page.height) == (2500, 1250)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_every_kind_of_image_is_a_page(tmp_path: Path, form: str) -> None:
    picture(size=(300, 200), paper="navy").save(tmp_path / "source", form)
    [page] = pages(tmp_path / "source", tmp_path / "pages")
    assert (page.width, page.height) == (300, 200)
    assert pictures.read(page.stored)[100, 150].tolist() == pytest.approx([0, 0, 128], abs=4)


def test_a_tiff_has_as_many_pages_as_pictures(tmp_path: Path) -> None:
    first, *more = (picture(size=(60, 40), paper=paper) for paper in ("red", "lime", "blue"))
    first.save(tmp_path / "source", "TIFF", save_all=True, append_images=more)
    found = [pictures.read(page.stored)[20, 30].tolist() for page in pages(tmp_path / "source", tmp_path / "pages")]
    assert found == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_a_photo_is_turned_upright_and_transparency_is_paper(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(size=(300, 200)).save(tmp_path / "turned", "JPEG", exif=exif)
    [turned] = pages(tmp_path / "turned", tmp_path / "a")
    assert (turned.width, turned.height) == (200, 300)
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(tmp_path / "clear", "PNG")
    [clear] = pages(tmp_path / "clear", tmp_path / "b")
    assert pictures.read(clear.stored).min() == 255


def test_sixteen_bits_of_gray_keep_their_shades(tmp_path: Path) -> None:
    Image.new("I;16", (50, 50), 128 * 256).save(tmp_path / "source", "PNG")
    [page] = pages(tmp_path / "source", tmp_path / "pages")
    assert pictures.read(page.stored).mean() == pytest.approx(128, abs=2)


def png_that_claims(width: int, height: int) -> bytes:
    """A small file, as a decompression bomb is."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100)
    parts = [(b"IHDR", head), (b"IDAT", body), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def cut_png() -> bytes:
    return png_that_claims(300, 200)


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"just some words", BadMedia, "Allowed are PDF, PNG"),
        (b"GIF89a" + b"\0" * 40, BadMedia, "Allowed are PDF, PNG"),
        (b"%PDF-1.7 and then nothing", BadMedia, "damaged"),
        (cut_png(), BadMedia, "damaged or cut off"),
        (png_that_claims(60_000, 60_000), TooLarge, "60,000 × 60,000"),
        (b"", BadMedia, "empty"),
        (None, NotFound, "no file"),
    ],
)
def test_what_cannot_be_a_page_is_refused_in_words(
    tmp_path: Path, content: bytes | None, error: type[Exception], said: str
) -> None:
    if content is not None:
        (tmp_path / "source").write_bytes(content)
    with pytest.raises(error, match=said):
        pages(tmp_path / "source", tmp_path / "pages")
    assert not (tmp_path / "pages").exists()


def test_limits_name_themselves(tmp_path: Path) -> None:
    source = pdf(tmp_path / "source", 3)
    with pytest.raises(TooLarge, match="3 pages; at most 2"):
        pages(source, tmp_path / "pages", replace(PageLimits(), max_pages=2))
    with pytest.raises(TooLarge, match="limit is 10"):
        pages(source, tmp_path / "pages", replace(PageLimits(), max_bytes=10))


def test_a_locked_pdf_says_so(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(LOCKED)
    with pytest.raises(BadMedia, match="password"):
        pages(tmp_path / "source", tmp_path / "pages")


LOCKED = b"""%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 200 200]>> endobj
4 0 obj <</Filter /Standard /V 1 /R 2 /Length 40 /P -4
/O <0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20>
/U <2102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20>>> endobj
trailer <</Root 1 0 R /Size 5 /Encrypt 4 0 R /ID [<00112233445566778899aabb> <00112233445566778899aabb>]>>
%%EOF
"""
"""Encrypted with a password that nobody knows."""


@pytest.mark.parametrize("kind", ["pdf", "png"])
def test_pages_of_a_sealed_document_are_sealed(tmp_path: Path, kind: str) -> None:
    plain = tmp_path / "plain"
    if kind == "pdf":
        pdf(plain, 2)
    else:
        picture(size=(200, 100)).save(plain, "PNG")
    sealed = Stored(tmp_path / "sealed", new_key())
    sealed.write_bytes(plain.read_bytes())
    expected = pages(plain, tmp_path / "plain pages")
    found = asyncio.run(draw_pages(sealed, tmp_path / "pages"))
    assert [page.stored.read_bytes() for page in found] == [page.stored.read_bytes() for page in expected]
    assert all(not page.stored.path.read_bytes().startswith(b"\x89PNG") for page in found)
