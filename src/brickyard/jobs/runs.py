"""Runs jobs as DBOS workflows: one workflow a job, one DBOS step a step of its pipeline.

DBOS keeps which steps are done, hands a workflow to exactly one worker, and parks a worker that has lost it. Three
rules keep our `jobs` table and DBOS's own state in agreement:

- Only success is recorded in DBOS. A step that is stopped or fails leaves no trace there (it raises a BaseException,
  which DBOS does not record), so that it runs again when the job goes on.
- To stop a job: first its workflow is cancelled in DBOS, then its row moves. A crash in between leaves a running row
  without a worker, which is recovered like any crash.
- To let a job go on: its row moves, then `resume_workflow` puts the workflow back into DBOS's queue. A crash in
  between leaves an admitted job that no worker takes, and that is resumed again after a while.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, StepReservation
from dbos import error as dbos_error

from brickyard.jobs.checkpoints import Checkpoints, JobLost
from brickyard.jobs.context import StepContext, StepFailed, Stopped
from brickyard.jobs.hooks import Hook, chain
from brickyard.jobs.job import Job
from brickyard.jobs.pipeline import Pipeline, Pipelines, Step
from brickyard.jobs.policy import retry_pause_s
from brickyard.jobs.store import JobStore
from brickyard.kit import db
from brickyard.kit.errors import BadInput, BrickyardError, TooLarge, Unsupported
from brickyard.kit.logs import get

QUEUE = "jobs"
WORKFLOW = "run_job"
WORKFLOW_VERSION = "1"
"""Changes only when a begun job can't be continued by newer code; jobs of another version wait for ever."""
SCHEMA = "dbos"
POLL_S = 0.15

T = TypeVar("T")
log = get(__name__)


def _is_news(record: logging.LogRecord) -> bool:
    """DBOS reports every execution that we park, as an error too; parking is how jobs stop here."""
    error = record.exc_info[1] if record.exc_info else None
    parked = isinstance(error, dbos_error.DBOSAwaitedWorkflowCancelledError)
    return not parked and "Waiting for the recorded outcome" not in record.getMessage()


def client(engine: sa.Engine) -> DBOSClient:
    """For what is done to workflows from outside: enqueue, resume, cancel, delete."""
    return DBOSClient(system_database_engine=engine, dbos_system_schema=SCHEMA, serializer=DBOSPortableJSONSerializer())


def enqueue(to: DBOSClient, connection: sa.Connection, job: UUID) -> None:
    """Hand a job to DBOS within the caller's transaction."""
    to.enqueue_in_transaction(
        connection,
        {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": str(job),
            "app_version": WORKFLOW_VERSION,
        },
        str(job),
    )


def resume(to: DBOSClient, job: UUID) -> None:
    """Put the workflow of a begun job back into the queue, whichever worker had it."""
    to.resume_workflow(str(job), queue_name=QUEUE)


