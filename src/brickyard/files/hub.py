"""A model hub over HTTP: which files a model has, and those files, resumed where they broke off.

The one place in the program that reaches another host on its own account, and only `brickyard models pull` uses it.
It speaks what the Hugging Face hub and its mirrors speak: `/api/models/{repo}/revision/{revision}?blobs=true` and
`/{repo}/resolve/{commit}/{file}`. A proxy and certificates are used where the operator's environment names them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx

from brickyard.files.model_store import PIECE_BYTES
from brickyard.kit.errors import BadInput, Forbidden, NotFound, Unavailable

CONNECT_S = 15.0
SILENCE_S = 60.0
MAX_REDIRECTS = 5
MAX_LISTING_BYTES = 32 << 20
PAUSES_S = (1.0, 3.0, 10.0, 30.0)
"""Between attempts that brought nothing; one that brought bytes begins anew."""

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as the hub names it, which may be any text. `sha256` is None for small files, of which hubs tell none."""

    path: str
    bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at one commit. `licence` is what its card says, empty where it says nothing."""

    repo: str
    commit: str
    licence: str
    files: tuple[RemoteFile, ...]


class Hub:
    def __init__(
        self,
        address: str,
        token: str = "",
        *,
        client: httpx.Client | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if not address.startswith(("https://", "http://")):
            raise BadInput(f"The model hub {address!r} is no address; it begins with https:// or http://.")
        self.address = address.rstrip("/")
        self._token = token
        self._client = client or httpx.Client(timeout=httpx.Timeout(SILENCE_S, connect=CONNECT_S))
        self._pause = pause

    def close(self) -> None:
        self._client.close()

    def snapshot(self, repo: str, revision: str) -> Snapshot:
        """What the repository holds now. Raises NotFound, Forbidden where a token is needed, Unavailable."""
        url = f"{self.address}/api/models/{quote(repo)}/revision/{quote(revision, safe='')}?blobs=true"
        for attempt, pause_s in enumerate((0.0, *PAUSES_S)):
            self._pause(pause_s)
            try:
                with self._open(url, repo, {}) as response:
                    return _snapshot(repo, self._listing(response))
            except Unavailable:
                if attempt == len(PAUSES_S):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def fetch(self, snapshot: Snapshot, file: RemoteFile, part: Path, on_bytes: OnBytes = lambda _: None) -> str:
        """Bring `part` to the whole file, going on where it ends. Returns the SHA-256 of what is there then.

        Asks again where the connection breaks. Raises Unavailable when that does not help.
        """
        digest, have = _begun(part, file.bytes)
        on_bytes(have)
        failures = 0
        while have < file.bytes:
            before = have
            try:
                have, digest = self._go_on(snapshot, file, part, have, digest, on_bytes)
            except Unavailable:
                have = part.stat().st_size
                failures = 0 if have > before else failures + 1
                if failures > len(PAUSES_S):
                    raise
                self._pause(PAUSES_S[max(0, failures - 1)])
                digest, have = _begun(part, file.bytes)
        if file.bytes == 0:
            part.touch()
        return str(digest.hexdigest())

    def _go_on(
        self, snapshot: Snapshot, file: RemoteFile, part: Path, have: int, digest: Any, on_bytes: OnBytes
    ) -> tuple[int, Any]:
        url = f"{self.address}/{quote(snapshot.repo)}/resolve/{snapshot.commit}/{quote(file.path)}"
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._open(url, snapshot.repo, headers) as response:
            if have and not _continues(response, have):
                on_bytes(-have)
                have, digest = 0, hashlib.sha256()
            with part.open("ab" if have else "wb") as out:
                have = self._write(response, file, out, have, digest, on_bytes)
        if have < file.bytes:
            raise Unavailable(f"{file.path} of {snapshot.repo} broke off after {have:,} of {file.bytes:,} bytes.")
        return have, digest

    def _write(
        self, response: httpx.Response, file: RemoteFile, out: BinaryIO, have: int, digest: Any, on_bytes: OnBytes
    ) -> int:
        for piece in response.iter_raw():  # with a size it would hold back the end of what came before a break
            have += len(piece)
            if have > file.bytes:
                raise BadInput(f"{self.address} sent more of {file.path} than the {file.bytes:,} bytes it told of.")
            out.write(piece)
            digest.update(piece)
            on_bytes(len(piece))
        return have

    def _listing(self, response: httpx.Response) -> Any:
        content = bytearray()
        for piece in response.iter_bytes(PIECE_BYTES):
            content += piece
            if len(content) > MAX_LISTING_BYTES:
                raise BadInput(f"{self.address} answered with a list of files beyond {MAX_LISTING_BYTES:,} bytes.")
        try:
            return httpx.Response(200, content=bytes(content)).json()
        except ValueError as error:
            raise BadInput(f"{self.address} does not answer as a model hub does: {error}.") from error

    @contextmanager
    def _open(self, url: str, repo: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """A streamed answer, redirects followed. The token goes to the hub's own host alone."""
        sent = {"Accept-Encoding": "identity", **headers}
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            response = self._follow(self._client.build_request("GET", url, headers=sent))
            try:
                self._check(response, repo)
                yield response
            finally:
                response.close()
        except httpx.InvalidURL as error:
            raise BadInput(f"The model hub {self.address} is no address: {error}.") from error
        except httpx.TransportError as error:
            raise Unavailable(
                f"The model hub {self.address} can't be reached or broke off ({type(error).__name__}: {error}). "
                "Check the address, the proxy and the network; a pull goes on where it ended."
            ) from error

    def _follow(self, request: httpx.Request) -> httpx.Response:
        """httpx drops the token where a redirect leads to another host; what is sent encrypted stays so."""
        for _ in range(MAX_REDIRECTS + 1):
            response = self._client.send(request, stream=True, follow_redirects=False)
            if response.next_request is None:
                return response
            response.close()
            if request.url.scheme == "https" and response.next_request.url.scheme != "https":
                raise BadInput(f"{request.url.host} leads away from https, to {response.next_request.url.host}.")
            request = response.next_request
        raise BadInput(f"The model hub {self.address} leads in circles: more than {MAX_REDIRECTS} redirects.")

    def _check(self, response: httpx.Response, repo: str) -> None:
        if response.status_code in (200, 206):
            return
        if response.status_code in (401, 403):
            raise Forbidden(_needs_token(self.address, repo, bool(self._token)))
        if response.status_code == 404:
            raise NotFound(f"{self.address} has no {repo}, or not this revision or file: {response.request.url.path}.")
        if response.status_code == 429 or response.status_code >= 500:
            raise Unavailable(f"{response.url.host} answered with {response.status_code}. Try again later.")
        raise BadInput(f"{response.url.host} answered {response.request.url.path} with {response.status_code}.")


