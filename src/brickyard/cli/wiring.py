"""Builds each process out of settings and real parts. Nothing else in the program knows which parts are used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from fastapi import FastAPI

from brickyard.bricks.asr.brick import AsrBrick
from brickyard.bricks.asr.client import Asr
from brickyard.bricks.batches import Learned, best
from brickyard.bricks.compute import Compute
from brickyard.bricks.diarize.brick import DiarizeBrick
from brickyard.bricks.diarize.client import Diarize
from brickyard.bricks.models import E, Offer
from brickyard.bricks.watchdog import Fragmentation
from brickyard.echo import pipelines
from brickyard.echo.app import LanguageView, create_app
from brickyard.echo.queue.service import Queue
from brickyard.echo.recordings.service import Recordings
from brickyard.engines import catalog, wheel_models
from brickyard.engines.base import Diarizer, SpeechRecognizer
from brickyard.engines.catalog import ModelCard
from brickyard.engines.profiles import profile_of
from brickyard.files.recordings import RecordingFiles
from brickyard.gpu.broker import Broker
from brickyard.gpu.client import BrokerClient
from brickyard.gpu.devices import CpuDevice, Device, cuda
from brickyard.gpu.metrics import BrokerCollector
from brickyard.gpu.ollama import Ollama
from brickyard.gpu.serving import serve
from brickyard.gpu.sync import SyncBrokerClient
from brickyard.gpu.tenants import OllamaTenant
from brickyard.jobs.job import DAY_S
from brickyard.jobs.pipeline import Pipeline
from brickyard.jobs.worker import JobWorker, WorkerOptions
from brickyard.kit import db
from brickyard.kit.errors import BadInput, Unavailable
from brickyard.kit.logs import get
from brickyard.kit.postgres import Embedded
from brickyard.kit.settings import Settings
from brickyard.media.limits import Limits

BRICKS = ("asr", "diarize")
FIRST_CARD = "cuda:0"
"""The card that engines on `cuda` use, as the broker names it."""

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
    asr = Asr(settings.brick_socket("asr"))
    diarize = Diarize(settings.brick_socket("diarize"))
    files = recording_files(settings)
    return {"transcribe": pipelines.transcribe(engine, files, limits(settings), asr, diarize)}


def worker(settings: Settings) -> JobWorker:
    engine = database(settings)
    options = WorkerOptions(
        slots=settings.worker_slots,
        running_jobs=settings.running_jobs,
        heartbeat_s=settings.heartbeat_s,
        lost_after_s=settings.worker_lost_after_s,
    )
    return JobWorker(engine, known_pipelines(settings, engine), options)


def web(settings: Settings) -> FastAPI:
    engine = database(settings, pool_size=16)
    cards = catalog.installed(settings.model_store)
    recordings = Recordings(
        engine,
        recording_files(settings),
        limits(settings),
        check_language=lambda language: _check_language(language, cards),
        keep_jobs_s=settings.keep_results_days * DAY_S,
    )
    recordings.sweep()
    own_slots = CpuDevice(threads=settings.brick_threads).slots if settings.device == "cpu" else cuda.SLOTS
    slots = settings.device_slots or own_slots
    queue = Queue(engine, known_pipelines(settings, engine), settings.running_jobs, device_slots=float(slots))
    broker_client = SyncBrokerClient(settings.broker_address, "web", patience_s=1.0, token=settings.broker_token)
    return create_app(recordings, queue, offered_languages(cards), [BrokerCollector(broker_client.status)])


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
    watches = []
    if settings.ollama_url is not None:
        watches.append(OllamaTenant(Ollama(settings.ollama_url), devices[0].name).watch)
    await serve(broker, settings.broker_socket, _host_and_port(settings.broker_listen), watches)


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


def brick(name: str, settings: Settings) -> FastAPI:
    """Its models are on offer; none is loaded before the broker has memory for it."""
    if name not in BRICKS:
        raise Unavailable(f"There is no brick '{name}'. The bricks are: {', '.join(BRICKS)}.")
    cards = catalog.installed(settings.model_store)
    calls = settings.brick_calls if settings.device == "cpu" else 1
    address, token = settings.broker_address, settings.broker_token
    compute = Compute(
        name,
        BrokerClient(address, f"brick-{name}", token=token),
        calls,
        learned=Learned(settings.learned_dir / f"{name}.json"),
        tolerated=Fragmentation(settings.fragmented_share, settings.fragmented_mib),
    )
    if name == "asr":
        return AsrBrick(cards, lambda card: recognizer(card, settings), compute).app()
    return DiarizeBrick(*diarizer(cards, settings), compute).app()


def recognizer(card: ModelCard, settings: Settings) -> Offer[SpeechRecognizer]:
    """Model runtimes are imported here, by the one process that runs them."""
    if card.engine == "moonshine":
        from brickyard.engines.moonshine import Moonshine

        return _offer(card, settings, "cpu", Moonshine.batches, lambda: Moonshine(threads=settings.brick_threads))
    from brickyard.engines.faster_whisper import FasterWhisper

    path, device = _path(card), settings.device
    return _offer(
        card,
        settings,
        device,
        FasterWhisper.batches,
        lambda: FasterWhisper(path, device, threads=settings.brick_threads),
    )


def diarizer(cards: list[ModelCard], settings: Settings) -> tuple[type[Diarizer], Offer[Diarizer]]:
    """The best engine that is installed: pyannote on a card, else onnx, else moonshine's own way."""
    by_engine = {card.engine: card for card in cards if card.brick == "diarize"}
    device, threads, store = settings.device, settings.brick_threads, settings.model_store
    if device == "cuda" and "pyannote" in by_engine:
        from brickyard.engines.pyannote import PyannoteDiarizer

        card = by_engine["pyannote"]
        path = _path(card)
        return PyannoteDiarizer, _offer(
            card, settings, device, PyannoteDiarizer.batches, lambda: PyannoteDiarizer(path)
        )
    if "onnx" not in by_engine:
        raise Unavailable("No diarization model is installed: install moonshine-voice==0.1.0, which carries one.")
    card = by_engine["onnx"]
    if wheel_models.available(store):
        from brickyard.engines.onnx_diarize import OnnxDiarizer, load_models

        return OnnxDiarizer, _offer(
            card, settings, device, OnnxDiarizer.batches, lambda: OnnxDiarizer(load_models(store), threads, device)
        )
    log.warning("the diarization models were not found; moonshine's own way serves")
    from brickyard.engines.moonshine_diarize import MoonshineDiarizer

    own = replace(card, engine="moonshine")
    return MoonshineDiarizer, _offer(own, settings, "cpu", MoonshineDiarizer.batches, MoonshineDiarizer)


def _offer(
    card: ModelCard, settings: Settings, device: str, batches: tuple[int, ...], load: Callable[[], E]
) -> Offer[E]:
    """A model with its figures. On a card the context comes and goes with the weights; on a CPU the process has it
    anyway, and profiles count chunks at once where on a card they count the batch."""
    if device == "cpu":
        profile = profile_of(card, "cpu")
        weights_mib, batch = profile.weights_mib, best(batches, {})
    else:
        profile = profile_of(card, "cuda")
        weights_mib = profile.resident_mib
        batch = best(batches, profile.x_realtime)
    return Offer(
        card.name,
        FIRST_CARD if device == "cuda" else device,
        load,
        weights_mib,
        working_mib=lambda batch: profile.working_at(1 if device == "cpu" else batch),
        batches=batches,
        batch=settings.brick_batch or batch,
        context_mib=profile.context_mib,
        reload_s=profile.reload_s or 0.0,
        pinned=card.name in settings.pinned,
    )


def _path(card: ModelCard) -> Path:
    if card.path is None:
        raise Unavailable(f"The model {card.name} has no folder in the model store.")
    return card.path


def _check_language(language: str | None, cards: list[ModelCard]) -> None:
    catalog.recognizer_for(language, cards)
