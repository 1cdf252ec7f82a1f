"""Takes recordings in: a file is checked, kept and its job submitted, all together or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from brickyard.echo.recordings import store
from brickyard.echo.recordings.schemas import Recording, Submitted, TranscribeOptions, Webhook
from brickyard.files.recordings import Arrived, RecordingFiles
from brickyard.jobs.job import NewJob
from brickyard.jobs.store import submit
from brickyard.jobs.webhook_rules import check_url
from brickyard.jobs.webhooks import register
from brickyard.kit.errors import Conflict
from brickyard.media.limits import Limits
from brickyard.media.probe import Probe, probe

PIPELINE = "transcribe"
UNNAMED = "recording"


@dataclass(frozen=True)
class Recordings:
    """`check` raises Unsupported for what no engine here can do. `webhook_hosts`: who may be told of ended jobs."""

    engine: sa.Engine
    files: RecordingFiles
    limits: Limits
    check: Callable[[TranscribeOptions], None]
    keep_jobs_s: float
    webhook_hosts: frozenset[str] = frozenset()

    async def add(
        self, name: str, stream: BinaryIO, options: TranscribeOptions, owner: str, webhook: Webhook | None = None
    ) -> Submitted:
        """Raises BadMedia, TooLarge, BadInput or Unsupported; then nothing is left of the file."""
        self.check(options)
        if webhook is not None:
            check_url(webhook.url, self.webhook_hosts)
        arrived = await run_in_threadpool(self.files.receive, stream)
        try:
            found = await probe(arrived.path, self.limits)
            return await run_in_threadpool(self._keep, name, arrived, found, options, owner, webhook)
        finally:
            self.files.drop(arrived)

    def transcribe_again(self, recording: UUID, options: TranscribeOptions, owner: str) -> Submitted:
        """A new job over a recording that is here already; its transcript replaces the old one."""
        self.check(options)
        found = self.get(recording, owner)
        with self.engine.begin() as connection:
            job = submit(connection, self._job(found.id, found.duration_s, options, owner))
        return Submitted(recording=self.get(recording, owner), job=job)

    def get(self, recording: UUID, owner: str) -> Recording:
        return store.get(self.engine, recording, owner)

    def newest(self, owner: str, limit: int = 200) -> list[Recording]:
        return store.newest(self.engine, owner, limit)

    def delete(self, recording: UUID, owner: str) -> None:
        """Delete the recording, its files and its transcript. Raises Conflict while a job works on it."""
        self.get(recording, owner)
        query = sa.text("""
            SELECT count(*) FROM jobs WHERE params ->> 'recording' = :id AND state IN ('waiting', 'running', 'paused')
            """)
        with self.engine.connect() as connection:
            if connection.execute(query, {"id": str(recording)}).scalar_one():
                raise Conflict("A job is still working on this recording. Cancel it first, or wait for its end.")
        store.delete(self.engine, recording, owner)
        self.files.delete(recording)

    def sweep(self) -> list[str]:
        return self.files.sweep(store.ids(self.engine))

    def _keep(
        self,
        name: str,
        arrived: Arrived,
        found: Probe,
        options: TranscribeOptions,
        owner: str,
        webhook: Webhook | None,
    ) -> Submitted:
        """Row, file and job. The file moves last before the commit; where that fails, it goes again."""
        recording = uuid4()
        duration_s = found.duration_s or 0.0
        row = {
            "id": recording,
            "owner": owner,
            "name": clean_name(name),
            "sha256": arrived.sha256,
            "size_bytes": arrived.size_bytes,
            "container": found.container,
            "duration_s": duration_s,
            "has_video": found.has_video,
        }
        try:
            with self.engine.begin() as connection:
                store.insert(connection, row)
                job = submit(connection, self._job(recording, duration_s, options, owner))
                secret = self._tell_at_the_end(connection, job, webhook)
                self.files.keep(arrived, recording)
        except BaseException:
            self.files.delete(recording)
            raise
        return Submitted(recording=self.get(recording, owner), job=job, webhook_secret=secret)

    def _tell_at_the_end(self, connection: sa.Connection, job: UUID, webhook: Webhook | None) -> str | None:
        if webhook is None:
            return None
        return register(connection, job, webhook.url, webhook.secret, self.webhook_hosts)

    def _job(self, recording: UUID, duration_s: float, options: TranscribeOptions, owner: str) -> NewJob:
        return NewJob(
            pipeline=PIPELINE,
            owner=owner,
            params={"recording": str(recording), **options.model_dump(mode="json", exclude={"priority"})},
            priority=options.priority.value_for_jobs,
            work_s=duration_s,
            unique_key=f"{PIPELINE}:{recording}",
            keep_for_s=self.keep_jobs_s,
        )


def clean_name(name: str) -> str:
    """The last part of a path, without control characters, of a length that people can read."""
    last = Path(name.replace("\\", "/")).name
    visible = "".join(letter for letter in last if letter.isprintable()).strip()
    return visible[:200] or UNNAMED
