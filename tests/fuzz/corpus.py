"""A whole file of every kind that people may send: recordings, pictures, documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tests.unit.media import samples
from tests.unit.media.drawing import picture

SPOKEN_S = 2.0
PICTURES = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PDF")

PDF_WITH_WORDS = b"""%PDF-1.7
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj
3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R
 /Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >> endobj
4 0 obj << /Length 61 >> stream
BT /F 24 Tf 20 100 Td (Some words) Tj ET 10 10 m 90 90 l S Q q
endstream endobj
trailer << /Root 1 0 R /Size 5 >>
%%EOF
"""


def files(folder: Path) -> dict[str, bytes]:
    """Made in `folder`, by kind."""
    return dict([*_recordings(folder), *_documents(folder)])


def _recordings(folder: Path) -> Iterator[tuple[str, bytes]]:
    spoken = samples.speech("two_cities", SPOKEN_S)
    for kind in samples.KINDS:
        yield kind, samples.make(folder / f"whole.{kind}", kind, spoken).read_bytes()


def _documents(folder: Path) -> Iterator[tuple[str, bytes]]:
    image: Image.Image = picture(size=(320, 200), paper="navy")
    for form in PICTURES:
        image.save(folder / f"whole.{form}", form)
        yield form.lower(), (folder / f"whole.{form}").read_bytes()
    yield "pdf-with-words", PDF_WITH_WORDS
