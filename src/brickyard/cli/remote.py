"""A small client of the platform's own public API, for the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from brickyard.kit.errors import BadInput, BrickyardError, Unavailable, by_code
from brickyard.kit.settings import Settings

PREFIX = "/api/v1"
AGAIN = "again"


class Remote:
    """`key`: an API key with the scope `recordings`."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url
        timeout = httpx.Timeout(60.0, read=None, write=None)
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url + PREFIX, headers=headers, timeout=timeout, trust_env=False)

    @classmethod
    def of(cls, settings: Settings) -> Remote:
        """The platform of these settings, as its operator or as whose key is named there."""
        return cls(settings.url, key_of(settings))

    def is_there(self) -> bool:
        try:
            return self._http.get("/session", timeout=2.0).is_success
        except httpx.TransportError:
            return False

    def upload(self, path: Path, **options: str | int | bool | None) -> dict[str, Any]:
        """{recording, job}. Raises what the platform says is wrong with the file."""
        fields = {name: str(value) for name, value in options.items() if value is not None}
        with path.open("rb") as stream:
            answer = self._ask("POST", "/recordings", files={"file": (path.name, stream)}, data=fields)
        submitted: dict[str, Any] = answer.json()
        return submitted

    def follow(self, job: str) -> Iterator[dict[str, Any]]:
        """The job at each change, until it has ended. Raises Unavailable where the platform goes away before that."""
        event = AGAIN
        while event == AGAIN:
            event = ""
            for event, view in self._events(job):
                if event != AGAIN:
                    yield view
        if event != "end":
            raise self._away()

    def _events(self, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """One stream of them: the server ends it now and then, to look anew who asks."""
        event = ""
        try:
            with self._http.stream("GET", f"/jobs/{job}/events") as answer:
                if not answer.is_success:
                    answer.read()
                    raise _error(answer)
                for line in answer.iter_lines():
                    if line.startswith("event: "):
                        event = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        yield event, json.loads(line.removeprefix("data: "))
        except httpx.TransportError as error:
            raise self._away() from error

    def transcript(self, recording: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("GET", f"/recordings/{recording}/transcript").json()
        return found

    def transcript_as(self, recording: str, form: str) -> str:
        return self._ask("GET", f"/recordings/{recording}/transcript.{form}").text

    def jobs(self, states: list[str], limit: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", "/jobs", params={"state": states, "limit": limit}).json()
        return found

    def act(self, job: str, verb: str) -> dict[str, Any]:
        view: dict[str, Any] = self._ask("POST", f"/jobs/{job}/{verb}").json()
        return view

    def queues(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", "/queues").json()
        return found

    def set_queue_paused(self, name: str, paused: bool) -> None:
        self._ask("POST", f"/queues/{name}/{'pause' if paused else 'resume'}")

    def _ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **what)
        except httpx.TransportError as error:
            raise self._away() from error
        if answer.is_success:
            return answer
        raise _error(answer)

    def _away(self) -> Unavailable:
        return Unavailable(
            f"No platform answers at {self.url}. Start one with `brickyard up`, or set BRICKYARD_HOST and _PORT."
        )


def _error(answer: httpx.Response) -> BrickyardError:
    try:
        problem = answer.json()["error"]
        return by_code(problem["code"], problem["message"])
    except (ValueError, KeyError, TypeError):
        return BrickyardError(f"The platform answered with status {answer.status_code}: {answer.text[:200]}")


def key_of(settings: Settings) -> str | None:
    """What to show to a platform: the key in the file that is named, or that of the platform which runs here."""
    path = settings.api_key_file or settings.operator_key_file
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        if settings.api_key_file is None:
            return None
        raise BadInput(f"BRICKYARD_API_KEY_FILE={path}: there is no such file.") from None
    except PermissionError as error:
        raise BadInput(f"{path} belongs to another user: run this as the user who runs the platform.") from error
