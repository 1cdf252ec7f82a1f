"""Requests in one line, for tests."""

from __future__ import annotations

from brickyard.gpu.lease import LeaseKind, Model, PriorityClass, Request

INTERACTIVE, STANDARD, BATCH = PriorityClass


def request(
    order: int,
    memory_mib: int = 10,
    priority: PriorityClass = STANDARD,
    *,
    asked_at: float = 0.0,
    kind: LeaseKind = LeaseKind.WORKING,
    holder: str = "h",
    device: str = "gpu",
    user: str = "",
    model: Model | None = None,
    limit_s: float | None = None,
) -> Request:
    return Request(
        f"r{order}",
        holder,
        device,
        memory_mib,
        priority,
        kind,
        asked_at,
        order,
        user=user,
        model=model,
        limit_s=limit_s,
    )
