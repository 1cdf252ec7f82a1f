from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
from pathlib import Path
from typing import NamedTuple

import pytest

from brickyard.cli import doctor
from brickyard.cli.doctor import Finding, examine
from brickyard.cli.up import free_port
from brickyard.kit.errors import Unavailable
from brickyard.kit.settings import Settings


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "not" / "yet" / "there", port=free_port())


def found(settings: Settings, what: str) -> Finding:
    [finding] = [finding for finding in examine(settings) if finding.what == what]
    return finding


def test_here_nothing_that_is_needed_is_missing(settings: Settings) -> None:
    findings = examine(settings)
    assert [finding for finding in findings if finding.needed and not finding.good] == []
    assert {"Python", "PostgreSQL", "data folder", "asr models", "diarize models"} <= {f.what for f in findings}
    assert "moonshine-tiny-en" in found(settings, "asr models").seen


def test_what_is_missing_comes_with_what_to_do(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    def none() -> Path:
        raise Unavailable("Install the wheel, or set DATABASE_URL.")

    monkeypatch.setattr(doctor, "find_binaries", none)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.28"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 9, 1))
    missing = [finding for finding in examine(settings) if not finding.good]
    assert {"C library", "PostgreSQL", "disk", "asr models", "diarize models"} <= {f.what for f in missing}
    assert all(finding.mend for finding in missing)
    assert found(settings, "PostgreSQL").mend == "Install the wheel, or set DATABASE_URL."


@pytest.mark.parametrize(
    ("libc", "good"),
    [(("glibc", "2.34"), True), (("glibc", "2.9"), False), (("glibc", "3.0"), True), (("", ""), False)],
)
def test_the_c_library(settings: Settings, monkeypatch: pytest.MonkeyPatch, libc: tuple[str, str], good: bool) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    assert found(settings, "C library").good is good


def test_a_database_that_is_named_is_taken(settings: Settings) -> None:
    own = settings.model_copy(update={"database_url": "postgresql://db/brickyard"})
    finding = found(own, "PostgreSQL")
    assert (finding.good, finding.seen) == (True, "named by DATABASE_URL")
    assert "setpriv" not in {finding.what for finding in examine(own)}


@pytest.mark.parametrize(
    ("user", "path", "good"), [(0, None, [False]), (0, "/usr/bin/setpriv", [True]), (1000, None, [])]
)
def test_root_needs_setpriv(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, user: int, path: str | None, good: list[bool]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(shutil, "which", lambda _: path)
    assert [finding.good for finding in examine(settings) if finding.what == "setpriv"] == good


def test_a_folder_that_cannot_be_written_is_told(settings: Settings) -> None:
    """Not even root can, in a file system that is not one of files."""
    finding = found(settings.model_copy(update={"home": Path("/proc/brickyard")}), "data folder")
    assert not finding.good
    assert "BRICKYARD_HOME" in finding.mend


def test_looking_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    examine(settings)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_worth_a_look_but_no_hindrance(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind((settings.host, 0))
        other.listen()
        finding = found(settings.model_copy(update={"port": other.getsockname()[1]}), "port")
    assert (finding.good, finding.needed) == (False, False)
    assert "BRICKYARD_PORT" in finding.mend


def test_a_model_store_that_is_not_there_is_told(settings: Settings, tmp_path: Path) -> None:
    own = settings.model_copy(update={"model_store": tmp_path / "models"})
    assert not found(own, "model store").good
    (tmp_path / "models").mkdir()
    assert "model store" not in {finding.what for finding in examine(own)}


def test_what_the_system_may_add_is_not_needed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "installed_modes", lambda: {("en", "es"): Path("mode")})
    monkeypatch.setattr(doctor.tesseract, "installed", lambda: None)
    assert found(settings, "apertium").seen == "en-es"
    reads = found(settings, "tesseract")
    assert (reads.good, reads.needed) == (False, False)
    assert "tesseract-ocr" in reads.mend
