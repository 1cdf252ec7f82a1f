"""Takes uploads in, over many requests, lost lines and restarts; a whole one becomes a recording."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect

from brickyard.access.actor import Actor
from brickyard.access.master import MasterKey
from brickyard.echo.recordings import store as recording_rows
from brickyard.echo.recordings.schemas import Recording
from brickyard.echo.recordings.service import TOLD_AGAIN_S, Recordings, clean_name
from brickyard.echo.uploads import store
from brickyard.echo.uploads.parts import Hashed, Writer, mend, remove
from brickyard.echo.uploads.schemas import UploadState, UploadView, wishes
from brickyard.echo.uploads.store import Upload
from brickyard.echo.uploads.turns import Turn, Turns
from brickyard.echo.uploads.tus import Checksum, DiskFull, Locked, WrongOffset
from brickyard.files.recordings import Arrived
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import BadInput, BadMedia, BrickyardError, Conflict, TooLarge, TooManyRequests
from brickyard.kit.logs import get
from brickyard.kit.sealed import Stored

KEPT_FOR = timedelta(days=7)
"""An upload that nobody goes on with is deleted after this."""
ENDED_KEPT_FOR = timedelta(days=1)
BATCH_BYTES = 1 << 20
"""The server gets some 64 KiB at a time; they are sealed in larger batches, to change threads less often."""
FULL = (errno.ENOSPC, errno.EDQUOT)

Met = Callable[[Actor, Recording], None]
"""Told when an upload has become a recording."""

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Coming:
    """What one request brings. `size_bytes`: of its body, where it says so."""

    pieces: AsyncIterator[bytes]
    size_bytes: int | None = None
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an upload stands after a request. `webhook_secret`: where one was made."""

    upload: Upload
    webhook_secret: str | None = None


