"""Which files a child may open, as Landlock has it: none but those it is given. Linux 5.13 and newer.

What kernels have learned since is used where they know it, by the version of their interface (ABI): cutting files
short (3), TCP (4), devices (5), sockets without a file and signals to others (6).
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

# Numbers of calls added since 2019 are the same on every machine.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
WHICH_VERSION = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_FILE, MAKE_REG, TRUNCATE = 1 << 5, 1 << 8, 1 << 14

READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_FILE | MAKE_REG | TRUNCATE
"""Files of the folder come and go; links, folders, pipes and devices do not."""
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
"""What can be said of one file; the kernel takes no more."""

FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All that a version knows, and thus all that is refused where no rule says otherwise."""
TCP = 0b11
ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


def version() -> int:
    """0 where the kernel has no Landlock, or has it switched off."""
    return max(0, _call(CREATE_RULESET, None, 0, WHICH_VERSION))


def install(reads: Iterable[str], writes: Iterable[str]) -> bool:
    """For this thread and those it starts, for good; whether the kernel lets it. Needs PR_SET_NO_NEW_PRIVS.

    Paths that are not there give no rights. Must be called while there is one thread only.
    """
    abi = version()
    if not abi:
        return False
    attributes = ruleset(abi)
    rules = _call(CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        return False
    try:
        known = struct.unpack_from("<Q", attributes)[0]
        given = [*((path, READ) for path in reads), *((path, WRITE) for path in writes)]
        return (
            all(_allow(rules, path, rights & known) for path, rights in given) and _call(RESTRICT_SELF, rules, 0) == 0
        )
    finally:
        os.close(rules)


def ruleset(abi: int) -> bytes:
    """struct landlock_ruleset_attr, as long as this version of it is."""
    files = FILE_RIGHTS[max(known for known in FILE_RIGHTS if known <= abi)]
    if abi < 4:
        return struct.pack("<Q", files)
    return struct.pack("<QQ", files, TCP) if abi < 6 else struct.pack("<QQQ", files, TCP, ABSTRACT_SOCKETS_AND_SIGNALS)


def _allow(rules: int, path: str, rights: int) -> bool:
    try:
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        rights = rights if stat.S_ISDIR(os.fstat(file).st_mode) else rights & OF_A_FILE
        return _call(ADD_RULE, rules, PATH_BENEATH, struct.pack("<Qi", rights, file), 0) == 0
    finally:
        os.close(file)


def _call(number: int, *arguments: int | bytes | None) -> int:
    """-1 where the kernel refuses."""
    words = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return int(ctypes.CDLL(None).syscall(ctypes.c_long(number), *words))
