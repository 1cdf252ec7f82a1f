"""Builds each process out of settings and real parts. Nothing else in the program knows which parts are used."""

from __future__ import annotations

import asyncio
import math
import threading
import time

import sqlalchemy as sa
from fastapi import FastAPI

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.diarize.client import Diarize
from brickyard.bricks.llm.client import Llm
from brickyard.bricks.llm.metrics import LlmCollector
from brickyard.bricks.ocr.client import Ocr
from brickyard.bricks.translate.client import Translate
from brickyard.cli.gateway import Gateway
from brickyard.echo import pipelines
from brickyard.echo.app import LanguageView, Surroundings, TranslationsOf, create_app
from brickyard.echo.pipelines import Bricks
from brickyard.echo.queue.service import Queue
from brickyard.echo.recordings.schemas import TranscribeOptions
from brickyard.echo.recordings.service import Recordings
from brickyard.engines import catalog
from brickyard.engines.catalog import ModelCard
from brickyard.files.recordings import RecordingFiles
from brickyard.gpu.broker import Broker
from brickyard.gpu.devices import CpuDevice, Device, cuda
from brickyard.gpu.metrics import BrokerCollector
from brickyard.gpu.serving import serve
from brickyard.gpu.sync import SyncBrokerClient
from brickyard.jobs import webhooks
from brickyard.jobs.job import DAY_S
from brickyard.jobs.pipeline import Pipeline
from brickyard.jobs.webhook_rules import hosts
from brickyard.jobs.worker import JobWorker, WorkerOptions
from brickyard.kit import db
from brickyard.kit.errors import BadInput, BrickyardError, Unavailable
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


def migrate(settings: Settings) -> None:
    db.migrate(database(settings, pool_size=1))


def limits(settings: Settings) -> Limits:
    return Limits(max_duration_s=settings.max_duration_s, max_size_bytes=settings.max_upload_bytes)


def recording_files(settings: Settings) -> RecordingFiles:
    return RecordingFiles(settings.files_dir, settings.max_upload_bytes)


def known_pipelines(settings: Settings, engine: sa.Engine) -> dict[str, Pipeline]:
    files = recording_files(settings)
    return {"transcribe": pipelines.transcribe(engine, files, limits(settings), bricks(settings))}


def bricks(settings: Settings) -> Bricks:
    """Their clients; each is used in one event loop."""
    return Bricks(
        asr=Asr(settings.brick_socket("asr")),
        diarize=Diarize(settings.brick_socket("diarize")),
        ocr=Ocr(settings.brick_socket("ocr")),
        translate=Translate(settings.brick_socket("translate")),
        llm=Llm(settings.brick_socket("llm")),
    )


def worker(settings: Settings) -> JobWorker:
    engine = database(settings)
    options = WorkerOptions(
        slots=settings.worker_slots,
        running_jobs=settings.running_jobs,
        heartbeat_s=settings.heartbeat_s,
        lost_after_s=settings.worker_lost_after_s,
    )
    return JobWorker(engine, known_pipelines(settings, engine), options)


def work(settings: Settings, stop: threading.Event) -> None:
    """Runs jobs, and tells others of those that have ended, until `stop` is set."""
    jobs = worker(settings)
    with webhooks.sending(database(settings, pool_size=2), hosts(settings.webhook_hosts)):
        jobs.run(stop)


def web(settings: Settings) -> FastAPI:
    engine = database(settings, pool_size=16)
    cards = catalog.installed(settings.model_store)
    files = recording_files(settings)
    recordings = Recordings(
        engine,
        files,
        limits(settings),
        check=lambda options: _check(options, cards),
        keep_jobs_s=settings.keep_results_days * DAY_S,
        webhook_hosts=hosts(settings.webhook_hosts),
    )
    recordings.sweep()
    own_slots = CpuDevice(threads=settings.brick_threads).slots if settings.device == "cpu" else cuda.SLOTS
    slots = settings.device_slots or own_slots
    queue = Queue(engine, known_pipelines(settings, engine), settings.running_jobs, device_slots=float(slots))
    broker_client = SyncBrokerClient(settings.broker_address, "web", patience_s=1.0, token=settings.broker_token)
    services = bricks(settings)
    gateway = Gateway(settings, engine, files, limits(settings), services, cards)
    around = Surroundings(
        llm=services.llm,
        collectors=[BrokerCollector(broker_client.status), LlmCollector(settings.brick_socket("llm"))],
        shared=gateway.routers,
        lifespan=gateway.running,
        translations=offered_translations(services.translate),
    )
    return create_app(recordings, queue, offered_languages(cards), around)


def offered_translations(translate: Translate) -> TranslationsOf:
    """Asked of the brick every half minute at most; what it said last stands where it does not answer."""
    known: dict[str, list[str]] = {}
    asked_at = -math.inf

    async def offered() -> dict[str, list[str]]:
        nonlocal known, asked_at
        if time.monotonic() - asked_at < TRANSLATIONS_KNOWN_FOR_S:
            return known
        try:
            async with asyncio.timeout(TRANSLATIONS_WITHIN_S):
                pairs = (await translate.languages()).pairs
        except (BrickyardError, TimeoutError) as error:
            log.warning("which languages can be translated is not known", reason=str(error))
            return known
        known, asked_at = {}, time.monotonic()
        for pair in pairs:
            known.setdefault(pair.source, []).append(pair.target)
        return known

    return offered


def offered_languages(cards: list[ModelCard]) -> list[LanguageView]:
    """Just the languages that installed models have."""
    by_code: dict[str, list[str]] = {}
    for card in cards:
        if card.brick == "asr":
            for code in card.languages:
                by_code.setdefault(code, []).append(card.name)
    return [LanguageView(code=code, models=sorted(names)) for code, names in sorted(by_code.items())]


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


def _check(options: TranscribeOptions, cards: list[ModelCard]) -> None:
    catalog.recognizer_for(options.language, cards)