class Uploads:
    """`folder`: where their files lie, on the disk of the recordings. `met` is told of those that became recordings."""

    def __init__(
        self,
        recordings: Recordings,
        master: MasterKey,
        folder: Path,
        met: Met = lambda actor, recording: None,
        clock: Clock = utc_now,
    ) -> None:
        self._recordings = recordings
        self._engine: sa.Engine = recordings.engine
        self._master = master
        self._folder = folder
        self._met = met
        self._clock = clock
        self._turns = Turns()
        self._hashed: dict[UUID, Hashed] = {}
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._background = ThreadPoolExecutor(4, thread_name_prefix="uploads")
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def max_bytes(self) -> int:
        return self._recordings.limits.max_size_bytes

    # ---- beginning and seeing

    def begin(self, metadata: str, length_bytes: int, actor: Actor) -> Upload:
        """Raises BadInput, TooLarge, Unsupported, NotFound, TooManyRequests or DiskFull, before anything arrives."""
        name, fields = wishes(metadata)
        if length_bytes == 0:
            raise BadInput("Upload-Length is 0: the file is empty. Choose another one.")
        self._recordings.files.check_size(length_bytes)
        self._recordings.check_limits(actor, length_bytes)
        self._recordings.check_wishes(fields, actor)
        self._check_quota(actor)
        self._check_room(length_bytes)
        identity, now = uuid4(), self._clock()
        key = self._recordings.vault.new_key()
        upload = Upload(
            id=identity,
            owner=actor.id,
            name=clean_name(name),
            metadata=metadata,
            length_bytes=length_bytes,
            offset_bytes=0,
            wrapped_key=None if key is None else self._master.wrap(key, _about(identity)),
            created_at=now,
            expires_at=now + KEPT_FOR,
            ended_at=None,
            recording=None,
            job=None,
            error=None,
        )
        Stored(self._path(identity), key).write_bytes(b"")
        store.insert(self._engine, upload, actor.credential)
        return upload

    def get(self, upload: UUID, actor: Actor) -> Upload:
        """Raises NotFound, also for somebody else's."""
        return store.get(self._engine, upload, actor.id, self._clock())

    def view(self, upload: UUID, actor: Actor) -> UploadView:
        return self._view(self.get(upload, actor))

    def newest(self, actor: Actor) -> list[UploadView]:
        return [self._view(found) for found in store.newest(self._engine, actor.id, self._clock())]

    async def where(self, upload: UUID, actor: Actor) -> Upload:
        """How far the upload is on the disk. A request that still waits for bytes of it is ended."""
        found = await asyncio.to_thread(self.get, upload, actor)
        turn = self._turns.of(upload)
        if found.state is not UploadState.arriving or (turn is not None and turn.is_checking):
            self.go_on(found, actor)
            return replace(found, offset_bytes=found.length_bytes)
        async with self._turns.take(upload, self._path(upload)):
            return await asyncio.to_thread(self._mended, upload, actor)

    def go_on(self, found: Upload | UploadView, actor: Actor) -> None:
        """Check a file, in the background, that had come whole when the server stopped."""
        if found.state is not UploadState.checking or found.id in self._tasks or self._turns.of(found.id) is not None:
            return
        task = self._tasks[found.id] = asyncio.get_running_loop().create_task(self._finish_later(found.id, actor))
        task.add_done_callback(lambda _: self._tasks.pop(found.id, None))

    # ---- receiving

    async def receive(self, upload: UUID, offset_bytes: int, coming: Coming, actor: Actor) -> Outcome:
        """Raises WrongOffset, Locked, TooLarge, WrongChecksum or DiskFull, and what the file is refused for."""
        found = await asyncio.to_thread(self.get, upload, actor)
        if found.ended_at is not None:
            raise Conflict(f"The upload {upload} has ended: it is {found.state}. Begin a new one.")
        async with self._turns.take(upload, self._path(upload)) as turn:
            found = await asyncio.to_thread(self._mended, upload, actor)
            _check_place(found, offset_bytes, coming.size_bytes)
            if found.offset_bytes < found.length_bytes:
                found = await self._receive(found, coming, turn)
            if found.offset_bytes < found.length_bytes:
                return Outcome(found)
            turn.is_checking = True
            return await self._finish(found, actor)

    async def delete(self, upload: UUID, actor: Actor) -> None:
        """What has come of it goes; a recording that it has become stays."""
        found = await asyncio.to_thread(self.get, upload, actor)
        if found.ended_at is None:
            async with self._turns.take(upload, self._path(upload)):
                await asyncio.to_thread(self._forget, upload)
        await asyncio.to_thread(store.delete, self._engine, upload)

    async def _receive(self, found: Upload, coming: Coming, turn: Turn) -> Upload:
        try:
            turn.writer = writer = await asyncio.to_thread(self._writer, found, coming.checksum)
        except OSError as error:
            raise _told(error) from error
        try:
            offset_bytes = await self._pour(writer, coming, found.length_bytes, turn)
        except OSError as error:
            saved = await asyncio.to_thread(store.get, self._engine, found.id, found.owner, self._clock())
            await asyncio.to_thread(mend, self._stored(found), saved.offset_bytes)
            raise _told(error) from error
        finally:
            turn.writer = None
            self._hashed[found.id] = writer.hashed
        return replace(found, offset_bytes=offset_bytes, expires_at=self._clock() + KEPT_FOR)

    async def _pour(self, writer: Writer, coming: Coming, length_bytes: int, turn: Turn) -> int:
        """Into the file, until the body or the line ends. Whatever ends it, what has come is kept."""
        room = length_bytes - writer.offset_bytes
        is_whole = False
        try:
            async with asyncio.timeout(None) as turn.receiving:
                await _write_all(writer, coming.pieces, room)
                is_whole = True
        except ClientDisconnect:
            pass
        except TimeoutError:
            raise Locked("A later request goes on with this upload.") from None
        except OSError:
            await asyncio.to_thread(writer.abandon)
            raise
        finally:
            turn.receiving = None
            offset_bytes = await asyncio.to_thread(writer.close, is_whole=is_whole)
        return offset_bytes

    def _writer(self, found: Upload, checksum: Checksum | None) -> Writer:
        hashed = self._hashed.get(found.id)
        if hashed is None or hashed.upto_bytes > found.offset_bytes:
            hashed = Hashed()

        def save(offset_bytes: int) -> None:
            store.save(self._engine, found.id, offset_bytes, self._clock() + KEPT_FOR)

        return Writer(self._stored(found), found.offset_bytes, hashed, save, self._background, checksum)

    def _mended(self, upload: UUID, actor: Actor) -> Upload:
        """As its row and its file say together; only for who has its turn."""
        found = self.get(upload, actor)
        if found.ended_at is not None:
            raise Conflict(f"The upload {upload} has ended: it is {found.state}.")
        kept = mend(self._stored(found), found.offset_bytes)
        if kept != found.offset_bytes:
            self._hashed.pop(upload, None)
            store.save(self._engine, upload, kept, found.expires_at)
        return replace(found, offset_bytes=kept)

    # ---- ending

    async def _finish_later(self, upload: UUID, actor: Actor) -> None:
        try:
            async with self._turns.take(upload, self._path(upload)) as turn:
                turn.is_checking = True
                await self._finish(await asyncio.to_thread(self._mended, upload, actor), actor)
        except (BrickyardError, SQLAlchemyError, OSError) as error:
            log.info("an upload was not taken", upload=str(upload), reason=str(error))

    async def _finish(self, found: Upload, actor: Actor) -> Outcome:
        """The file gets a second name for its way to the recordings: should that fail, the upload still has it."""
        stored = self._stored(found)
        recording = await asyncio.to_thread(self._made_before, found, stored.path)
        secret = None
        if recording is None:
            digest = await asyncio.to_thread(self._digest, found, stored)
            arrived = Arrived(stored.at(_second_name(stored.path)), found.length_bytes, digest)
            name, fields = wishes(found.metadata)
            try:
                submitted = await self._recordings.add(name, arrived, fields, actor)
            except BrickyardError as error:
                if not error.transient:
                    await asyncio.to_thread(self._end, found.id, error={"code": error.code, "message": error.message})
                raise
            recording, secret = submitted.recording, submitted.webhook_secret
        await asyncio.to_thread(self._end, found.id, recording=recording.id, job=recording.latest_job)
        await asyncio.to_thread(self._met, actor, recording)
        return Outcome(await asyncio.to_thread(self.get, found.id, actor), secret)

    def _digest(self, found: Upload, stored: Stored) -> str:
        hashed = self._hashed.pop(found.id, None) or Hashed()
        try:
            return hashed.finish(stored, found.length_bytes)
        except BadMedia:
            # What was read beside the writing may have been cut off since.
            return Hashed().finish(stored, found.length_bytes)

    def _made_before(self, found: Upload, path: Path) -> Recording | None:
        """The recording that this file is already, where the server stopped before it could say so."""
        for identity in store.recordings_like(self._engine, found):
            source = self._recordings.files.folder(identity) / "source"
            if source.exists() and source.samefile(path):
                return recording_rows.get(self._engine, identity, found.owner)
        return None

    def _end(
        self,
        upload: UUID,
        *,
        recording: UUID | None = None,
        job: UUID | None = None,
        error: dict[str, str] | None = None,
    ) -> None:
        now = self._clock()
        store.end(self._engine, upload, now, now + ENDED_KEPT_FOR, recording=recording, job=job, error=error)
        self._forget(upload)

    def _forget(self, upload: UUID) -> None:
        self._hashed.pop(upload, None)
        remove(self._path(upload))

    # ---- what all of it needs

    def _path(self, upload: UUID) -> Path:
        return _path(self._folder, upload)

    def _stored(self, found: Upload) -> Stored:
        wrapped = found.wrapped_key
        key = None if wrapped is None else self._master.unwrap(wrapped, _about(found.id))
        return Stored(self._path(found.id), key)

    def _view(self, found: Upload) -> UploadView:
        turn = self._turns.of(found.id)
        writer = turn.writer if turn is not None else None
        return UploadView(
            id=found.id,
            name=found.name,
            state=found.state,
            offset=writer.offset_bytes if writer is not None else found.offset_bytes,
            length=found.length_bytes,
            created_at=found.created_at,
            expires_at=found.expires_at,
            recording=found.recording,
            job=found.job,
            error=found.problem,
        )

    def _check_quota(self, actor: Actor) -> None:
        """An upload will be a job: a key may have as many of both as it may have jobs."""
        if actor.jobs_at_once is None:
            return
        jobs = recording_rows.jobs_going_for(self._engine, actor.credential)
        going = jobs + store.going_for(self._engine, actor.credential, self._clock())
        if going >= actor.jobs_at_once:
            message = f"This key has {going} uploads and jobs going; it may have {actor.jobs_at_once} at a time."
            raise TooManyRequests(f"{message} Send the next one when one has ended.", TOLD_AGAIN_S)

    def _check_room(self, length_bytes: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if length_bytes > free:
            raise DiskFull(
                f"The file has {length_bytes:,} bytes, and the server's disk has room for {free:,}. "
                "Ask an administrator to make room."
            )


def sweep_now(engine: sa.Engine, folder: Path) -> int:
    return sweep(engine, folder, utc_now())


def sweep(engine: sa.Engine, folder: Path, now: datetime) -> int:
    """Delete uploads whose time is over, and files of which nobody knows. Returns how many uploads."""
    expired = store.delete_expired(engine, now)
    for upload in expired:
        remove(_path(folder, upload))
    known = {str(upload) for upload in store.ids(engine)}
    oldest = (now - KEPT_FOR).timestamp()
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        if path.stem not in known and _changed_before(oldest, path):
            path.unlink(missing_ok=True)
    return len(expired)


async def _write_all(writer: Writer, pieces: AsyncIterator[bytes], room: int) -> None:
    """While one batch is sealed in a thread, the next one comes. Raises TooLarge for more than there is room for."""
    loop = asyncio.get_running_loop()
    batch = bytearray()
    writing: asyncio.Future[None] | None = None
    try:
        async for piece in pieces:
            room -= len(piece)
            if room < 0:
                raise TooLarge(
                    f"The body has more bytes than the upload lacks: {-room:,} too many. Ask for its offset."
                )
            batch += piece
            if len(batch) >= BATCH_BYTES:
                full, batch = batch, bytearray()
                if writing is not None:
                    await writing
                writing = loop.run_in_executor(None, writer.write, full)
    finally:
        if writing is not None:
            await writing
        await asyncio.to_thread(writer.write, batch)


def _check_place(found: Upload, offset_bytes: int, size_bytes: int | None) -> None:
    if offset_bytes != found.offset_bytes:
        raise WrongOffset(f"Upload-Offset is {offset_bytes:,}; {found.offset_bytes:,} bytes are here. Go on there.")
    if size_bytes is not None and offset_bytes + size_bytes > found.length_bytes:
        raise TooLarge(
            f"The body has {size_bytes:,} bytes; of the {found.length_bytes:,} that Upload-Length said, "
            f"{found.length_bytes - offset_bytes:,} are lacking."
        )


def _told(error: OSError) -> OSError | DiskFull:
    if error.errno not in FULL:
        return error
    return DiskFull("The server's disk is full. Go on with this upload when an administrator has made room.")


def _second_name(path: Path) -> Path:
    second = path.with_suffix(".arrived")
    second.unlink(missing_ok=True)
    os.link(path, second)
    return second


def _path(folder: Path, upload: UUID) -> Path:
    return folder / f"{upload}.part"


def _about(upload: UUID) -> str:
    return f"upload:{upload}"


def _changed_before(time_s: float, path: Path) -> bool:
    """False where it is gone: another process may be sweeping too."""
    try:
        return path.stat().st_mtime < time_s
    except FileNotFoundError:
        return False
