from __future__ import annotations

from pathlib import Path

import pytest

from brickyard.cli.compose_networks import Service, read
from brickyard.kit.errors import BadInput

COMPOSE = """
networks:
  inside: {internal: true}
  edge:
  far: {external: true}
services:
  proxy: {ports: ["443:443"], networks: [edge, inside]}
  web: {networks: {inside: {aliases: [www]}}}
  brick: {network_mode: none}
  probe: {network_mode: host}
  guest: {networks: [inside, far]}
  lost:
"""


def test_what_each_service_could_leave_by(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(COMPOSE)
    assert read(path) == [
        Service("proxy", ("edge",), True),
        Service("web", (), False),
        Service("brick", (), False),
        Service("probe", ("network_mode host",), False),
        Service("guest", ("far",), False),
        Service("lost", ("default",), False),
    ]


def test_the_implied_network_may_be_internal_too(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("networks: {default: {internal: true}}\nservices: {web: {image: x}}")
    assert read(path) == [Service("web", (), False)]
    path.write_text("networks: {default: {internal: false}}\nservices: {web: {image: x}}")
    assert read(path) == [Service("web", ("default",), False)]


@pytest.mark.parametrize("text", ["", "- a", "services: [web]", "services: {", "networks: {}"])
def test_other_files_are_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"notes\.yaml"):
        read(path)
    with pytest.raises(BadInput, match=r"absent\.yaml"):
        read(tmp_path / "absent.yaml")
