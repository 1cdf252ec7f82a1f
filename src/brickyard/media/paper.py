"""Draws the pages of a PDF, and decodes single images, as pictures to read. Runs in the child only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pypdfium2
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from brickyard.kit.errors import BadMedia, TooLarge
from brickyard.kit.sealed import Stored, Told

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
ALLOWED = "Allowed are PDF, PNG, JPEG, WebP, TIFF and BMP."
POINTS_AN_INCH = 72
PDF_HEAD_BYTES = 1024


def draw(
    report: Callable[[dict[str, Any]], None],
    source: Told,
    folder: str,
    max_pages: int,
    max_pixels: int,
    longest_px: int,
    dpi: int,
) -> dict[str, Any]:
    """Writes a PNG a page, sealed as the source is, and reports {file, width, height}.

    The result says how many there are and the kind.
    """
    stored = Stored.of(**source)
    with stored.open() as file:
        is_pdf = b"%PDF-" in file.read(PDF_HEAD_BYTES)
        file.seek(0)
        pages = _pdf(file, max_pages, longest_px, dpi) if is_pdf else _image(file, max_pages, max_pixels, longest_px)
        count = 0
        for page in pages:
            count += 1
            name = f"{count:05}.png"
            with stored.at(Path(folder) / name).open("wb") as drawn:
                page.save(drawn, format="PNG", compress_level=1)
            report({"file": name, "width": page.width, "height": page.height})
    return {"pages": count, "kind": "pdf" if is_pdf else "image"}


def _pdf(source: BinaryIO, max_pages: int, longest_px: int, dpi: int) -> Iterator[Image.Image]:
    with _as_bad_media():
        document = pypdfium2.PdfDocument(source)
        if not len(document):
            raise BadMedia("This PDF has no pages.")
        _check_pages(len(document), max_pages)
        for page in document:
            longest_in = max(*page.get_size(), 1.0) / POINTS_AN_INCH
            scale = min(dpi, longest_px / longest_in) / POINTS_AN_INCH
            yield page.render(scale=scale, draw_annots=True).to_pil().convert("RGB")
            page.close()


@contextmanager
def _as_bad_media() -> Iterator[None]:
    try:
        yield
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise BadMedia("This PDF is protected by a password. Save it without one and send it again.") from None
        raise BadMedia(f"This PDF cannot be read: it is damaged ({error}). Print it to a new PDF.") from None


def _image(source: BinaryIO, max_pages: int, max_pixels: int, longest_px: int) -> Iterator[Image.Image]:
    # Our own limit is checked before anything is decoded, and names what is allowed.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(source, formats=FORMATS) as image:
            frames = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            _check_pages(frames, max_pages)
            for number, frame in enumerate(ImageSequence.Iterator(image)):
                if number == frames:
                    break
                _check_pixels(frame, max_pixels)
                yield _upright(frame, longest_px)
    except UnidentifiedImageError:
        raise BadMedia(f"This is neither a PDF nor an image of a kind that can be read. {ALLOWED}") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BadMedia(f"This image cannot be read: it is damaged or cut off ({error}). {ALLOWED}") from None


def _upright(frame: Image.Image, longest_px: int) -> Image.Image:
    """As its camera was held, on white where it is transparent, in RGB, and not larger than asked for."""
    turned = ImageOps.exif_transpose(frame)
    if turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info:
        layered = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
    elif turned.mode.startswith("I;16"):
        turned = turned.point(lambda value: value / 256).convert("L")
    picture = turned.convert("RGB")
    picture.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
    return picture


def _check_pages(count: int, most: int) -> None:
    if count > most:
        raise TooLarge(f"This document has {count:,} pages; at most {most:,} are read at once. Split it.")


def _check_pixels(image: Image.Image, most: int) -> None:
    if image.width * image.height > most:
        raise TooLarge(
            f"This image has {image.width:,} × {image.height:,} pixels; at most {most:,} are read. Make it smaller."
        )
