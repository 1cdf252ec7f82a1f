"""What a child may not ask of the kernel: a seccomp filter, written out by hand. Linux on x86-64 and 64-bit ARM.

What is refused answers EPERM, so that a library which only tries goes on; nothing needs the other side to know.
Numbers are those of the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl and asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Sequence

REFUSED: dict[str, tuple[int | None, int | None]] = {
    # No new connection, and nobody may connect to it. What it was given, it may still read and write.
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    # No other program, and no process beside it; threads are let through below.
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    # No look into other processes, no word to them, and no change of when they run.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # No memory, semaphores or queues of others: PostgreSQL runs under the same user and has such.
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # No other view of the file system, and no way out of the name spaces it is in.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    # No links that others would follow, no devices or pipes.
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mknod": (133, None),
    "mknodat": (259, 33),
    # No change of who may read a file: Landlock has no say in that.
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    # No files by number, which passes every folder, and no watching of what others do.
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    # No program inside the kernel, and nothing that has often been a way into it.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "vmsplice": (278, 75),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "personality": (135, 92),
    # No rule over the machine.
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, None),
    "ioperm": (173, None),
}
"""The number on x86-64, and on 64-bit ARM; None where it has no such call."""

CLONE, CLONE3, KILL, TGKILL, PRLIMIT, PRCTL = (56, 220), (435, 435), (62, 129), (234, 131), (302, 261), (157, 167)
SECCOMP = (317, 277)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""The column of the tables, and what the kernel calls the machine (AUDIT_ARCH)."""

CLONE_THREAD = 0x00010000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_PTRACER = 1, 4, 0x59616D61
X32 = 0x40000000
"""In the numbers of calls from 32-bit pointers on x86-64: the same calls by other numbers."""

SET_MODE_FILTER, ALL_THREADS = 1, 1
PR_SET_SECCOMP, MODE_FILTER = 22, 2

# Where the kernel puts what the filter may look at: struct seccomp_data, little-endian.
_NUMBER, _MACHINE, _FIRST = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_NOT_PERMITTED, _NO_SUCH_CALL = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS

Step = tuple[int, int, int, int]
"""An instruction of the kernel's packet filter: code, steps to skip where true, where false, and its operand."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def install() -> bool:
    """For this process, all its threads, for good; whether the kernel lets it. Needs PR_SET_NO_NEW_PRIVS."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    packed = b"".join(struct.pack("<HBBI", *step) for step in program(*machine, os.getpid()))
    filtering = _Program(len(packed) // 8, packed)
    libc = ctypes.CDLL(None, use_errno=True)
    number = ctypes.c_long(SECCOMP[machine[0]])
    if libc.syscall(number, SET_MODE_FILTER, ALL_THREADS, ctypes.byref(filtering)) == 0:
        return True
    return bool(libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(filtering), 0, 0) == 0)


def program(column: int, machine: int, own: int) -> list[Step]:
    """For the process of number `own`. Each check is passed over where it is about another call."""
    steps: list[Step] = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, X32),
        (_RETURN, 0, 0, _NOT_PERMITTED),
    ]
    for numbers in REFUSED.values():
        steps += _on(numbers[column], [(_RETURN, 0, 0, _NOT_PERMITTED)])
    # The C library falls back to clone, whose flags can be looked at; those of clone3 lie in memory.
    steps += _on(CLONE3[column], [(_RETURN, 0, 0, _NO_SUCH_CALL)])
    steps += _on(CLONE[column], _only_if((_ANY_BIT, 0, 1, CLONE_THREAD)))
    # A crash is told by a signal to oneself.
    for numbers in (KILL, TGKILL):
        steps += _on(numbers[column], _only_if((_EQUAL, 0, 1, own)))
    # Limits of its own it may lower; those of the server would end the server.
    steps += _on(PRLIMIT[column], [(_LOAD, 0, 0, _FIRST), *_passes(0), *_passes(own), (_RETURN, 0, 0, _NOT_PERMITTED)])
    steps += _on(PRCTL[column], _unless(PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_PTRACER))
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _on(number: int | None, check: Sequence[Step]) -> list[Step]:
    """`check`, which ends in an answer, where the call is `number`. The number is what is loaded before and after."""
    return [] if number is None else [(_EQUAL, 0, len(check), number), *check]


def _only_if(test: Step) -> list[Step]:
    """`test`, of the first argument, skips one step where it is false."""
    return [(_LOAD, 0, 0, _FIRST), test, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _NOT_PERMITTED)]


def _passes(value: int) -> list[Step]:
    return [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]


def _unless(*values: int) -> list[Step]:
    refused = [step for value in values for step in ((_EQUAL, 0, 1, value), (_RETURN, 0, 0, _NOT_PERMITTED))]
    return [(_LOAD, 0, 0, _FIRST), *refused, (_RETURN, 0, 0, _ALLOW)]
