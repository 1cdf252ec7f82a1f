"""The process's own memory in RAM: how much of it is resident, and giving back what was freed.

The C library keeps freed memory for the next allocation. After a model was let go of, that is most of what it took.
"""

from __future__ import annotations

import ctypes
import gc

import psutil

MIB = 1 << 20

_NO_ROOM = ("out of memory", "bad_alloc", "failed to allocate", "allocate memory", "_alloc_failed")


def resident_mib() -> int:
    return int(psutil.Process().memory_info().rss // MIB)


def trim() -> None:
    """Gives freed memory back to the system, where the C library can (glibc; others do so by themselves, or not)."""
    gc.collect()
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


def says_no_room(error: Exception) -> bool:
    """Whether a runtime's error stands for memory that was not to be had: most of them tell by their text alone."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return any(sign in text for sign in _NO_ROOM)
