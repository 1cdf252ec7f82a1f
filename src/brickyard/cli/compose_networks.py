"""Which services of compose files could reach other machines, as the files have it. Pure but for reading them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from brickyard.kit.errors import BadInput

IMPLIED = "default"
"""The network of services that name none."""


@dataclass(frozen=True, slots=True)
class Service:
    """`open_through`: networks that are not internal; `published`: whether others reach it, as the edge has to be."""

    name: str
    open_through: tuple[str, ...]
    published: bool


def read(path: Path) -> list[Service]:
    """Raises BadInput where the file is none of compose's."""
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadInput(f"{path} cannot be read as a compose file: {error}.") from error
    if not isinstance(written, dict) or not isinstance(written.get("services"), dict):
        raise BadInput(f"{path} has no services, so it is no compose file.")
    return list(services(written))


def services(written: Mapping[str, Any]) -> Iterator[Service]:
    networks = _table(written.get("networks"))
    internal = {name for name, network in networks.items() if _table(network).get("internal") is True}
    for name, given in written["services"].items():
        service = _table(given)
        own = _networks_of(service)
        yield Service(str(name), tuple(sorted(set(own) - internal)), bool(service.get("ports")))


def _networks_of(service: Mapping[str, Any]) -> list[str]:
    mode = service.get("network_mode")
    if mode == "none":
        return []
    if mode:
        return [f"network_mode {mode}"]
    return list(service.get("networks") or [IMPLIED])


def _table(value: object) -> Mapping[str, Any]:
    """What stands empty, as networks often do, is an empty table."""
    return value if isinstance(value, dict) else {}
