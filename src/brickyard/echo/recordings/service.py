"""Takes recordings in: a file is checked, kept and its job submitted, all together or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from brickyard.access.actor import Actor
from brickyard.access.sharing import is_member
from brickyard.echo.limits import Limits as People
from brickyard.echo.limits import Name, check_size
from brickyard.echo.recordings import store
from brickyard.echo.recordings.schemas import (
    Additions,
    Recording,
    Redo,
    Submitted,
    TranscribeOptions,
    UploadFields,
    Webhook,
)
from brickyard.echo.recordings.vault import Vault
from brickyard.files.recordings import Arrived, Receiver, RecordingFiles
from brickyard.jobs.job import NewJob
from brickyard.jobs.states import Priority
from brickyard.jobs.store import submit
from brickyard.jobs.webhook_rules import check_url
from brickyard.jobs.webhooks import register
from brickyard.kit.errors import BadInput, Conflict, NotFound, TooManyRequests
from brickyard.kit.sealed import Stored
from brickyard.media.limits import Limits
from brickyard.media.probe import Probe, probe

PIPELINE = "transcribe"
ADDITIONS = "additions"
REDO = "redo"
LONGEST_REDO_S = 300.0
ROUNDED_S = 0.01
UNNAMED = "recording"
TOLD_AGAIN_S = 60.0

Erase = Callable[[UUID, Actor, str], None]
"""Deletes a recording and all that was made of it, for a reason. Raises Conflict where that can't be."""


