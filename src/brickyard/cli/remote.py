"""A small client of the platform's own public API, for the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from brickyard.kit.errors import BrickyardError, Unavailable, by_code

PREFIX = "/api/v1"


class Remote:
    def __init__(self, url: str) -> None:
        self.url = url
        timeout = httpx.Timeout(60.0, read=None, write=None)
        self._http = httpx.Client(base_url=url + PREFIX, timeout=timeout, trust_env=False)

    def is_there(self) -> bool:
        try:
            return self._http.get("/info", timeout=2.0).is_success
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
        ended = False
        try:
            with self._http.stream("GET", f"/jobs/{job}/events") as answer:
                if not answer.is_success:
                    answer.read()
                    raise _error(answer)
                for line in answer.iter_lines():
                    ended = ended or line == "event: end"
                    if line.startswith("data: "):
                        view: dict[str, Any] = json.loads(line.removeprefix("data: "))
                        yield view
        except httpx.TransportError as error:
            raise self._away() from error
        if not ended:
            raise self._away()

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
