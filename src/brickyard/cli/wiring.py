"""Builds each process out of settings and real parts. Nothing else in the program knows which parts are used."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from brickyard.access.audit import Audit
from brickyard.access.master import MasterKey
from brickyard.bricks.asr.client import Asr
from brickyard.bricks.diarize.client import Diarize
from brickyard.bricks.llm.client import Llm
from brickyard.bricks.ocr.client import Ocr
from brickyard.bricks.translate.client import Translate
from brickyard.cli.chores import doing_chores
from brickyard.echo import pipelines
from brickyard.echo.pipelines import Bricks
from brickyard.echo.recordings.vault import Vault
from brickyard.echo.retention.service import Retention
from brickyard.echo.uploads import service as uploads
from brickyard.files.recordings import RecordingFiles
from brickyard.gpu.broker import Broker
from brickyard.gpu.devices import CpuDevice, Device, cuda
from brickyard.gpu.serving import serve
from brickyard.jobs import webhooks
from brickyard.jobs.pipeline import Pipeline
from brickyard.jobs.webhook_rules import hosts
from brickyard.jobs.worker import JobWorker, WorkerOptions
from brickyard.kit import db
from brickyard.kit.errors import BadInput, Unavailable
from brickyard.kit.logs import get
from brickyard.kit.postgres import Embedded
from brickyard.kit.settings import Settings
from brickyard.media.limits import Limits

TRANSLATIONS_KNOWN_FOR_S = 30.0
TRANSLATIONS_WITHIN_S = 2.0

log = get(__name__)


def database(settings: Settings, pool_size: int = 8) -> sa.Engine:
    if settings.database_url is None:
        raise Unavailable(
            "No database is named. Set DATABASE_URL to a PostgreSQL, or start everything with `brickyard up`."
        )
    return db.connect(settings.database_url, pool_size)


def running_database(settings: Settings) -> sa.Engine:
    """For commands: the database that is named, else the one that `brickyard up` runs on this machine."""
    if settings.database_url is not None:
        return database(settings, pool_size=1)
    server = Embedded(settings.postgres_dir, settings.run_dir / "pg")
    if not server.is_ready():
        raise Unavailable("No platform runs here. Start it with `brickyard up`, or set DATABASE_URL.")
    return db.connect(server.url, pool_size=1)


def master_key(settings: Settings) -> MasterKey:
    return MasterKey.load(settings.master_key)


def audit(engine: sa.Engine, master: MasterKey) -> Audit:
    key, *older = master.derived("audit")
    return Audit(engine, key, older)


def migrate(settings: Settings) -> None:
    db.migrate(database(settings, pool_size=1))


def limits(settings: Settings) -> Limits:
    return Limits(max_duration_s=settings.max_duration_s, max_size_bytes=settings.max_upload_bytes)


def vault(settings: Settings, engine: sa.Engine, master: MasterKey) -> Vault:
    return Vault(engine, master, settings.encrypt_files)


def recording_files(settings: Settings, keys: Vault) -> RecordingFiles:
    seals = settings.encrypt_files
    return RecordingFiles(settings.files_dir, settings.max_upload_bytes, keys.key_of, keys.forget, seals=seals)


def uploads_dir(settings: Settings) -> Path:
    """On the disk of the recordings, so that what has come whole need not be copied."""
    return settings.files_dir / "uploads"


def retention(settings: Settings, engine: sa.Engine, files: RecordingFiles, log_of: Audit) -> Retention:
    return Retention(engine, files, log_of, settings.keep_recordings_days, settings.backup_days)


def known_pipelines(settings: Settings, engine: sa.Engine, files: RecordingFiles) -> dict[str, Pipeline]:
    own, services = limits(settings), bricks(settings)
    made = (
        build(engine, files, own, services) for build in (pipelines.transcribe, pipelines.additions, pipelines.redo)
    )
    return {pipeline.name: pipeline for pipeline in made}


def bricks(settings: Settings) -> Bricks:
    """Their clients; each is used in one event loop."""
    return Bricks(
        asr=Asr(settings.brick_socket("asr")),
        diarize=Diarize(settings.brick_socket("diarize")),
        ocr=Ocr(settings.brick_socket("ocr")),
        translate=Translate(settings.brick_socket("translate")),
        llm=Llm(settings.brick_socket("llm")),
    )


def worker(settings: Settings, engine: sa.Engine, files: RecordingFiles) -> JobWorker:
    options = WorkerOptions(
        slots=settings.worker_slots,
        running_jobs=settings.running_jobs,
        heartbeat_s=settings.heartbeat_s,
        lost_after_s=settings.worker_lost_after_s,
    )
    return JobWorker(engine, known_pipelines(settings, engine, files), options)


def work(settings: Settings, stop: threading.Event) -> None:
    """Runs jobs, and tells others of those that have ended, until `stop` is set."""
    engine, beside = database(settings), database(settings, pool_size=2)
    master = master_key(settings)
    files = recording_files(settings, vault(settings, engine, master))
    log_of = audit(beside, master)
    sweep_uploads = partial(uploads.sweep_now, beside, uploads_dir(settings))
    chores = doing_chores(retention(settings, beside, files, log_of), log_of, sweep_uploads)
    with webhooks.sending(beside, hosts(settings.webhook_hosts)), chores:
        worker(settings, engine, files).run(stop)


async def broker(settings: Settings) -> None:
    """Runs until cancelled."""
    devices = broker_devices(settings)
    broker = Broker(
        devices,
        budget_mib=settings.device_budget_mib,
        slots=settings.device_slots,
        notebook_mib=settings.notebook_mib,
        token=settings.broker_token,
    )
    await serve(broker, settings.broker_socket, _host_and_port(settings.broker_listen))


def broker_devices(settings: Settings) -> list[Device]:
    """The cards of this host, where there are any, and its own memory and cores."""
    cpu = CpuDevice(threads=settings.brick_threads, reserve_mib=settings.device_reserve_mib)
    return [*cuda.found(reserve_mib=settings.device_reserve_mib), cpu]


def _host_and_port(address: str | None) -> tuple[str, int] | None:
    if address is None:
        return None
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise BadInput(f"BRICKYARD_BROKER_LISTEN={address}: it should be host:port, such as 127.0.0.1:8401.")
    return host, int(port)
