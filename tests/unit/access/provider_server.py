"""An OpenID provider of the test's own, on loopback, that also does what a good one never does."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import Key, RSAKey

from tests.integration.access.certificates import Certified

KEY = RSAKey.generate_key(2048, {"kid": "first"})
ISSUED_FOR_S = 300


@dataclass
class FakeProvider:
    """What is set here is told; `...` leaves a claim or a key out.

    `told`: whole answers by path, as (status, body). `seen`: the requests, as (path, headers, form).
    """

    key: Key = field(default_factory=lambda: KEY)
    published: list[Key] = field(default_factory=lambda: [KEY])
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    told: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    pause_s: float = 0.0
    nonce: str = ""
    seen: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def went_to(self, url: str) -> dict[str, str]:
        """As a browser that was sent there, and whose user signed in at once. Returns what was asked."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.nonce = asked["nonce"]
        return asked

    def requests_for(self, path: str) -> int:
        return sum(seen == path for seen, _, _ in self.seen)

    def answer(self, path: str) -> tuple[int, bytes]:
        if path in self.told:
            return self.told[path]
        answers = {
            "/.well-known/openid-configuration": self._discovery,
            "/token": self._tokens,
            "/keys": lambda: {"keys": [key.as_dict(private=False) for key in self.published]},
            "/me": lambda: _kept({"sub": "7", "preferred_username": "ada", **self.userinfo}),
        }
        return (200, json.dumps(answers[path]()).encode()) if path in answers else (404, b"{}")

    def _discovery(self) -> dict[str, Any]:
        ways = {
            "authorization_endpoint": "auth",
            "token_endpoint": "token",
            "jwks_uri": "keys",
            "userinfo_endpoint": "me",
        }
        return _kept(
            {"issuer": self.url, **{way: f"{self.url}/{path}" for way, path in ways.items()}, **self.discovery}
        )

    def _tokens(self) -> dict[str, Any]:
        now_s = int(time.time())
        given = {"iss": self.url, "sub": "7", "aud": "brickyard", "iat": now_s, "exp": now_s + ISSUED_FOR_S}
        token = jwt.encode(
            {"alg": "RS256", "kid": self.key.kid}, _kept({**given, "nonce": self.nonce, **self.claims}), self.key
        )
        return {"access_token": "access", "token_type": "Bearer", "id_token": token}


def _kept(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not ...}


@contextmanager
def serving(provider: FakeProvider, files: Certified | None = None) -> Iterator[FakeProvider]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._answer(dict(parse_qsl(body)))

        def _answer(self, form: dict[str, str]) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            provider.seen.append((self.path, headers, form))
            time.sleep(provider.pause_s)
            status, content = provider.answer(self.path)
            self.send_response(status)
            self.send_header("Location", f"{provider.url}/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            with suppress(ConnectionError):  # who asked may have lost patience
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if files is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    provider.url = f"{'http' if files is None else 'https'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
