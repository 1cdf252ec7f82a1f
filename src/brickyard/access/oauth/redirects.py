"""Where a browser may be sent back to: addresses are compared letter by letter (RFC 9700, section 2.1). Pure.

The one exception is RFC 8252, section 7.3: a program on somebody's own machine, which is a public client, listens on
whatever port of the loopback interface is free.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import SplitResult, parse_qsl, urlsplit

from brickyard.kit.errors import BadInput

LONGEST = 2000
LETTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]+")
"""Those of an address (RFC 3986), without the mark of a fragment and without `*`, which looks like a pattern."""
LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?((?:[/?].*)?)")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
OURS = frozenset({"code", "state", "iss", "error", "error_description"})
"""Parameters that the answer adds."""


def is_registered(uri: str, registered: Collection[str], *, is_public: bool) -> bool:
    """Whether a client may be answered there."""
    if uri in registered:
        return True
    wanted = _loopback(uri) if is_public else None
    return wanted is not None and any(_loopback(one) == wanted for one in registered)


def _loopback(uri: str) -> tuple[str, str] | None:
    """Host and all that follows the port; None where the address is not on the loopback interface."""
    found = LOOPBACK.fullmatch(uri)
    if found is None or not LETTERS.fullmatch(uri) or not 0 < int(found[2] or 80) < 65536:
        return None
    return found[1], found[3]


def check(uri: str, *, is_public: bool) -> str:
    """The address, where it may be registered. Raises BadInput, saying what is wrong with it."""
    if len(uri) > LONGEST or not LETTERS.fullmatch(uri):
        raise BadInput(
            f"{uri[:200]!r} is no address to come back to: it has to be whole, without spaces, patterns (*) or a part "
            f"after '#', and at most {LONGEST} letters long."
        )
    parts = _split(uri)
    if parts.username is not None or parts.password is not None:
        raise BadInput(f"{uri!r} names a user before '@'. Give the address without.")
    if OURS & {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}:
        raise BadInput(f"{uri!r} has one of the parameters {', '.join(sorted(OURS))}, which the answer brings.")
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_NAMES)):
        return uri
    if is_public and "." in parts.scheme and not parts.netloc:
        return uri
    raise BadInput(
        f"{uri!r} is no safe address to come back to. Allowed are https://…, http:// on localhost, 127.0.0.1 or [::1], "
        "and for public clients schemes of an app's own such as org.example.app:/signed-in."
    )


def _split(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # What is no port shows only when it is read.
    except ValueError as error:
        raise BadInput(f"{uri!r} is no address to come back to: {error}.") from None
    return parts
