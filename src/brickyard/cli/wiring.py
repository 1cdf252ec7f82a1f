"""Builds each process out of settings and real parts. Nothing else in the program knows which parts are used."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from fastapi import FastAPI

from brickyard.bricks.asr import AsrBrick
from brickyard.bricks.client import Asr, Diarize
from brickyard.bricks.diarize import DiarizeBrick
from brickyard.echo import pipelines
from brickyard.echo.app import LanguageView, create_app
from brickyard.echo.queue.service import Queue
from brickyard.echo.recordings.service import Recordings
from brickyard.engines import catalog
from brickyard.engines.base import Diarizer, SpeechRecognizer
from brickyard.engines.catalog import ModelCard
from brickyard.files.recordings import RecordingFiles
from brickyard.gpu.client import BrokerClient
from brickyard.jobs.job import DAY_S
from brickyard.jobs.pipeline import Pipeline
from brickyard.jobs.worker import JobWorker, WorkerOptions
from brickyard.kit import db
from brickyard.kit.errors import Unavailable
from brickyard.kit.logs import get
from brickyard.kit.settings import Settings
from brickyard.media.limits import Limits

BRICKS = ("asr", "diarize")

log = get(__name__)


def database(settings: Settings, pool_size: int = 8) -> sa.Engine:
    if settings.database_url is None:
        raise Unavailable(
            "No database is named. Set DATABASE_URL to a PostgreSQL, or start everything with `brickyard up`."
        )
    return db.connect(settings.database_url, pool_size)


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
    queue = Queue(engine, known_pipelines(settings, engine), settings.running_jobs)
    return create_app(recordings, queue, offered_languages(cards))


def offered_languages(cards: list[ModelCard]) -> list[LanguageView]:
    """Just the languages that installed models have."""
    by_code: dict[str, list[str]] = {}
    for card in cards:
        if card.brick == "asr":
            for code in card.languages:
                by_code.setdefault(code, []).append(card.name)
    return [LanguageView(code=code, models=sorted(names)) for code, names in sorted(by_code.items())]


def brick(name: str, settings: Settings) -> FastAPI:
    broker = BrokerClient(settings.broker_socket)
    cards = catalog.installed(settings.model_store)
    calls = settings.brick_calls if settings.device == "cpu" else 1
    if name == "asr":
        return AsrBrick(cards, lambda card: recognizer(card, settings), broker, calls).app()
    if name == "diarize":
        return DiarizeBrick(lambda: diarizer(cards, settings), broker, calls).app()
    raise Unavailable(f"There is no brick '{name}'. The bricks are: {', '.join(BRICKS)}.")


def recognizer(card: ModelCard, settings: Settings) -> SpeechRecognizer:
    """Model runtimes are imported here, by the one process that runs them."""
    if card.engine == "moonshine":
        from brickyard.engines.moonshine import Moonshine

        return Moonshine(threads=settings.brick_threads)
    from brickyard.engines.faster_whisper import FasterWhisper

    return FasterWhisper(_path(card), device=settings.device, threads=settings.brick_threads)


def diarizer(cards: list[ModelCard], settings: Settings) -> Diarizer:
    """The best engine that is installed: pyannote on a card, else onnx, else moonshine's own way."""
    by_engine = {card.engine: card for card in cards if card.brick == "diarize"}
    if settings.device == "cuda" and "pyannote" in by_engine:
        from brickyard.engines.pyannote import PyannoteDiarizer

        return PyannoteDiarizer(_path(by_engine["pyannote"]), device=settings.device)
    from brickyard.engines.onnx_diarize import OnnxDiarizer, load_models

    try:
        models = load_models(settings.model_store)
    except Unavailable as error:
        log.warning("the diarization models were not found; moonshine's own way serves", reason=error.message)
        from brickyard.engines.moonshine_diarize import MoonshineDiarizer

        return MoonshineDiarizer()
    return OnnxDiarizer(models, threads=settings.brick_threads, device=settings.device)


def _path(card: ModelCard) -> Path:
    if card.path is None:
        raise Unavailable(f"The model {card.name} has no folder in the model store.")
    return card.path


def _check_language(language: str | None, cards: list[ModelCard]) -> None:
    catalog.recognizer_for(language, cards)
