"""Pictures on disk that frames.py and pages.py made. What people upload is never opened here: see these two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from brickyard.kit.errors import BadInput, NotFound
from brickyard.kit.sealed import Stored

MOST_PIXELS = 25_000_000
FORMATS = ("JPEG", "PNG")

Picture = NDArray[np.uint8]
"""Height × width × 3, RGB."""


def read(stored: Stored) -> Picture:
    """Raises NotFound, and BadInput for anything but a JPEG or PNG of at most MOST_PIXELS."""
    try:
        with stored.open() as file, Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise BadInput(f"{stored.name} has more than {MOST_PIXELS:,} pixels; make it smaller first.")
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError:
        raise NotFound(f"There is no picture {stored.name}; it may have been removed meanwhile.") from None
    except UnidentifiedImageError:
        raise BadInput(f"{stored.name} is not a JPEG or PNG picture.") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise BadInput(f"{stored.name} cannot be read: it is damaged ({error}).") from None
