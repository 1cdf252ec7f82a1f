"""What was to be read on screen during a recording."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from brickyard.text.names import NameHint
from brickyard.text.screen import TextSpan


class OnScreen(BaseModel):
    """Times are in seconds. `names`: for each speaker of the transcript the names that may be theirs, likeliest first:
    suggestions, nothing is renamed by them. `looks`: how many pictures were compared, `frames`: how many were read.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "recording": "0d2c7e0a-5f0e-4c53-9f43-6f2a3b1f7f55",
                "job": "5d0a1f1e-57a4-4d0b-8e55-2f1f4f0b6f11",
                "engine": "rapidocr",
                "has_video": True,
                "looks": 120,
                "frames": 31,
                "spans": [
                    {
                        "start": 12.0,
                        "end": 19.0,
                        "text": "Ada Lovelace",
                        "confidence": 0.99,
                        "box": [0.06, 0.8, 0.3, 0.86],
                    }
                ],
                "names": {"Speaker 1": [{"name": "Ada Lovelace", "time": 12.0, "seen_s": 6.2, "share": 0.97}]},
            }
        }
    )

    recording: UUID
    job: UUID
    engine: str
    has_video: bool
    looks: int
    frames: int
    spans: list[TextSpan]
    names: dict[str, list[NameHint]]