@dataclass(frozen=True)
class Recordings:
    """`check` raises Unsupported for what no engine here can do. `webhook_hosts`: who may be told of ended jobs.

    `limits`: what the settings allow; `people`: what administrators do, within that.
    """

    engine: sa.Engine
    files: RecordingFiles
    vault: Vault
    limits: Limits
    check: Callable[[TranscribeOptions], None]
    erase: Erase
    keep_jobs_s: float
    webhook_hosts: frozenset[str] = frozenset()
    people: People | None = None

    def limits_now(self) -> Limits:
        """Of one recording."""
        if self.people is None:
            return self.limits
        now = self.people.values()
        return replace(
            self.limits,
            max_duration_s=now.get(Name.DURATION_S, self.limits.max_duration_s),
            max_size_bytes=int(now.get(Name.UPLOAD_BYTES, self.limits.max_size_bytes)),
        )

    def receiver(self) -> Receiver:
        """For a file that is about to arrive."""
        return self.files.receiver(self.vault.new_key())

    def check_wishes(self, fields: UploadFields, actor: Actor) -> None:
        """Raises Unsupported, BadInput or NotFound for what can't be done, before anything arrives."""
        self.check(fields.options)
        if fields.webhook is not None:
            check_url(fields.webhook.url, self.webhook_hosts)
        if fields.team is not None and not is_member(self.engine, fields.team, actor.id):
            raise NotFound(f"team: there is no team {fields.team} of which you are a member.")

    def check_jobs_of(self, actor: Actor) -> None:
        """Raises TooManyRequests where the key has as many jobs going as it may have."""
        if actor.jobs_at_once is None:
            return
        going = store.jobs_going_for(self.engine, actor.credential)
        if going >= actor.jobs_at_once:
            message = f"This key has {going} jobs waiting or running; it may have {actor.jobs_at_once} at a time."
            raise TooManyRequests(f"{message} Send the next one when one has ended.", TOLD_AGAIN_S)

    def check_limits(self, actor: Actor, size_bytes: int = 0, *, transcribes: bool = True) -> None:
        """Raises TooLarge or TooManyRequests where somebody may not have so much more, or another job."""
        if self.people is not None:
            self.people.check(actor.id, size_bytes, transcribes=transcribes)

    def check_audio(self, actor: Actor, audio_s: float) -> None:
        """Raises TooManyRequests where that is more than somebody may have transcribed today."""
        if self.people is not None:
            self.people.check_audio(actor.id, audio_s)

    async def add(self, name: str, arrived: Arrived, fields: UploadFields, actor: Actor) -> Submitted:
        """Raises BadMedia, TooLarge, BadInput or Unsupported; then nothing is left of what has arrived."""
        try:
            self.check_wishes(fields, actor)
            limits = await run_in_threadpool(self.limits_now)
            check_size(arrived.size_bytes, {Name.UPLOAD_BYTES: limits.max_size_bytes})
            found = await probe(arrived.stored, limits)
            await run_in_threadpool(self.check_audio, actor, found.duration_s or 0.0)
            return await run_in_threadpool(self._keep, name, arrived, found, fields, actor)
        finally:
            self.files.drop(arrived)

    def transcribe_again(self, recording: UUID, options: TranscribeOptions, actor: Actor) -> Submitted:
        """A new job over a recording that is here already; its transcript replaces the old one."""
        self.check(options)
        self.check_jobs_of(actor)
        found = self.get(recording, actor)
        self.check_limits(actor)
        self.check_audio(actor, found.duration_s)
        return self._submit(self._job(found.id, found.duration_s, options, actor), found, actor)

    def add_to(self, recording: UUID, wanted: Additions, actor: Actor) -> Submitted:
        """A job that makes more of the transcript as it is now, edits included, and nothing else."""
        if not wanted.ask_for_something:
            raise BadInput("Say what to make: languages in translate_into, a template in summary, or ocr: true.")
        self.check(TranscribeOptions(**wanted.model_dump()))
        return self._more(recording, wanted, actor, ADDITIONS)

    def redo(self, recording: UUID, stretch: Redo, actor: Actor) -> Submitted:
        """A job that hears one stretch again, and writes a new revision where that came out better."""
        if not 0 < stretch.end - stretch.start <= LONGEST_REDO_S:
            raise BadInput(
                f"From {stretch.start:g} to {stretch.end:g} s: end must come after start, by {LONGEST_REDO_S:g} s at "
                "most. For more, have the recording transcribed again."
            )
        duration_s = self.get(recording, actor).duration_s
        if stretch.end > duration_s + ROUNDED_S:
            raise BadInput(f"end: the recording ends at {duration_s:.1f} s. Name a stretch that lies in it.")
        return self._more(recording, stretch, actor, REDO)

    def _more(self, recording: UUID, wanted: Additions | Redo, actor: Actor, pipeline: str) -> Submitted:
        """What needs a transcript that is there, and is no use of anybody's minutes of audio."""
        self.check_jobs_of(actor)
        found = self.get(recording, actor)
        self.check_limits(actor, transcribes=False)
        if not store.has_transcript(self.engine, recording):
            raise NotFound(
                "This recording has no transcript yet. Wait until it has been transcribed, then ask again; if that has "
                "failed, have it transcribed again."
            )
        return self._submit(self._job(found.id, found.duration_s, wanted, actor, pipeline), found, actor)

    def _submit(self, new: NewJob, found: Recording, actor: Actor) -> Submitted:
        """Raises Conflict where another job is over the recording."""
        try:
            with self.engine.begin() as connection:
                job = submit(connection, new)
        except Conflict as error:
            raise Conflict(
                "Another job over this recording is already waiting, running or paused. "
                "Wait until it has ended, or cancel it first."
            ) from error
        return Submitted(recording=self.get(found.id, actor), job=job)

    def get(self, recording: UUID, actor: Actor) -> Recording:
        return store.get(self.engine, recording, actor.id)

    def newest(self, actor: Actor, limit: int = 200) -> list[Recording]:
        return store.newest(self.engine, actor.id, limit)

    def rename(self, recording: UUID, name: str, actor: Actor) -> Recording:
        """Raises BadInput for a name of which nothing is left to read."""
        # Typed, not sent along with a file: a slash is part of the name rather than of a path.
        wanted = clean_name(name.replace("/", "-").replace("\\", "-"))
        if not name.strip() or wanted.strip(". ") == "":
            raise BadInput("name: nothing to read is in it. Send 1 to 200 letters.")
        store.rename(self.engine, recording, wanted)
        return self.get(recording, actor)

    def media(self, recording: UUID) -> tuple[Stored, str]:
        """What was uploaded, and its SHA-256."""
        return self.files.source(recording), store.sha256(self.engine, recording)

    def _keep(self, name: str, arrived: Arrived, found: Probe, fields: UploadFields, actor: Actor) -> Submitted:
        """Row, file and job. The file moves last before the commit; where that fails, it goes again."""
        recording = uuid4()
        duration_s = found.duration_s or 0.0
        row = {
            "id": recording,
            "owner": actor.id,
            "team": fields.team,
            "name": clean_name(name),
            "sha256": arrived.sha256,
            "size_bytes": arrived.size_bytes,
            "container": found.container,
            "duration_s": duration_s,
            "has_video": found.has_video,
            "wrapped_key": self.vault.wrapped(recording, arrived.stored.key),
        }
        try:
            with self.engine.begin() as connection:
                store.insert(connection, row)
                job = submit(connection, self._job(recording, duration_s, fields.options, actor))
                secret = self._tell_at_the_end(connection, job, fields.webhook)
                self.files.keep(arrived, recording)
        except BaseException:
            self.files.delete(recording)
            raise
        return Submitted(recording=self.get(recording, actor), job=job, webhook_secret=secret)

    def _tell_at_the_end(self, connection: sa.Connection, job: UUID, webhook: Webhook | None) -> str | None:
        if webhook is None:
            return None
        return register(connection, job, webhook.url, webhook.secret, self.webhook_hosts)

    def _job(
        self,
        recording: UUID,
        duration_s: float,
        wanted: Additions | Redo,
        actor: Actor,
        pipeline: str = PIPELINE,
    ) -> NewJob:
        by = {"user": actor.id, "via": actor.via, "credential": actor.credential}
        return NewJob(
            pipeline=pipeline,
            owner=actor.id,
            params={"recording": str(recording), "by": by, **wanted.model_dump(mode="json", exclude={"priority"})},
            priority=wanted.priority.value_for_jobs if isinstance(wanted, Additions) else Priority.INTERACTIVE,
            work_s=duration_s,
            # One job over a recording at a time, whatever it makes.
            unique_key=f"{PIPELINE}:{recording}",
            keep_for_s=self.keep_jobs_s,
        )


def clean_name(name: str) -> str:
    """The last part of a path, without control characters, of a length that people can read."""
    last = Path(name.replace("\\", "/")).name
    visible = "".join(letter for letter in last if letter.isprintable()).strip()
    return visible[:200] or UNNAMED
