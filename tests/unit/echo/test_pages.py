from __future__ import annotations

import gzip
import re
from urllib.parse import quote

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from brickyard.echo import pages
from brickyard.echo.identity import asked_by
from brickyard.kit.errors import NotFound
from tests.conftest import REPOSITORY

UI = REPOSITORY / "ui"
SOURCES = sorted((UI / "src").rglob("*.svelte")) + sorted((UI / "src").rglob("*.ts"))
IS_BUILT = (REPOSITORY / "src/brickyard/echo/web/index.html").exists()
needs_a_built_page = pytest.mark.skipif(not IS_BUILT, reason="Echo's page is not built: make ui")


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    app.include_router(pages.router())

    @app.exception_handler(NotFound)
    def absent(_: Request, error: NotFound) -> JSONResponse:
        return JSONResponse({"message": error.message}, status_code=error.status)

    return TestClient(app)


@needs_a_built_page
@pytest.mark.parametrize("path", ["/", "/signin", "/account", "/recordings/0d2c7e0a", "/admin/audit", "/help/keys"])
def test_the_page_and_all_that_it_names_is_there(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    named = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)
    assert len(named) >= 4
    for address in named:
        assert client.get(address).status_code == 200, address


@needs_a_built_page
def test_what_a_browser_has_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/assets/theme.css")
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-type"] == "text/css; charset=utf-8"
    again = client.get("/assets/theme.css", headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert client.get("/assets/theme.css", headers={"if-none-match": '"other"'}).status_code == 200
    assert client.head("/signin").status_code == 200


@needs_a_built_page
def test_what_is_named_by_its_content_is_kept_for_good_and_sent_packed(client: TestClient) -> None:
    script = re.search(r'src="(/assets/[^"]+\.js)"', client.get("/").text)
    assert script is not None
    packed = client.get(script[1], headers={"accept-encoding": "gzip"})
    plain = client.get(script[1], headers={"accept-encoding": "identity"})
    assert "immutable" in packed.headers["cache-control"]
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert len(gzip.compress(plain.content)) < len(plain.content)


@pytest.mark.parametrize("name", ["__init__.py", "index.html", "nothing.js", "../pages.py", "..", "\x00", "THEME.CSS"])
def test_only_assets_are_served(client: TestClient, name: str) -> None:
    assert client.get(f"/assets/{quote(name, safe='').replace('.', '%2E')}").status_code == 404


def test_pages_are_open_to_all_and_no_part_of_the_api() -> None:
    routes = [route for route in pages.router().routes if isinstance(route, APIRoute)]
    assert len(routes) == len(pages.ADDRESSES) + 1
    for route in routes:
        assert asked_by(route.dependant) == [None], route.path
        assert not route.include_in_schema


def test_the_server_has_the_addresses_of_the_app() -> None:
    told = re.findall(r'path: "([^"]+)"', (UI / "src" / "pages.ts").read_text())
    assert {re.sub(r":(\w+)", r"{\1}", path) for path in told} | {"/signin"} == set(pages.ADDRESSES)


def test_the_page_needs_no_exception_from_the_policy() -> None:
    html = (UI / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", html) == []
    assert re.findall(r'(?:src|href|action)="(?!/|#)[^"]*"', html) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(UI)))
def test_nothing_makes_markup_of_data_or_leads_outside(source: object) -> None:
    text = source.read_text()  # type: ignore[attr-defined]
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(.style|@html"
    assert re.findall(ways, text) == []
    assert re.findall(r'\sstyle="[^{]', text) == [], "the policy forbids style attributes: use a class, or style:name"
    if source.name != "schema.d.ts":  # type: ignore[attr-defined]
        assert set(re.findall(r"https?://[^\s\"'`)]+", text)) - {"http://www.w3.org/2000/svg"} == set()
