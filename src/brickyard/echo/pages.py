"""The pages: `/`, `/signin`, `/account`, `/people`, and the files in `/assets/` that they are made of.

They hold no data, so they are open to all; what they show they ask of the API. Scripts and styles are files of their
own, so that they live under a content security policy without exceptions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from brickyard.echo.identity import open_to_all
from brickyard.kit.errors import NotFound

PAGES = {"/": "index.html", "/signin": "signin.html", "/account": "account.html", "/people": "people.html"}
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str
    etag: str


def _read() -> Mapping[str, Asset]:
    """Everything in the folder that a browser may have, by name. Only these names are ever served."""
    found: dict[str, Asset] = {}
    for entry in files("brickyard.echo.page").iterdir():
        media_type = MEDIA_TYPES.get("." + entry.name.rpartition(".")[2])
        if media_type is not None:
            content = entry.read_bytes()
            found[entry.name] = Asset(content, media_type, f'"{sha256(content).hexdigest()[:32]}"')
    return found


ASSETS = _read()


def router() -> APIRouter:
    api = APIRouter(include_in_schema=False)
    for path, name in PAGES.items():
        api.add_api_route(path, _page(ASSETS[name]), methods=["GET", "HEAD"], dependencies=[open_to_all()], name=name)

    @api.api_route("/assets/{name}", methods=["GET", "HEAD"], dependencies=[open_to_all()])
    def asset(request: Request, name: str) -> Response:
        """A script, a style or a picture; pages have addresses of their own."""
        found = ASSETS.get(name)
        if found is None or name in PAGES.values():
            raise NotFound(f"There is no file {name[:60]!r} among the assets.")
        return _answer(request, found)

    return api


def _page(asset: Asset) -> Callable[[Request], Response]:
    def page(request: Request) -> Response:
        return _answer(request, asset)

    return page


def _answer(request: Request, asset: Asset) -> Response:
    """The file, or 304 where the browser has it: it asks each time, so that an update is seen at once."""
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    if asset.etag in _etags(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def _etags(header: str) -> set[str]:
    return {etag.strip().removeprefix("W/") for etag in header.split(",")}
