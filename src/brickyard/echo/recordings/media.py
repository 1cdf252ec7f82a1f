"""Plays what was uploaded: in whole or by range, unsealed piece by piece, in the memory of one piece."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from brickyard.kit.errors import NotFound
from brickyard.kit.sealed import Stored

PIECE_BYTES = 1 << 18
ONE_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})", re.IGNORECASE)

Range = tuple[int, int]
"""First byte, and the one behind the last."""


class Unsatisfiable(Exception):
    """Nothing of the range lies in the file."""


class Streamed(StreamingResponse):
    """Closes its file in the end, also where the player goes away in the middle."""

    def __init__(self, file: BinaryIO, span: Range, status: int, headers: dict[str, str]) -> None:
        super().__init__(_pieces(file, span), status, headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await run_in_threadpool(self._file.close)


def media_response(request: Request, stored: Stored, media_type: str, name: str, etag: str) -> Response:
    """The answer to a GET or HEAD. `etag`: what stands for the content, such as its hash. May read the disk.

    Raises NotFound where the file is gone, BadMedia where it is damaged.
    """
    try:
        file = stored.open()
    except FileNotFoundError:
        raise NotFound("The file of this recording is gone. Restore it from a backup, or upload it again.") from None
    size = stored.size_bytes
    tag = f'"{etag}"'
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        "content-disposition": f"inline; filename*=utf-8''{quote(name, safe='')}",
        "content-type": media_type,
        "etag": tag,
        "x-content-type-options": "nosniff",
    }
    try:
        span = asked(request.headers.get("range"), request.headers.get("if-range"), size, tag)
    except Unsatisfiable:
        file.close()
        return Response(status_code=416, headers=headers | {"content-range": f"bytes */{size}"})
    if request.method == "HEAD":
        file.close()
        return Response(headers=headers | {"content-length": str(size)})
    if span is None:
        return Streamed(file, (0, size), 200, headers | {"content-length": str(size)})
    first, behind = span
    part = {"content-length": str(behind - first), "content-range": f"bytes {first}-{behind - 1}/{size}"}
    return Streamed(file, span, 206, headers | part)


def asked(range_header: str | None, if_range: str | None, size: int, tag: str) -> Range | None:
    """The one range that is wanted; None for the whole file. Raises Unsatisfiable.

    What can't be understood, and several ranges at once, are answered with the whole, as RFC 9110 allows. So is a
    range of a file that is not the one the player has begun with.
    """
    found = ONE_RANGE.fullmatch((range_header or "").strip())
    if found is None or (if_range is not None and if_range.strip() != tag):
        return None
    first, last = found.groups()
    if not first:
        return _last(int(last), size) if last else None
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return int(first), min(int(last) + 1, size) if last else size


def _last(count: int, size: int) -> Range:
    if not count or not size:
        raise Unsatisfiable
    return max(0, size - count), size


def _pieces(file: BinaryIO, span: Range) -> Iterator[bytes]:
    at, behind = span
    file.seek(at)
    while at < behind and (piece := file.read(min(PIECE_BYTES, behind - at))):
        at += len(piece)
        yield piece
