"""Builds the bricks, each the process around one kind of model. Model runtimes are imported by those who run them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI

from brickyard.bricks.asr.brick import AsrBrick
from brickyard.bricks.batches import Learned, best
from brickyard.bricks.compute import Compute
from brickyard.bricks.diarize.brick import DiarizeBrick
from brickyard.bricks.llm.brick import LlmBrick
from brickyard.bricks.llm.client import Llm
from brickyard.bricks.llm.servers import servers
from brickyard.bricks.llm.terms import Terms, context_tokens
from brickyard.bricks.models import E, Offer
from brickyard.bricks.ocr.brick import OcrBrick, Reader
from brickyard.bricks.ocr.routing import ReaderCard
from brickyard.bricks.ocr.vlm import VlmReader
from brickyard.bricks.translate.brick import TranslateBrick
from brickyard.bricks.watchdog import Fragmentation
from brickyard.engines import catalog, wheel_models
from brickyard.engines.apertium import APERTIUM
from brickyard.engines.base import Diarizer, SpeechRecognizer, TextReader, Translator
from brickyard.engines.catalog import ModelCard
from brickyard.engines.profiles import profile_of
from brickyard.gpu.client import BrokerClient
from brickyard.kit.errors import Unavailable
from brickyard.kit.logs import get
from brickyard.kit.settings import Settings

BRICKS = ("asr", "diarize", "ocr", "translate", "llm")
FIRST_CARD = "cuda:0"
"""The card that engines on `cuda` use, as the broker names it."""
LLM_PATIENCE_S = 5.0
TESSERACT_MIB = 200
"""Of the program while it reads; assumed."""

log = get(__name__)


def brick(name: str, settings: Settings) -> FastAPI:
    """Its models are on offer; none is loaded before the broker has memory for it."""
    if name not in BRICKS:
        raise Unavailable(f"There is no brick '{name}'. The bricks are: {', '.join(BRICKS)}.")
    if name == "llm":
        return llm_brick(settings)
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
    if name == "diarize":
        return DiarizeBrick(*diarizer(cards, settings), compute).app()
    llm = Llm(settings.brick_socket("llm"), patience_s=LLM_PATIENCE_S)
    if name == "ocr":
        return OcrBrick(readers(cards, settings), compute, VlmReader(llm)).app()
    return TranslateBrick(cards, lambda card: translator(card, settings), compute, llm).app()


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


def readers(cards: list[ModelCard], settings: Settings) -> list[Reader]:
    """Those that are installed, in order of preference. Tesseract's data may lie in the store too."""
    from brickyard.engines import rapid_ocr, tesseract

    found: list[Reader] = []
    if rapid_ocr.available():
        device, threads = settings.device, settings.brick_threads
        card = ModelCard("pp-ocr-v6-small", "ocr", rapid_ocr.NAME, frozenset(), "Apache-2.0", "the wheel of rapidocr")
        offer: Offer[TextReader] = _offer(
            card, settings, device, rapid_ocr.RapidOcr.batches, lambda: rapid_ocr.RapidOcr(threads, device)
        )
        found.append(Reader(ReaderCard(rapid_ocr.NAME, rapid_ocr.SCRIPTS, unread=rapid_ocr.UNREAD), offer))
    folders = [card.path for card in cards if card.brick == "ocr" and card.engine == tesseract.NAME]
    folder = folders[0] if folders else None
    has = tesseract.installed(folder)
    if has is not None and has.languages:
        program: Offer[TextReader] = Offer(
            tesseract.NAME, "cpu", lambda: tesseract.Tesseract(folder), 0, lambda _: TESSERACT_MIB
        )
        found.append(Reader(ReaderCard(tesseract.NAME, has.scripts, has.languages), program))
    return found


def translator(card: ModelCard, settings: Settings) -> Offer[Translator]:
    if card.engine == APERTIUM:
        from brickyard.engines.apertium import Apertium

        return _offer(card, settings, "cpu", Apertium.batches, Apertium)
    from brickyard.engines.seq2seq import Seq2Seq

    path, device = _path(card), settings.device
    return _offer(
        card, settings, device, Seq2Seq.batches, lambda: Seq2Seq(path, card.pairs, device, settings.brick_threads)
    )


def llm_brick(settings: Settings) -> FastAPI:
    known = servers(settings.llm_backends, settings.ollama_url)
    context = context_tokens(settings.llm_context_tokens)
    return LlmBrick(
        known,
        BrokerClient(settings.broker_address, "brick-llm", token=settings.broker_token),
        given=Terms(settings.llm_keep_alive, settings.pinned, context),
        parallel=settings.llm_parallel,
        longest_line=settings.llm_waiting,
        default_model=settings.llm_model,
    ).app()
