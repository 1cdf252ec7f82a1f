"""`/api/v1/recordings/{recording}/evidence` and `/api/v1/evidence/key`"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from brickyard.access.policy import Action
from brickyard.echo.evidence.service import Evidence, PublicKey
from brickyard.echo.identity import needs

ZIP = "application/zip"


def router(evidence: Evidence) -> APIRouter:
    api = APIRouter(tags=["evidence"])

    @api.get(
        "/recordings/{recording}/evidence",
        dependencies=[needs(Action.RECORDING_EVIDENCE)],
        response_class=Response,
        responses={200: {"content": {ZIP: {}}}},
    )
    def of_recording(recording: UUID) -> Response:
        """What was made of a recording, how and with what, signed: `brickyard evidence verify` checks it."""
        headers = {"Content-Disposition": f'attachment; filename="evidence-{recording}.zip"'}
        return Response(evidence.pack(recording), media_type=ZIP, headers=headers)

    @api.get("/evidence/key", dependencies=[needs(Action.PLATFORM_INFO)])
    def key() -> PublicKey:
        """The key that packs are signed with. Keep its fingerprint where no pack can bring another one."""
        return evidence.public_key()

    return api
