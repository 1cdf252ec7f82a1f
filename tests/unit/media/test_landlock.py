from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from brickyard.media import landlock


@pytest.mark.parametrize(("abi", "size_bytes"), [(1, 8), (2, 8), (3, 8), (4, 16), (5, 16), (6, 24), (7, 24), (99, 24)])
def test_each_version_is_asked_for_what_it_knows(abi: int, size_bytes: int) -> None:
    attributes = landlock.ruleset(abi)
    assert len(attributes) == size_bytes
    files, *others = struct.unpack(f"<{size_bytes // 8}Q", attributes)
    assert bool(files & landlock.TRUNCATE) == (abi >= 3)
    assert files.bit_length() == {1: 13, 2: 14, 3: 15, 4: 15}.get(abi, 16)
    assert all(word == 0b11 for word in others)


def test_more_is_refused_by_each_version_than_by_the_one_before() -> None:
    words = [struct.unpack_from("<Q", landlock.ruleset(abi))[0] for abi in range(1, 8)]
    assert all(after & before == before for before, after in pairwise(words))
    assert all(landlock.WRITE & word for word in words)
