"""What a decoder that hostile media took over might try next; run in a child by test_confine.

Each attempt fails with OSError where it is refused, whatever it asks the C library or the kernel for.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PR_SET_DUMPABLE, CLONE_NEWNET = 16, 4, 0x40000000
BYTES = ctypes.create_string_buffer(64)


def _called(name: str, *arguments: Any) -> None:
    """A function of the C library, past all that Python checks."""
    if getattr(LIBC, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _asked(number: int, *arguments: int) -> None:
    _called("syscall", *map(ctypes.c_long, (number, *arguments)))


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _connect(target: str) -> None:
    host, _, port = target.rpartition(":")
    socket.create_connection((host, int(port)), timeout=2).close()


CALLS: dict[str, Callable[[], object]] = {
    "an internet socket": lambda: socket.socket(socket.AF_INET),
    "a datagram socket": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "a local socket": lambda: socket.socket(socket.AF_UNIX),
    "a raw socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "connect": lambda: _called("connect", 1, BYTES, 16),
    "bind": lambda: _called("bind", 1, BYTES, 16),
    "listen": lambda: _called("listen", 1, 5),
    "accept": lambda: _called("accept", 1, None, None),
    "sendto": lambda: _called("sendto", 1, BYTES, 1, 0, BYTES, 16),
    "sendmsg": lambda: _called("sendmsg", 1, BYTES, 0),
    "another program": lambda: os.execv("/bin/true", ["true"]),
    "another program in a process of its own": lambda: subprocess.run(["/bin/true"], check=True),
    "posix_spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "fork": _fork,
    "ptrace of the parent": lambda: _called("ptrace", PTRACE_ATTACH, os.getppid(), None, None),
    "the memory of the parent": lambda: _called("process_vm_readv", os.getppid(), None, 0, None, 0, 0),
    "a descriptor of the parent": lambda: _asked(434, os.getppid(), 0),
    "a signal to the parent": lambda: os.kill(os.getppid(), signal.SIGCONT),
    "a signal to everybody": lambda: os.kill(-1, 0),
    "the limits of the parent": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CORE),
    "the priority of the parent": lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 5),
    "shared memory": lambda: _called("shmget", 0, 4096, 0o1600),
    "being dumped": lambda: _called("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0),
    "outliving the parent": lambda: _called("prctl", 1, 0, 0, 0, 0),
    "another network": lambda: _called("unshare", CLONE_NEWNET),
    "the network of the parent": lambda: _called("setns", 1, CLONE_NEWNET),
    "a mount": lambda: _called("mount", None, b"/proc", b"tmpfs", 0, None),
    "io_uring": lambda: _asked(425, 8, ctypes.addressof(BYTES)),
    "a file by number": lambda: _called("open_by_handle_at", 1, BYTES, 0),
}
"""None of them is about a file: seccomp has to refuse them."""

FILES: dict[str, Callable[[Path], object]] = {
    "reading what every program may": lambda _: Path("/etc/passwd").read_text(),
    "reading it by another way": lambda _: Path("/proc/self/root/etc/passwd").read_text(),
    "reading what lies beside the source": lambda source: (source.parent / "other").read_bytes(),
    "listing the folder of the source": lambda source: list(source.parent.iterdir()),
    "listing the machine": lambda _: list(Path("/").iterdir()),
    "writing to the source": lambda source: source.open("r+b").close(),
    "cutting the source short": lambda source: os.truncate(source, 0),
    "removing the source": lambda source: source.unlink(),
    "writing beside the source": lambda source: (source.parent / "new").write_text("new"),
    "writing to the temporary folder": lambda _: Path("/tmp/escaped").write_text("escaped"),
    "letting everybody read the source": lambda source: source.chmod(0o644),
    "the environment of the parent": lambda _: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    "the memory of the parent": lambda _: Path(f"/proc/{os.getppid()}/mem").read_bytes(),
    "the descriptors of the parent": lambda _: list(Path(f"/proc/{os.getppid()}/fd").iterdir()),
    "the devices": lambda _: Path("/dev/full").open("r+b").close(),
}

PLACES: dict[str, Callable[[Path, Path], object]] = {
    "a link to another file": lambda folder, source: (folder / "link").symlink_to("/etc/passwd"),
    "the source under another name": lambda folder, source: (folder / "link").hardlink_to(source),
    "moving the source here": lambda folder, source: source.rename(folder / "moved"),
    "a pipe that blocks who reads it": lambda folder, _: os.mkfifo(folder / "pipe"),
    "a device": lambda folder, _: os.mknod(folder / "device"),
    "a folder": lambda folder, _: (folder / "folder").mkdir(),
    "another owner": lambda folder, _: os.chown(folder, 12345, -1),
}
"""In the folder where it may write files."""


def _refusal(attempt: Callable[..., object], *arguments: Path) -> str | None:
    """The name of the error; None where it came through."""
    try:
        attempt(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return None


def try_calls(report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    return {what: _refusal(attempt) for what, attempt in CALLS.items()}


def try_files(report: Callable[[dict[str, Any]], None], source: str) -> dict[str, Any]:
    return {what: _refusal(attempt, Path(source)) for what, attempt in FILES.items()}


def try_places(report: Callable[[dict[str, Any]], None], folder: str, source: str) -> dict[str, Any]:
    return {what: _refusal(attempt, Path(folder), Path(source)) for what, attempt in PLACES.items()}


def work(report: Callable[[dict[str, Any]], None], source: str, folder: str, target: str) -> dict[str, Any]:
    """All that is allowed."""
    data = Path(source).read_bytes()
    Path(target).write_bytes(data)
    made = Path(folder) / "made"
    made.write_bytes(data)
    made.unlink()
    (Path(folder) / "kept").write_bytes(Path(target).read_bytes())
    done: list[int] = []
    thread = threading.Thread(target=done.append, args=(1,))
    thread.start()
    thread.join()
    return {"threads": len(done), "random": len(os.urandom(8))}


def load(report: Callable[[dict[str, Any]], None], modules: list[str]) -> dict[str, Any]:
    for name in modules:
        __import__(name)
    return {"threads": len(list(Path("/proc/self/task").iterdir()))}
