from __future__ import annotations

import pytest

from brickyard.gateway.room import Room
from brickyard.kit.errors import Busy


def test_whoever_comes_to_a_full_room_is_told_to_come_again() -> None:
    room = Room(2)
    with room.place(), room.place():
        with pytest.raises(Busy, match="2 requests") as refused, room.place():
            pass
        assert refused.value.retry_after_s > 0
    with room.place():
        pass


def test_a_place_is_free_again_after_an_error() -> None:
    room = Room(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), room.place():
            raise ValueError("broken")
