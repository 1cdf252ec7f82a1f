"""A job as a row would give it, for tests that need no database."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from brickyard.jobs.job import Job
from brickyard.jobs.states import JobState, Priority

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def job(**values: Any) -> Job:
    told = {
        "id": UUID(int=1),
        "pipeline": "toy",
        "queue": "default",
        "owner": "ada",
        "priority": Priority.STANDARD,
        "params": {},
        "work_s": 100.0,
        "state": JobState.RUNNING,
        "attempts": 1,
        "max_attempts": 5,
        "crashes": 0,
        "run_after": THEN,
        "created_at": THEN,
        "keep_for_s": 1.0,
        "has_workflow": True,
        "warnings": [],
        **values,
    }
    return Job(**{field.name: told.get(field.name) for field in fields(Job)})
