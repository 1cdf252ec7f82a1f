"""`/api/v1/uploads`: recordings that arrive piece by piece and go on where they were, by the tus protocol 1.0.

Made for its clients, such as tus-js-client and Uppy. The two GETs are ours: what is arriving, and how far it is.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.identity import needs
from brickyard.echo.uploads import tus
from brickyard.echo.uploads.schemas import UploadState, UploadView
from brickyard.echo.uploads.service import Coming, Outcome, Uploads
from brickyard.echo.uploads.store import Upload
from brickyard.kit.errors import BadInput

METHODS_BESIDE_POST = ("PATCH", "DELETE")

Adding = Annotated[Actor, needs(Action.RECORDING_ADD)]
Uploading = Annotated[Actor, needs(Action.RECORDING_UPLOAD)]
Version = Annotated[str | None, Header(alias="Tus-Resumable", description=f"`{tus.VERSION}`")]
Offset = Annotated[int | None, Header(alias="Upload-Offset", ge=0, description="where the body begins, in bytes")]
Length = Annotated[int | None, Header(alias="Upload-Length", ge=0, description="of the whole file, in bytes")]
Sum = Annotated[
    str | None, Header(alias="Upload-Checksum", description="`sha256 ` or `sha1 ` and that of the body, in base64")
]
Metadata = Annotated[
    str,
    Header(
        alias="Upload-Metadata",
        description="`filename` and the fields of `POST /recordings`, each with its value in base64; commas between",
    ),
]


class TusRoute(APIRoute):
    """Each of its answers, errors too, says which version is spoken."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = tus.VERSION
            await send(message)

        await super().handle(scope, receive, told)


def router(uploads: Uploads) -> APIRouter:
    api = APIRouter(prefix="/uploads", tags=["uploads"], route_class=TusRoute)
    most = uploads.max_bytes

    async def patch(request: Request, upload: UUID, actor: Actor, offset: int | None, checksum: str | None) -> Response:
        if offset is None:
            raise BadInput("Upload-Offset is missing: say where the body begins, as HEAD tells it.")
        tus.check_type(request.headers.get("content-type"))
        outcome = await uploads.receive(upload, offset, _coming(request, checksum), actor)
        return Response(status_code=204, headers=_told(outcome))

    @api.options("", dependencies=[needs(Action.PLATFORM_INFO)], status_code=204)
    def offered() -> Response:
        """What is spoken here: version and extensions of tus, and the largest file in bytes."""
        headers = {
            "Tus-Version": tus.VERSION,
            "Tus-Extension": tus.EXTENSIONS,
            "Tus-Max-Size": str(most),
            "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
        }
        return Response(status_code=204, headers=headers)

    @api.post("", status_code=201, response_class=Response, max_body_size=most)
    async def begin(
        request: Request,
        actor: Adding,
        version: Version = None,
        length: Length = None,
        metadata: Metadata = "",
        checksum: Sum = None,
    ) -> Response:
        """Begin an upload; `Location` is its address. First bytes may come along, as application/offset+octet-stream.

        Wrong options and a file over the limits are refused here.
        """
        tus.check_version(version)
        if length is None:
            raise BadInput("Upload-Length is missing: say how many bytes the file has. It can't be said later.")
        has_body = int(request.headers.get("content-length") or 0) > 0 or "transfer-encoding" in request.headers
        coming = _coming(request, checksum)
        if has_body:
            tus.check_type(request.headers.get("content-type"))
        made = await run_in_threadpool(uploads.begin, metadata, length, actor)
        outcome = await uploads.receive(made.id, 0, coming, actor) if has_body else Outcome(made)
        place = f"{request.url.path.rstrip('/')}/{made.id}"
        return Response(status_code=201, headers={"Location": place, **_told(outcome)})

    @api.head("/{upload}", response_class=Response)
    async def where(upload: UUID, actor: Uploading, version: Version = None) -> Response:
        """How many bytes are here: go on from `Upload-Offset`. A request that still waits for bytes is ended."""
        tus.check_version(version)
        found = await uploads.where(upload, actor)
        headers = {"Upload-Length": str(found.length_bytes), "Cache-Control": "no-store", **_told(Outcome(found))}
        if found.metadata:
            headers["Upload-Metadata"] = found.metadata
        return Response(headers=headers)

    @api.patch("/{upload}", status_code=204, max_body_size=most)
    async def go_on(
        request: Request,
        upload: UUID,
        actor: Uploading,
        version: Version = None,
        offset: Offset = None,
        sum: Sum = None,
    ) -> Response:
        """More bytes of the file, as application/offset+octet-stream. The answer to the last ones waits until the file
        was looked at: `Brickyard-Recording` and `Brickyard-Job` say what it became, an error why it was refused."""
        tus.check_version(version)
        return await patch(request, upload, actor, offset, sum)

    @api.delete("/{upload}", status_code=204)
    async def delete(upload: UUID, actor: Uploading) -> None:
        """Give an upload up: what has come goes. A recording that it became already stays."""
        await uploads.delete(upload, actor)

    @api.post("/{upload}", status_code=204, include_in_schema=False, max_body_size=most)
    async def instead(
        request: Request,
        upload: UUID,
        actor: Uploading,
        version: Version = None,
        offset: Offset = None,
        sum: Sum = None,
    ) -> Response:
        """For clients that can only GET and POST: X-HTTP-Method-Override says which method is meant."""
        tus.check_version(version)
        method = request.headers.get("x-http-method-override", "").upper()
        if method not in METHODS_BESIDE_POST:
            raise BadInput(
                f"X-HTTP-Method-Override: {method[:20]!r} can't be meant; {' or '.join(METHODS_BESIDE_POST)}."
            )
        if method == "PATCH":
            return await patch(request, upload, actor, offset, sum)
        await uploads.delete(upload, actor)
        return Response(status_code=204)

    _add_views(api, uploads)
    return api


def _add_views(api: APIRouter, uploads: Uploads) -> None:
    """What the app shows of uploads."""

    @api.get("")
    async def own(actor: Uploading) -> list[UploadView]:
        """Your uploads that have not ended, and those of the last day that have, newest first."""
        found = await run_in_threadpool(uploads.newest, actor)
        for one in found:
            uploads.go_on(one, actor)
        return found

    @api.get("/{upload}")
    async def get(upload: UUID, actor: Uploading) -> UploadView:
        """How far an upload is, and what became of it."""
        found = await run_in_threadpool(uploads.view, upload, actor)
        uploads.go_on(found, actor)
        return found


def _coming(request: Request, checksum: str | None) -> Coming:
    said = request.headers.get("content-length", "")
    return Coming(request.stream(), int(said) if said.isdecimal() else None, tus.checksum(checksum))


def _told(outcome: Outcome) -> dict[str, str]:
    found: Upload = outcome.upload
    headers = {"Upload-Offset": str(found.offset_bytes)}
    if found.state is UploadState.arriving:
        headers["Upload-Expires"] = tus.date(found.expires_at)
    known = {
        "Brickyard-Recording": found.recording,
        "Brickyard-Job": found.job,
        "Brickyard-Webhook-Secret": outcome.webhook_secret,
    }
    return headers | {name: str(value) for name, value in known.items() if value is not None}
