from __future__ import annotations

import pytest

from brickyard.engines import heap


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("std::bad_alloc"),
        RuntimeError("CUDA failed with error out of memory"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"),
        RuntimeError("Status Message: std::bad_alloc"),
        RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 4096"),
    ],
)
def test_the_words_of_all_runtimes_for_no_room_are_known(error: Exception) -> None:
    assert heap.says_no_room(error)


@pytest.mark.parametrize("message", ["Invalid shape", "CUDA driver version is insufficient", ""])
def test_other_errors_are_not_taken_for_it(message: str) -> None:
    assert not heap.says_no_room(RuntimeError(message))


def test_what_was_freed_goes_back_to_the_system() -> None:
    kept = [bytearray(50_000) for _ in range(4000)]
    full_mib = heap.resident_mib()
    last = kept[-1]
    del kept
    heap.trim()
    assert full_mib - heap.resident_mib() > 100
    assert len(last) == 50_000
