"""`/api/v1/recordings/{recording}/peaks`: what a waveform is drawn from."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from brickyard.access.policy import Action
from brickyard.echo.identity import needs
from brickyard.files.recordings import RecordingFiles
from brickyard.kit.errors import BadInput, NotFound
from brickyard.media import peaks
from brickyard.media.peaks import FINEST_PER_S, RESOLUTIONS

OVERVIEW_PER_S = 5
MEDIA_TYPE = "application/octet-stream"
Second = Annotated[float, Query(ge=0, le=1e7, allow_inf_nan=False)]


def router(files: RecordingFiles) -> APIRouter:
    api = APIRouter(tags=["recordings"])

    @api.get(
        "/recordings/{recording}/peaks",
        response_class=Response,
        responses={200: {"content": {MEDIA_TYPE: {}}}},
        dependencies=[needs(Action.RECORDING_CONTENT)],
    )
    def outline(
        recording: UUID,
        per_s: Annotated[
            int, Query(description=f"pairs a second: {', '.join(map(str, RESOLUTIONS))}")
        ] = OVERVIEW_PER_S,
        start: Second = 0.0,
        end: Second | None = None,
    ) -> Response:
        """The sound's outline: for each step of 1/per_s seconds the lowest and the highest sample, as two signed bytes
        from -127 to 127. `start` and `end`, in seconds, ask for a part; the header X-Start says where it begins,
        X-Per-S repeats the resolution, X-Duration is that of the whole."""
        if end is not None and end < start:
            raise BadInput(f"end is {end}, before start, which is {start}. Ask for a part that ends after it begins.")
        try:
            finest = peaks.kept(files.audio(recording))
        except FileNotFoundError:
            raise NotFound(
                f"The sound of recording {recording} is not decoded yet. Its outline is there when the first step of "
                "its job is done."
            ) from None
        whole = peaks.coarser(finest, per_s)
        first = int(start * per_s)
        part = whole[first : None if end is None else max(first, -int(-end * per_s // 1))]
        headers = {
            "X-Per-S": str(per_s),
            "X-Start": f"{min(first, len(whole)) / per_s:g}",
            "X-Duration": f"{len(finest) / FINEST_PER_S:g}",
        }
        return Response(part.tobytes(), media_type=MEDIA_TYPE, headers=headers)

    return api
