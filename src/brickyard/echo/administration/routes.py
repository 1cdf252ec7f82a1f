"""`/api/v1/admin/overview` and `/history`: how the platform does, for administrators and auditors."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from brickyard.access.policy import Action
from brickyard.echo.administration import history, storage
from brickyard.echo.administration.history import Hours
from brickyard.echo.administration.overview import Platform
from brickyard.echo.administration.schemas import History, Keepers, Overview
from brickyard.echo.identity import needs


def router(platform: Platform) -> APIRouter:
    api = APIRouter(prefix="/admin", tags=["administration"], dependencies=[needs(Action.PLATFORM_SEE)])

    @api.get("/overview")
    async def overview() -> Overview:
        """The platform now: card, models, queue, workers, storage and people, at most two seconds old. What does not
        answer is null, and `reasons` says why."""
        return await platform.overview()

    @api.get("/history")
    async def looking_back(
        hours: Annotated[Hours, Query(description="24: by the hour; 168 and 720: by the day, in UTC")] = Hours.DAY,
    ) -> History:
        """What was done of late: jobs, waits and speeds over time and by class, and who had how much."""
        return await run_in_threadpool(history.read, platform.engine, hours, platform.clock())

    @api.get("/storage")
    def kept_by() -> Keepers:
        """How much each person and each team keeps."""
        return storage.read(platform.engine)

    return api
