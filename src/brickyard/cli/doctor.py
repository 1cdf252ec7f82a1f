"""`brickyard doctor`: what is missing here, and how to mend it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from brickyard.cli.up import port_is_free
from brickyard.engines import catalog, tesseract
from brickyard.engines.apertium import installed_modes
from brickyard.kit.errors import Unavailable
from brickyard.kit.postgres import find_binaries
from brickyard.kit.settings import Settings
from brickyard.media import child

LEAST_GLIBC = (2, 34)
LEAST_FREE_GB = 5.0
LEAST_MEMORY_GB = 4.0


@dataclass(frozen=True, slots=True)
class Finding:
    """`needed`: whether the platform can't run without it. `mend`: what to do where it is not `good`."""

    what: str
    good: bool
    seen: str
    mend: str = ""
    needed: bool = True


def examine(settings: Settings) -> list[Finding]:
    return [finding for check in CHECKS for finding in check(settings)]


def _python(_: Settings) -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding("Python", sys.version_info >= (3, 11), version, "Install Python 3.11 or newer.")


def _glibc(_: Settings) -> Iterator[Finding]:
    name, version = platform.libc_ver()
    if name != "glibc":
        yield Finding("C library", False, name or "unknown", "The speech models need a Linux with glibc 2.34 or newer.")
        return
    found = tuple(int(part) for part in version.split(".")[:2])
    yield Finding("C library", found >= LEAST_GLIBC, f"glibc {version}", "Use a system with glibc 2.34 or newer.")


def _postgres(settings: Settings) -> Iterator[Finding]:
    if settings.database_url:
        yield Finding("PostgreSQL", True, "named by DATABASE_URL")
        return
    try:
        yield Finding("PostgreSQL", True, f"embedded, {find_binaries()}")
    except Unavailable as error:
        yield Finding("PostgreSQL", False, "not found", error.message)
    if os.geteuid() == 0:
        found = shutil.which("setpriv")
        mend = "Install util-linux, or start as an ordinary user: PostgreSQL does not run as root."
        yield Finding("setpriv", found is not None, found or "not found", mend)


def _place(settings: Settings) -> Iterator[Finding]:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    mend = "Set BRICKYARD_HOME to a folder you may write to."
    yield Finding("data folder", _can_write(folder), str(settings.home), mend)
    free_gb = shutil.disk_usage(folder).free / 1e9
    yield Finding(
        "disk",
        free_gb >= LEAST_FREE_GB,
        f"{free_gb:.0f} GB free",
        f"Free {LEAST_FREE_GB:.0f} GB or more.",
        False,
    )


def _can_write(folder: Path) -> bool:
    """Tried rather than asked for: modes do not tell of read-only and special file systems."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _memory(_: Settings) -> Iterator[Finding]:
    total_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    mend = f"Have at least {LEAST_MEMORY_GB:.0f} GB; otherwise long recordings may fail."
    yield Finding("memory", total_gb >= LEAST_MEMORY_GB, f"{total_gb:.0f} GB", mend, needed=False)


def _port(settings: Settings) -> Iterator[Finding]:
    free = port_is_free(settings.host, settings.port)
    seen = f"{settings.port} is {'free' if free else 'taken, perhaps by a running platform'}"
    yield Finding("port", free, seen, "Stop what uses it, or set BRICKYARD_PORT.", needed=False)


def _models(settings: Settings) -> Iterator[Finding]:
    cards = catalog.installed(settings.model_store)
    for brick in ("asr", "diarize"):
        own = [card for card in cards if card.brick == brick]
        names = ", ".join(f"{card.name} ({card.engine})" for card in own)
        yield Finding(f"{brick} models", bool(own), names or "none", "Install the package moonshine-voice==0.1.0.")
    if settings.model_store and not Path(settings.model_store).is_dir():
        yield Finding(
            "model store",
            False,
            str(settings.model_store),
            "Make the folder, or unset BRICKYARD_MODEL_STORE.",
        )


def _programs(_: Settings) -> Iterator[Finding]:
    """What the system may add; without it the platform runs, with fewer languages."""
    reads = tesseract.installed()
    languages = ", ".join(sorted(reads.languages)) if reads else ""
    yield Finding(
        "tesseract",
        bool(languages),
        languages or "not installed",
        "For scripts other than Latin, Chinese and Japanese, install tesseract-ocr and tesseract-ocr-rus or alike.",
        needed=False,
    )
    pairs = ", ".join(f"{source}-{target}" for source, target in sorted(installed_modes()))
    yield Finding(
        "apertium",
        bool(pairs),
        pairs or "not installed",
        "For draft translations without a model, install apertium-eng-spa or alike.",
        needed=False,
    )


def _confinement(_: Settings) -> Iterator[Finding]:
    """What keeps the reader of uploads in its place, beside limits and its own process."""
    mends = {
        "network": "Allow user name spaces (sysctl user.max_user_namespaces); system calls are refused without it too.",
        "files": "Use Linux 5.13 or newer with lsm=landlock, in a container that lets its calls through.",
        "system calls": "Use a kernel with CONFIG_SECCOMP_FILTER, on x86-64 or 64-bit ARM.",
    }
    for layer, holds in child.confinement().items():
        seen = "holds" if holds else "not here"
        yield Finding(f"confinement: {layer}", holds, seen, mends[layer], needed=False)


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _python,
    _glibc,
    _postgres,
    _place,
    _memory,
    _port,
    _models,
    _programs,
    _confinement,
)
