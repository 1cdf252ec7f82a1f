"""Takes from a process, for good, the means to reach any machine: the kernel opens no such socket for it any more.

A seccomp filter, for processes that talk over local sockets alone. It holds for machine code as for Python, and for
every program that the process starts. Linux on x86-64 and 64-bit ARM; numbers are those of the kernel's tables
(arch/x86/entry/syscalls/syscall_64.tbl and asm-generic/unistd.h).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct
import sys

LOCAL_FAMILIES = (1, 16)
"""AF_UNIX, and AF_NETLINK, which leads to the kernel and no further."""

SOCKET = {"x86_64": 41, "aarch64": 198}
SECCOMP = {"x86_64": 317, "aarch64": 277}
MACHINE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""What the kernel calls the machine (AUDIT_ARCH)."""
IO_URING_SETUP = 425
"""A ring opens sockets without the call that is filtered."""
X32 = 0x40000000
"""From here on, numbers of x86-64 are those of another way to call the same."""

PR_SET_NO_NEW_PRIVS = 38
SET_MODE_FILTER, ALL_THREADS = 1, 1

# Where the kernel puts what a filter may look at: struct seccomp_data, little-endian.
_NUMBER, _MACHINE, _FIRST = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000

Step = tuple[int, int, int, int]
"""An instruction of the kernel's packet filter: code, steps to skip where true, where false, and its operand."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def stay_offline() -> bool:
    """Whether the kernel lets it. For all threads of this process and its children; nothing undoes it."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in MACHINE:
        return False
    packed = b"".join(struct.pack("<HBBI", *step) for step in _program(machine))
    filtering = _Program(len(packed) // 8, packed)
    libc = ctypes.CDLL(None)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    call = ctypes.c_long(SECCOMP[machine])
    return bool(libc.syscall(call, SET_MODE_FILTER, ALL_THREADS, ctypes.byref(filtering)) == 0)


def is_offline() -> bool:
    """Found out by trying; nothing is sent."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.socket(family, socket.SOCK_DGRAM).close()
        except OSError:
            continue
        return False
    return True


def _program(machine: str) -> list[Step]:
    not_permitted, no_such_call = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    local = [step for family in LOCAL_FAMILIES for step in ((_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW))]
    # What libraries expect where a machine lacks IPv6, and can live with.
    refused = (_RETURN, 0, 0, _ERROR | errno.EAFNOSUPPORT)
    return [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 1, 0, MACHINE[machine]),
        (_RETURN, 0, 0, not_permitted),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, X32),
        (_RETURN, 0, 0, not_permitted),
        (_EQUAL, 0, 1, IO_URING_SETUP),
        (_RETURN, 0, 0, no_such_call),
        (_EQUAL, 1, 0, SOCKET[machine]),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST),
        *local,
        refused,
    ]
