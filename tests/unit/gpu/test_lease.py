from __future__ import annotations

from brickyard.gpu.lease import TOP_RANK, PriorityClass


def test_classes_are_ranked() -> None:
    ranked = sorted(PriorityClass, key=lambda priority: priority.rank, reverse=True)
    assert ranked == [PriorityClass.INTERACTIVE, PriorityClass.STANDARD, PriorityClass.BATCH]
    assert ranked[0].rank == TOP_RANK
