"""Which machines the settings name, each with the setting that does; kit/egress.py lets nothing else be reached."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from brickyard.kit.errors import BadInput
from brickyard.kit.settings import Settings

PORTS = {"http": 80, "https": 443, "ldap": 389, "ldaps": 636}
POSTGRESQL = 5432
ALLOW_WITH = "BRICKYARD_REACHABLE_HOSTS"

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Destination:
    """`host`: a name in small letters or an address, without brackets. `port`: None for all. `because`: the setting."""

    host: str
    port: int | None
    because: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


@dataclass(frozen=True)
class Allowed:
    destinations: tuple[Destination, ...] = ()

    @classmethod
    def of(cls, settings: Settings, also: str = "") -> Self:
        """What the settings name. `also`: further hosts, `host` or `host:port` with commas between them.

        Raises BadInput where an address is none.
        """
        return cls(tuple(dict.fromkeys([*_named_by(settings), *_listed(also, ALLOW_WITH)])))

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(one.host for one in self.destinations if literal(one.host) is None)

    def names_with(self, port: int) -> frozenset[str]:
        """Of hosts that may be reached on this port."""
        return frozenset(one.host for one in self.destinations if one.host in self.names and one.port in (None, port))

    def permits(self, address: Address, port: int) -> bool:
        """By the address itself, whatever names lead there."""
        if is_here(address):
            return True
        return any(one.port in (None, port) and literal(one.host) == address for one in self.destinations)


# ---- addresses


@lru_cache(maxsize=4096)
def literal(host: str) -> Address | None:
    """The address that a text is; None for a name. What is IPv4 inside IPv6 is the IPv4 address: it goes there."""
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def is_here(address: Address) -> bool:
    """This machine itself. The kernel takes 0.0.0.0 and :: as a target for it too."""
    return address.is_loopback or address.is_unspecified


@lru_cache(maxsize=4096)
def leads_here(host: str) -> bool:
    """`is_here` of a text, remembered: most connections go there, and working it out takes longer than the rest."""
    address = literal(host)
    return host == "localhost" if address is None else is_here(address)


def found_by_name(address: Address) -> bool:
    """Whether a name may lead there: link-local addresses, where clouds keep credentials, are of no named host."""
    return not (address.is_link_local or address.is_multicast or address == IPv4Address("255.255.255.255"))


def name_of(host: str | bytes) -> str:
    """As names are compared: in small letters, without the last dot, in the letters that are asked for."""
    text = (host.decode("ascii", "replace") if isinstance(host, bytes) else host).rstrip(".").lower()
    try:
        return text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        return text


# ---- what the settings name


def _named_by(settings: Settings) -> Iterator[Destination]:
    yield Destination(_host(settings.host), settings.port, "BRICKYARD_HOST")
    if settings.database_url:
        yield from _databases(settings.database_url)
    if isinstance(settings.broker_address, str):
        yield from _listed(settings.broker_address, "BRICKYARD_BROKER")
    if settings.ollama_url:
        yield _of_url(settings.ollama_url, "BRICKYARD_OLLAMA_URL")
    for url in (text.strip() for text in settings.llm_backends.split(",")):
        if url:
            yield _of_url(url.removeprefix("openai+"), "BRICKYARD_LLM_BACKENDS")
    yield from _listed(settings.webhook_hosts, "BRICKYARD_WEBHOOK_HOSTS")
    if settings.sign_in_file:
        yield from _providers(settings.sign_in_file)


def _databases(url: str) -> Iterator[Destination]:
    """All hosts of an address for PostgreSQL; folders of sockets are on this machine."""
    try:
        parts = conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1))
        ports = [int(port or POSTGRESQL) for port in str(parts.get("port") or POSTGRESQL).split(",")]
    except (psycopg.Error, ValueError):  # what they tell may hold the password
        raise BadInput("DATABASE_URL is no address of a PostgreSQL: write postgresql://user@host:5432/name.") from None
    for key in ("host", "hostaddr"):
        hosts = [host for host in str(parts.get(key) or "").split(",") if host]
        for position, host in enumerate(hosts):
            if not host.startswith(("/", "@")):
                yield Destination(_host(host), ports[min(position, len(ports) - 1)], "DATABASE_URL")


def _providers(path: Path) -> Iterator[Destination]:
    """Whoever is asked at sign-in. What else is wrong in the file is told where it is read in full."""
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"The providers to sign in with cannot be read from {path}: {error}.") from error
    for kind, key in (("oidc", "issuer"), ("ldap", "url")):
        entries = written.get(kind)
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and isinstance(entry.get(key), str):
                yield _of_url(entry[key], f"BRICKYARD_SIGN_IN_FILE, {kind} '{entry.get('name', '')}'")


def _of_url(url: str, setting: str) -> Destination:
    try:
        parts = urlsplit(url.strip())
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise _no_address(url, setting) from error
    if not parts.hostname:
        raise _no_address(url, setting)
    return Destination(_host(parts.hostname), port, setting)


def _listed(text: str, setting: str) -> Iterator[Destination]:
    """`host`, `host:port`, `[address]:port`, with commas between them."""
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        if literal(part) is not None:
            yield Destination(_host(part), None, setting)
            continue
        try:
            parts = urlsplit(f"//{part}")
            port = parts.port
        except ValueError as error:
            raise _no_address(part, setting) from error
        if not parts.hostname or parts.path or "@" in part:
            raise _no_address(part, setting)
        yield Destination(_host(parts.hostname), port, setting)


def _host(host: str) -> str:
    address = literal(host)
    return name_of(host) if address is None else str(address)


def _no_address(text: str, setting: str) -> BadInput:
    hidden = text.rpartition("@")[2]
    return BadInput(
        f"{setting} has {hidden!r}, which is no address. Write host or host:port, or a whole URL for servers."
    )