def _needs_token(address: str, repo: str, had_one: bool) -> str:
    what = "does not let this token have" if had_one else "wants a token for"
    return (
        f"{address} {what} {repo}, or there is no such repository. Accept the model's conditions at {address}/{repo} "
        "with your account, write an access token of that account into a file, and name the file in "
        "BRICKYARD_MODEL_HUB_TOKEN_FILE."
    )


def _begun(part: Path, whole_bytes: int) -> tuple[Any, int]:
    """The digest and the size of what an earlier attempt left; what is too long is thrown away."""
    digest = hashlib.sha256()
    if not part.is_file():
        return digest, 0
    if part.stat().st_size > whole_bytes:
        part.unlink()
        return digest, 0
    have = 0
    with part.open("rb") as content:
        while piece := content.read(PIECE_BYTES):
            digest.update(piece)
            have += len(piece)
    return digest, have


def _continues(response: httpx.Response, have: int) -> bool:
    """A server may send the whole file although it was asked for its end."""
    return response.status_code == 206 and response.headers.get("content-range", "").startswith(f"bytes {have}-")


def _snapshot(repo: str, listing: Any) -> Snapshot:
    try:
        commit, siblings = str(listing["sha"]), listing["siblings"]
        files = tuple(_file(each) for each in siblings)
        card = listing.get("cardData") or {}
        licence = card.get("license") if isinstance(card, dict) else None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadInput(
            f"The hub's list of files of {repo} is not as it should be ({type(error).__name__}: {error})."
        ) from error
    if not commit or not all(letter in "0123456789abcdef" for letter in commit):
        raise BadInput(f"The hub names no commit for {repo}, but {commit[:80]!r}.")
    return Snapshot(repo, commit, licence if isinstance(licence, str) else "", files)


def _file(sibling: dict[str, Any]) -> RemoteFile:
    lfs = sibling.get("lfs") or {}
    size = lfs.get("size", sibling.get("size"))
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"no size for {sibling['rfilename']!r}")
    return RemoteFile(str(sibling["rfilename"]), size, lfs.get("sha256"))
