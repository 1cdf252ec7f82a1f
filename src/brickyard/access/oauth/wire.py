"""Requests and replies as the endpoints see them, whichever web framework carries them; and the checks that come first.

Authlib takes these for its requests. It puts parameters into descriptions of errors and gives them to the store, so
what could not be shown or kept is refused here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request

from brickyard.kit.errors import BadInput

Pairs = tuple[tuple[str, str], ...]
Body = dict[str, Any] | str
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
LONGEST_PARAMETER = 8000


@dataclass(frozen=True, slots=True)
class Asked:
    """`query` and `form` are pairs, since names may repeat. `headers`: found by names in any case."""

    method: str
    path: str
    query: Pairs = ()
    form: Pairs = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    address: str = ""

    def parameters(self) -> dict[str, str]:
        """Those of the form, where one was sent, else of the query. Raises BadInput where one is given twice, or can
        be none: no parameter of the standards holds control characters."""
        pairs = self.form if self.method == "POST" else self.query
        found: dict[str, str] = {}
        for name, value in pairs:
            if name in found:
                raise BadInput(f"The parameter {_shown(name)} is given twice.")
            if len(value) > LONGEST_PARAMETER or not (name + value).isprintable():
                raise BadInput(f"The parameter {_shown(name)} is too long, or has letters that cannot be printed.")
            found[name] = value
        return found


@dataclass(slots=True)
class Reply:
    """`body`: an object to be sent as JSON, or nothing."""

    status: int
    body: Body = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def location(self) -> str | None:
        return self.headers.get("Location")


def refusal(error: str, description: str, status: int = 400) -> Reply:
    """As RFC 6749, section 5.2, has errors."""
    return Reply(status, {"error": error, "error_description": plain(description)}, dict(NO_STORE))


def plain(text: str) -> str:
    """Without the letters that an error's description may not have."""
    return "".join(letter if " " <= letter <= "~" and letter not in '"\\' else "'" for letter in text)


def _shown(name: str) -> str:
    return plain(name[:40])


class Parameters(OAuth2Payload):  # type: ignore[misc]
    def __init__(self, asked: Asked) -> None:
        self._data = asked.parameters()

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return defaultdict(list, {name: [value] for name, value in self._data.items()})


class Request(OAuth2Request):  # type: ignore[misc]
    """`issuer`: how clients reach the platform; what is in front of it may speak TLS for it."""

    def __init__(self, asked: Asked, issuer: str) -> None:
        super().__init__(asked.method, issuer + asked.path, headers=asked.headers)
        self.payload = Parameters(asked)

    @property
    def args(self) -> dict[str, str]:
        return self.payload.data if self.method == "GET" else {}

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data if self.method == "POST" else {}
