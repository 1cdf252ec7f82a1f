"""`/api/v1/audit`: what auditors read. That they do is recorded as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from brickyard.access.audit import Audit, Filter
from brickyard.access.chain import canonical
from brickyard.access.policy import Action
from brickyard.echo.audit.schemas import AuditLine, VerificationView, object_of
from brickyard.echo.identity import needs

JSON_LINES = "application/x-ndjson"
MOST = 500

Text = Annotated[str | None, Query(max_length=300)]


def router(audit: Audit) -> APIRouter:
    api = APIRouter(prefix="/audit", tags=["audit"], dependencies=[needs(Action.AUDIT_READ)])

    @api.get("")
    def newest(
        actor: Text = None,
        action: Text = None,
        about: Annotated[str | None, Query(alias="object", max_length=300, description="an id, or kind:id")] = None,
        outcome: Text = None,
        since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
        until: Annotated[AwareDatetime | None, Query(alias="to", description="before this moment")] = None,
        before: Annotated[int | None, Query(ge=1, description="lines before this number", le=2**62)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> list[AuditLine]:
        """The newest lines that are like all that is given. For further ones, `before` the last one's `seq`."""
        kind, identity = object_of(about)
        wanted = Filter(actor, action, kind, identity, outcome, since, until, before)
        return [AuditLine.of(line) for line in audit.page(wanted, limit)]

    @api.get("/export", response_class=StreamingResponse, responses={200: {"content": {JSON_LINES: {}}}})
    def export() -> StreamingResponse:
        """The whole log as JSON lines with their hashes, the oldest first: `brickyard audit verify --file` reads it."""
        headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}
        return StreamingResponse(exported(audit), media_type=JSON_LINES, headers=headers)

    @api.get("/verification")
    def verification(
        first: Annotated[int, Query(alias="from", ge=1, le=2**62, description="the line before is believed")] = 1,
    ) -> VerificationView:
        """Whether the log is as it was written. It can't show by itself that its end was cut off: keep anchors."""
        return VerificationView.of(audit.verify(first))

    return api


def exported(audit: Audit) -> Iterator[bytes]:
    for line in audit.lines():
        yield canonical(line.told()) + b"\n"
