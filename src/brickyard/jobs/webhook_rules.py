"""Who may be told that a job has ended, how the message is signed, when it is sent again. Pure.

Messages are signed as Standard Webhooks has it, so that its libraries can check them: HMAC-SHA256 over
`id.timestamp.body`, in base64, with `v1,` before it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from brickyard.kit.errors import BadInput

PAUSES_S = (5.0, 30.0, 120.0, 600.0, 3600.0, 21600.0)
"""After each failure; one more, and it is given up."""
MOST_ATTEMPTS = len(PAUSES_S) + 1

LONGEST_URL = 2000
SHORTEST_SECRET = 24
LONGEST_SECRET = 200
SECRET_PREFIX = "whsec_"
_PORTS = {"http": 80, "https": 443}

# Answers to every process on a machine with its credentials, outside the link-local range.
_METADATA = frozenset({ip_address("fd00:ec2::254"), ip_address("100.100.100.200"), ip_address("168.63.129.16")})


def hosts(setting: str) -> frozenset[str]:
    """The setting `webhook_hosts`: `host` for any port, or `host:port`, with commas between them."""
    return frozenset(part.strip().lower() for part in setting.split(",") if part.strip())


def check_url(url: str, allowed: frozenset[str]) -> None:
    """Raises BadInput for an address that nothing is sent to."""
    if not allowed:
        raise BadInput(
            "Webhooks are not switched on here. Whoever runs the platform can allow hosts with BRICKYARD_WEBHOOK_HOSTS."
        )
    parts, port = _split(url)
    host = (parts.hostname or "").rstrip(".").lower()
    if host not in allowed and f"{host}:{port}" not in allowed and f"[{host}]:{port}" not in allowed:
        raise BadInput(f"Webhooks to {host} are not allowed; they are to: {', '.join(sorted(allowed))}.")
    literal = _literal(host)
    if literal is not None:
        check_addresses(host, [literal])


def _split(url: str) -> tuple[SplitResult, int]:
    """Raises BadInput for what is no plain http address; user names and fragments have no use and can deceive."""
    wrong = BadInput(f"{url[:200]!r} is no address for a webhook; give one like https://host/path.")
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise wrong
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise wrong from error
    if not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise wrong
    return parts, port


def _literal(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def check_addresses(host: str, addresses: Sequence[str]) -> None:
    """Raises BadInput where a host is at an address that serves a machine itself, such as a cloud's metadata.

    Addresses of the local network are what a platform on one's own machines is for.
    """
    for text in addresses:
        address = _plain(ip_address(text.partition("%")[0]))
        if address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA:
            raise BadInput(f"{host} is at {text}, where no webhook is sent: it is link-local, or of many machines.")


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one, where that is what it is."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def check_secret(secret: str) -> None:
    """Raises BadInput for one that is too short to keep anybody out, or begins like a key without being one."""
    if not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET:
        raise BadInput(
            f"A webhook's secret has {SHORTEST_SECRET} to {LONGEST_SECRET} characters; this one {len(secret)}."
        )
    try:
        _key(secret)
    except binascii.Error as error:
        raise BadInput(
            f"A webhook's secret that begins with {SECRET_PREFIX} goes on in base64; this one doesn't."
        ) from error


def signature(secret: str, delivery: str, timestamp_s: int, body: bytes) -> str:
    """The header `webhook-signature`. `delivery` and `timestamp_s` are those of the other two headers."""
    signed = f"{delivery}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    if secret.startswith(SECRET_PREFIX):
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    return secret.encode()


def pause_s(failures: int) -> float | None:
    """How long to wait after so many failures, at least one; None: give up."""
    return PAUSES_S[failures - 1] if failures <= len(PAUSES_S) else None
