from __future__ import annotations

from uuid import uuid4

from brickyard.echo.editing.memory import RECORDINGS, REVISIONS, Memory
from brickyard.echo.revised import Revised
from brickyard.text.editing import Document


def test_the_newest_revisions_and_recordings_are_kept() -> None:
    memory, job = Memory(), uuid4()
    recordings = [uuid4() for _ in range(RECORDINGS + 1)]
    for recording in recordings:
        for number in range(1, REVISIONS + 2):
            memory.put(recording, Revised(number, job, Document()))
    assert memory.get(recordings[0], REVISIONS + 1) is None
    assert memory.get(recordings[1], 1) is None
    assert memory.get(recordings[1], 2) == Revised(2, job, Document())


def test_what_is_asked_for_stays() -> None:
    memory, revised = Memory(), Revised(1, uuid4(), Document())
    first, *others = [uuid4() for _ in range(RECORDINGS + 1)]
    memory.put(first, revised)
    for recording in others[:-1]:
        memory.put(recording, revised)
    memory.get(first, 1)
    memory.put(others[-1], revised)
    assert memory.get(first, 1) is revised
    assert memory.get(others[0], 1) is None
