"""What all bricks say alike: JSON over HTTP on a local socket. Each brick's own contract lies beside it.

Of a reply, `computed_s` is the seconds that the device computed it, without waiting for the device.
"""

from __future__ import annotations

from pydantic import BaseModel


class Health(BaseModel):
    """`windows`: how a diarizer wants long audio cut: length and overlap of a window."""

    brick: str
    engine: str
    window_s: float | None = None
    overlap_s: float | None = None


class Failure(BaseModel):
    code: str
    message: str
