from __future__ import annotations

import re
from importlib.resources import files
from urllib.parse import quote

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from brickyard.echo import pages
from brickyard.echo.identity import asked_by
from brickyard.kit.errors import NotFound

FOLDER = files("brickyard.echo.page")
SOURCES = {entry.name: entry.read_text() for entry in FOLDER.iterdir() if entry.name.endswith((".html", ".js", ".css"))}
HTML = {name: text for name, text in SOURCES.items() if name.endswith(".html")}
SCRIPTS = {name: text for name, text in SOURCES.items() if name.endswith(".js")}


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    app.include_router(pages.router())

    @app.exception_handler(NotFound)
    def absent(_: Request, error: NotFound) -> JSONResponse:
        return JSONResponse({"message": error.message}, status_code=error.status)

    return TestClient(app)


@pytest.mark.parametrize("path", ["/", "/signin", "/account", "/people"])
def test_a_page_and_all_that_it_names_is_there(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["x-content-type-options"] == "nosniff"
    named = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)
    assert len(named) >= 4
    for address in named:
        assert client.get(address).status_code == 200, address


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_scripts_import_what_is_there(client: TestClient, name: str) -> None:
    answer = client.get(f"/assets/{name}")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    for names, other in re.findall(r'^import \{([^}]+)\} from "\./([^"]+)"', answer.text, re.MULTILINE):
        exported = re.findall(r"^export (?:async )?(?:function |const |let )([$\w]+)", SCRIPTS[other], re.MULTILINE)
        wanted = {one.split(" as ")[0].strip() for one in names.split(",")}
        assert wanted <= set(exported), other


def test_what_a_browser_has_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/assets/theme.css")
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-type"] == "text/css; charset=utf-8"
    again = client.get("/assets/theme.css", headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert client.get("/assets/theme.css", headers={"if-none-match": '"other"'}).status_code == 200
    assert client.get("/assets/app.css").headers["etag"] != first.headers["etag"]
    assert client.head("/signin").status_code == 200


@pytest.mark.parametrize("name", ["__init__.py", "index.html", "nothing.js", "../pages.py", "..", "\x00", "THEME.CSS"])
def test_only_assets_are_served(client: TestClient, name: str) -> None:
    assert client.get(f"/assets/{quote(name, safe='').replace('.', '%2E')}").status_code == 404


def test_pages_are_open_to_all_and_no_part_of_the_api() -> None:
    routes = [route for route in pages.router().routes if isinstance(route, APIRoute)]
    assert len(routes) == 5
    for route in routes:
        assert asked_by(route.dependant) == [None], route.path
        assert not route.include_in_schema


@pytest.mark.parametrize("name", sorted(HTML))
def test_pages_need_no_exception_from_the_policy(name: str) -> None:
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", HTML[name]) == []
    assert re.findall(r'(?:src|href|action)="(?!/|#)[^"]*"', HTML[name]) == []


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_nothing_makes_markup_of_data_or_leads_outside(name: str) -> None:
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(.style"
    assert re.findall(ways, SOURCES[name]) == []
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", SOURCES[name])) - {"http://www.w3.org/2000/svg"}
    assert addresses == set()
