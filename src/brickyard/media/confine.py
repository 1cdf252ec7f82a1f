"""What a child may do once it has loaded its code and before it sees the file: next to nothing, several times over.

    own network      a network of its own, with nothing in it; shared memory of its own too
    fewer rights     none of root's, but to open files whatever their mode
    files            Landlock: the interpreter's own, the one source, the one target
    system calls     seccomp: no sockets, programs, processes, links, looks into other processes
    limits           memory, computing, what is written, open files: inside.py sets these first

Each layer is put up where the kernel has it and the container lets it; the others hold without it. There is no limit
on the number of processes (RLIMIT_NPROC): it counts those of the user, so the server's own would be refused.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from brickyard.media import landlock, seccomp

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1 << 1

LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache")
FONTS = ("/usr/share/fonts", "/usr/share/X11/fonts", "/usr/local/share/fonts")
"""For pages of a PDF that brings no letters of its own."""
OF_ITSELF = ("/proc/self", "/dev/null", "/dev/zero", "/dev/urandom")

LAYERS = ("network", "files", "system calls")


def cut_off(parent: int) -> None:
    """Before anything is loaded, while there is one thread only: no network, no more rights, an end with its parent."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    # As root no user name space is needed, and files of root would not be its own inside one.
    wanted = CLONE_NEWNET | CLONE_NEWIPC | (CLONE_NEWUSER if os.geteuid() else 0)
    libc.unshare(wanted)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Nobody of the same user looks into its memory, where keys of files may lie, and none of it is dumped.
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getppid() != parent:  # it died before the request above could take effect
        sys.exit(1)


def confine(reads: Sequence[str], writes: Sequence[str]) -> None:
    """After everything is loaded that the call needs; `reads` and `writes` as of brickyard.media.child.run."""
    if sys.platform != "linux":
        return
    _drop_rights()
    landlock.install([*LIBRARIES, *FONTS, *OF_ITSELF, *_code(), *reads], writes)
    seccomp.install()


def _drop_rights() -> None:
    """All of root's but one: files that a container's root works on may belong to a user of the host."""
    libc = ctypes.CDLL(None)
    head = ctypes.create_string_buffer(struct.pack("<Ii", CAPABILITY_VERSION_3, 0), 8)
    held = ctypes.create_string_buffer(24)
    if libc.capget(head, held) != 0:
        return
    permitted = struct.unpack_from("<6I", held)[1]
    kept = permitted & CAP_DAC_OVERRIDE
    libc.capset(head, struct.pack("<6I", kept, kept, 0, 0, 0, 0))


def _code() -> Iterator[str]:
    """Where modules lie that may be loaded only now: the interpreter's, what is installed, and packages in use."""
    yield str(Path(sys.base_prefix) / "lib")
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield sysconfig.get_path(name)
    for name, module in list(sys.modules.items()):
        if "." not in name:
            yield from getattr(module, "__path__", ())


def look(report: Callable[[dict[str, Any]], None], network: str) -> dict[str, Any]:
    """Which of LAYERS hold here, found out by trying; `network` is that of the server. Runs in the child."""
    return {
        "network": str(Path("/proc/self/ns/net").readlink()) != network,
        "files": not _can_open("/"),
        "system calls": "\nSeccomp:\t2\n" in Path("/proc/self/status").read_text(),
    }


def _can_open(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return False
    return True
