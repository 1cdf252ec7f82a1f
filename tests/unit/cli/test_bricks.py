from __future__ import annotations

from pathlib import Path

import pytest

from brickyard.cli import bricks
from brickyard.engines import catalog, wheel_models
from brickyard.engines.catalog import FASTER_WHISPER, ModelCard
from brickyard.engines.profiles import CUDA_CONTEXT_MIB, MOONSHINE_CPU, ONNX_DIARIZER_CPU, WHISPER_TURBO
from brickyard.kit.errors import Unavailable
from brickyard.kit.settings import Settings

MOONSHINE = ModelCard("moonshine-tiny-en", "asr", "moonshine", frozenset({"en"}), "MIT", "wheel")


def turbo(folder: Path) -> ModelCard:
    return ModelCard("large-v3-turbo", "asr", FASTER_WHISPER, frozenset({"en"}), "MIT", "store", path=folder)


def test_on_a_cpu_the_context_is_the_process_s_own_and_a_chunk_is_one_of_those_at_once() -> None:
    offer = bricks.recognizer(MOONSHINE, Settings())
    assert (offer.name, offer.device, offer.batch) == ("moonshine-tiny-en", "cpu", 8)
    assert offer.weights_mib == MOONSHINE_CPU.weights_mib
    assert offer.working_mib(8) == offer.working_mib(1) == MOONSHINE_CPU.working_mib[1]
    assert offer.context_mib == MOONSHINE_CPU.context_mib


def test_on_a_card_it_comes_with_the_weights_and_the_batch_decides(tmp_path: Path) -> None:
    settings = Settings(device="cuda", pinned_models="large-v3-turbo")
    offer = bricks.recognizer(turbo(tmp_path), settings)
    assert (offer.device, offer.batch, offer.pinned) == ("cuda:0", 8, True)
    assert offer.weights_mib == WHISPER_TURBO.weights_mib + CUDA_CONTEXT_MIB
    assert [offer.working_mib(batch) for batch in (4, 8)] == [970, 1900]
    assert bricks.recognizer(turbo(tmp_path), Settings(device="cuda", brick_batch=4)).batch == 4


def test_an_engine_that_runs_on_the_cpu_does_so_on_every_host() -> None:
    assert bricks.recognizer(MOONSHINE, Settings(device="cuda")).device == "cpu"


def test_the_diarizer_inside_the_wheel_is_offered_without_loading_it() -> None:
    if not wheel_models.available():
        pytest.skip("the diarization models are neither in a store nor in the installed moonshine-voice wheel")
    kind, offer = bricks.diarizer(catalog.installed(None), Settings())
    assert (kind.name, offer.name, offer.batches) == ("onnx", "community-1", kind.batches)
    assert offer.weights_mib == ONNX_DIARIZER_CPU.weights_mib


def test_a_host_without_any_diarizer_says_what_to_install() -> None:
    with pytest.raises(Unavailable, match="install moonshine-voice"):
        bricks.diarizer([], Settings())


def test_a_brick_that_does_not_exist_is_named_beside_those_that_do() -> None:
    with pytest.raises(Unavailable, match=r"no brick 'sing'.*asr, diarize"):
        bricks.brick("sing", Settings())
