"""The app in the browser: one page at many addresses, and the files it is made of.

They hold no data, so they are open to all; what they show they ask of the API. They are built from `ui/` into
`echo/web` (`make ui`; a wheel has them). Scripts and styles are files of their own, so that they live under a content
security policy without exceptions.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

from brickyard.echo.identity import open_to_all
from brickyard.kit.errors import NotFound

ADDRESSES = (
    "/",
    "/signin",
    "/add",
    "/queue",
    "/search",
    "/team",
    "/recordings/{recording}",
    "/admin",
    "/admin/{section}",
    "/account",
    "/help",
    "/help/{topic}",
)
"""As in ui/src/pages.ts."""

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
INDEX = "index.html"
NOT_BUILT = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Echo</title><main><h1>Echo's page is not built</h1>"
    "<p>This is a source tree. Run <code>make ui</code>, and start the platform again. The API works without it.</p>"
)


@dataclass(frozen=True, slots=True)
class Asset:
    """`packed`: the content as gzip. `is_named_by_content`: its name changes with what is in it."""

    content: bytes
    packed: bytes
    media_type: str
    etag: str
    is_named_by_content: bool


@cache
def assets() -> Mapping[str, Asset]:
    """Everything that a browser may have, by name. Only these names are ever served."""
    root = files("brickyard.echo") / "web"
    if not (root / INDEX).is_file():
        return {INDEX: _asset(INDEX, NOT_BUILT.encode(), False)}
    found = {INDEX: _asset(INDEX, (root / INDEX).read_bytes(), False)}
    for entry in (root / "assets").iterdir():
        found[entry.name] = _read(entry)
    return found


def _read(entry: Traversable) -> Asset:
    return _asset(entry.name, entry.read_bytes(), "-" in entry.name)


def _asset(name: str, content: bytes, is_named_by_content: bool) -> Asset:
    media_type = MEDIA_TYPES.get("." + name.rpartition(".")[2], "application/octet-stream")
    etag = f'"{sha256(content).hexdigest()[:32]}"'
    return Asset(content, gzip.compress(content, 9, mtime=0), media_type, etag, is_named_by_content)


def router() -> APIRouter:
    api = APIRouter(include_in_schema=False)
    for path in ADDRESSES:
        api.add_api_route(path, _page(), methods=["GET", "HEAD"], dependencies=[open_to_all()])

    @api.api_route("/assets/{name}", methods=["GET", "HEAD"], dependencies=[open_to_all()])
    def asset(request: Request, name: str) -> Response:
        """A script, a style or a picture; pages have addresses of their own."""
        found = assets().get(name)
        if found is None or name == INDEX:
            raise NotFound(f"There is no file {name[:60]!r} among the assets.")
        return _answer(request, found)

    return api


def _page() -> Callable[[Request], Response]:
    def page(request: Request) -> Response:
        return _answer(request, assets()[INDEX])

    return page


def _answer(request: Request, asset: Asset) -> Response:
    """The file, or 304 where the browser has it. What is named by its content never changes; of the rest it asks each
    time, so that an update is seen at once."""
    keeping = "public, max-age=31536000, immutable" if asset.is_named_by_content else "no-cache"
    headers = {"ETag": asset.etag, "Cache-Control": keeping, "Vary": "Accept-Encoding"}
    if asset.etag in _etags(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def _etags(header: str) -> set[str]:
    return {etag.strip().removeprefix("W/") for etag in header.split(",")}