class Runs:
    """The running side, one a worker process."""

    def __init__(self, engine: sa.Engine, worker: str, slots: int, pipelines: Pipelines, hooks: Sequence[Hook]) -> None:
        self._engine = engine
        self._worker = worker
        self._slots = slots
        self._pipelines = pipelines
        self._hooks = hooks
        self._store = JobStore(engine)
        self._client: DBOSClient | None = None

    def launch(self) -> None:
        DBOS(
            config={
                "name": "brickyard",
                "system_database_engine": self._engine,
                "dbos_system_schema": SCHEMA,
                "executor_id": self._worker,
                "application_version": WORKFLOW_VERSION,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "WARNING",
            }
        )
        logging.getLogger("dbos").addFilter(_is_news)

        @DBOS.workflow(name=WORKFLOW)
        async def run_job(job_id: str) -> None:
            await self._workflow(job_id)

        DBOS.launch()
        DBOS.register_queue(QUEUE, worker_concurrency=self._slots, polling_interval_sec=POLL_S)
        self._client = client(self._engine)

    def shut_down(self) -> None:
        DBOS.destroy(destroy_registry=True)
        if self._client:
            self._client.destroy()

    async def _workflow(self, job_id: str) -> None:
        identity = UUID(job_id)
        await self._call(lambda: self._store.take(identity, self._worker))
        job = await self._call(lambda: self._store.get(identity))
        if job.worker != self._worker:
            raise dbos_error.DBOSWorkflowCancelledError(f"job {identity} is {job.state.value}, nothing to run")
        try:
            await chain(self._hooks, job, lambda: self._run(job))()
        except Stopped as stop:
            wanted = stop.wanted
            await self._park(job, lambda: self._store.stop(job.id, self._worker, wanted))
        except StepFailed as failure:
            await self._after_failure(job, failure.error)
        except BrickyardError as error:
            await self._after_failure(job, error)

    async def _run(self, job: Job) -> None:
        pipeline = self._pipelines.get(job.pipeline)
        if pipeline is None:
            known = ", ".join(sorted(self._pipelines))
            raise Unsupported(f"This worker knows no pipeline '{job.pipeline}'; it knows {known}.")
        results = await self._run_steps(job, pipeline)
        said = [w for r in results.values() if isinstance(r, dict) for w in r.get("warnings", [])]
        warnings = list(dict.fromkeys(said))
        last = results[pipeline.steps[-1].name]
        await self._call(lambda: self._store.succeed(job.id, self._worker, last, warnings))

    async def _run_steps(self, job: Job, pipeline: Pipeline) -> dict[str, Any]:
        """Every step as soon as what it needs is done. Where one is stopped, others stop at their own next chunk;
        where one fails, the others are given up.

        DBOS knows a step by its number in the workflow, so the numbers are drawn first, in the pipeline's order.
        """
        tasks: dict[str, asyncio.Task[Any]] = {}
        for step in pipeline.steps:
            needs = {name: tasks[name] for name in step.needs}
            tasks[step.name] = asyncio.create_task(self._when_ready(job, step, DBOS.reserve_step(), needs))
        try:
            for task in asyncio.as_completed(tasks.values()):
                with suppress(Stopped):
                    await task
            return {name: task.result() for name, task in tasks.items()}
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _when_ready(
        self, job: Job, step: Step, place: StepReservation, needs: Mapping[str, asyncio.Task[Any]]
    ) -> Any:
        results = {name: await asyncio.shield(task) for name, task in needs.items()}
        return await place.run_async({"name": step.name}, self._step, job, step, results)

    async def _step(self, job: Job, step: Step, results: dict[str, Any]) -> Any:
        checkpoints = Checkpoints(self._engine, job.id, self._worker)
        context = StepContext(job, step.name, results, checkpoints)
        begun = time.monotonic()
        try:
            await self._call(lambda: checkpoints.begin(step.name))
            result = await step.run(context)
            busy_s = time.monotonic() - begun
            await self._call(lambda: checkpoints.end(step.name, socket.gethostname(), busy_s))
        except Exception as error:
            raise StepFailed(error) from error
        return result

    async def _after_failure(self, job: Job, error: Exception) -> None:
        """Try again later, or give up: what the input is to blame for is not tried again."""
        if isinstance(error, JobLost):
            log.warning("job belongs to another worker now", reason=str(error))
            raise dbos_error.DBOSWorkflowCancelledError(str(error))
        code = error.code if isinstance(error, BrickyardError) else "internal"
        message = str(error) if isinstance(error, BrickyardError) else f"{type(error).__name__}: {error}"
        hopeless = isinstance(error, BadInput | TooLarge | Unsupported) or code == "deadline"
        log.error("attempt failed", attempt=job.attempts, code=code, exc_info=error)
        if hopeless or job.attempts >= job.max_attempts:
            await self._park(job, lambda: self._store.fail(job.id, self._worker, code, message))
        pause_s = retry_pause_s(job.attempts, random.random())
        await self._park(job, lambda: self._store.retry(job.id, self._worker, code, message, pause_s))

    async def _park(self, job: Job, move: Callable[[], bool]) -> None:
        """Leave the job: never returns. See the rules at the top for the order."""
        assert self._client is not None
        to = self._client
        await self._call(lambda: to.cancel_workflow(str(job.id)))
        await self._call(move)
        raise dbos_error.DBOSWorkflowCancelledError(f"job {job.id} left by worker {self._worker}")

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.to_thread(db.patiently, call)
