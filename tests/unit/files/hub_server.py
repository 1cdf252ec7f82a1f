"""A model hub of the test's own, on loopback: what the real ones answer, and how they fail."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "someone/a-model"


@dataclass
class FakeHub:
    """`lfs`: files of which it tells the hash. `cut_after`: it breaks off there, as often as `cuts` says.

    `moved_to`: another server that has the files, as hubs have them. `seen`: the requests, as (path, headers).
    """

    files: dict[str, bytes]
    lfs: set[str] = field(default_factory=set)
    told_sha256: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    cut_after: int = 0
    cuts: int = 0
    knows_ranges: bool = True
    moved_to: str = ""
    busy: int = 0
    commit: str = COMMIT
    licence: str = "mit"
    listing: object = None
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def listed(self) -> object:
        if self.listing is not None:
            return self.listing
        siblings: list[dict[str, object]] = []
        for path, content in self.files.items():
            sibling: dict[str, object] = {"rfilename": path, "size": len(content)}
            if path in self.lfs:
                digest = self.told_sha256.get(path, hashlib.sha256(content).hexdigest())
                sibling["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            siblings.append(sibling)
        return {"id": REPO, "sha": self.commit, "siblings": siblings, "cardData": {"license": self.licence}}

    def requests_for(self, path: str) -> list[dict[str, str]]:
        return [headers for seen, headers in self.seen if seen.endswith(path)]


@contextmanager
def serving(hub: FakeHub, host: str = "127.0.0.1") -> Iterator[FakeHub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.seen.append((path, {name.lower(): value for name, value in self.headers.items()}))
            if hub.busy:
                hub.busy -= 1
                self.answer(503, b"later")
            elif hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
                self.answer(401, b"Access to this model is restricted")
            elif path in {f"/api/models/{REPO}/revision/{name}" for name in ("main", hub.commit)}:
                self.answer(200, json.dumps(hub.listed()).encode())
            else:
                self.file(path)

        def file(self, path: str) -> None:
            name = path.removeprefix(f"/{REPO}/resolve/{hub.commit}/")
            if name not in hub.files:
                self.answer(404, b"Entry not found")
            elif hub.moved_to:
                self.send_response(302)
                self.send_header("Location", f"{hub.moved_to}{self.path}")
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self.content(hub.files[name])

        def content(self, whole: bytes) -> None:
            begin = 0
            asked = self.headers.get("Range")
            if asked and hub.knows_ranges:
                begin = int(asked.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(whole) - 1}/{len(whole)}")
            self.send_header("Content-Length", str(len(whole) - begin))
            self.end_headers()
            if hub.cuts and begin < hub.cut_after < len(whole):
                hub.cuts -= 1
                self.wfile.write(whole[begin : hub.cut_after])
                self.close_connection = True
                return
            self.wfile.write(whole[begin:])

        def answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Clients of these tests leave when they have seen enough."""

    server = Quiet((host, 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    hub.url = f"http://{host}:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
