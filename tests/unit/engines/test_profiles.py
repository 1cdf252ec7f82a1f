from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.engines import catalog, profiles
from brickyard.engines.catalog import ModelCard
from brickyard.engines.profiles import (
    KNOWN,
    MOONSHINE_CPU,
    NOTEBOOK,
    ONNX_DIARIZER_CPU,
    PYANNOTE,
    WHISPER_MEDIUM,
    WHISPER_SMALL,
    WHISPER_TURBO,
    Profile,
    Source,
    named,
    profile_of,
)
from brickyard.kit.errors import NotFound

MIB = 1 << 20
by_name = pytest.mark.parametrize("profile", KNOWN, ids=lambda profile: profile.name)


def whisper(name: str, path: Path | None = None, memory_mib: int | None = None) -> ModelCard:
    return ModelCard(name, "asr", "faster-whisper", frozenset({"en"}), "MIT", "store", memory_mib, path)


def weights(folder: Path, *names: str, mib: int = 1) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("wb") as file:
            file.truncate(mib * MIB)
    return folder


@by_name
def test_a_larger_batch_never_takes_less_and_is_never_slower(profile: Profile) -> None:
    for figures in (profile.working_mib, profile.x_realtime):
        values = [figures[batch] for batch in sorted(figures)]
        assert values == sorted(values)


@by_name
def test_every_figure_says_where_it_comes_from(profile: Profile) -> None:
    assert profile.source.value in profile.note.lower()


def test_the_whole_pyannote_process_is_what_was_published() -> None:
    whole = {batch: PYANNOTE.resident_mib + PYANNOTE.working_at(batch) for batch in (8, 16, 32, 64)}
    assert whole == {8: 640, 16: 954, 32: 1946, 64: 4568}


def test_between_known_batches_the_next_larger_counts() -> None:
    assert WHISPER_TURBO.working_at(8) == 1900
    assert WHISPER_TURBO.working_at(5) == 1900
    assert WHISPER_TURBO.working_at(1) == 530


def test_beyond_the_largest_known_batch_memory_grows_in_proportion() -> None:
    assert WHISPER_TURBO.working_at(64) == 2 * 7470


def test_a_notebook_does_no_chunks() -> None:
    assert NOTEBOOK.working_at(1) == 0


@given(st.sampled_from(KNOWN), st.integers(1, 100), st.integers(0, 100))
def test_more_at_once_never_takes_less(profile: Profile, batch: int, more: int) -> None:
    assert profile.working_at(batch) <= profile.working_at(batch + more)


def test_the_models_in_wheels_were_measured_on_a_cpu() -> None:
    found = [profile_of(card, "cpu") for card in catalog.installed(None) if card.brick in ("asr", "diarize")]
    assert found == [MOONSHINE_CPU, ONNX_DIARIZER_CPU]
    assert {profile.source for profile in found} == {Source.MEASURED}


def test_moonshine_stays_on_the_cpu_beside_a_card() -> None:
    assert profile_of(catalog.installed(None)[0], "cuda") == MOONSHINE_CPU


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("large-v3-turbo", WHISPER_TURBO),
        ("faster-whisper-large-v3-turbo", WHISPER_TURBO),
        ("whisper-medium", WHISPER_MEDIUM),
        ("small.en", WHISPER_SMALL),
    ],
)
def test_whisper_models_are_known_by_their_usual_names(name: str, profile: Profile) -> None:
    assert profile_of(whisper(name), "cuda") == profile


def test_pyannote_is_known_on_a_card_only() -> None:
    card = ModelCard("community-1", "diarize", "pyannote", frozenset(), "MIT", "store")
    assert profile_of(card, "cuda") == PYANNOTE
    assert profile_of(card, "cpu").source is Source.ASSUMED


def test_files_larger_than_the_known_weights_count_as_they_are(tmp_path: Path) -> None:
    folder = weights(tmp_path, "model.bin", mib=1600)
    found = profile_of(whisper("large-v3-turbo", folder), "cuda")
    assert (found.weights_mib, found.source) == (1600, Source.ASSUMED)
    assert found.working_mib == WHISPER_TURBO.working_mib


def test_smaller_files_leave_the_known_weights(tmp_path: Path) -> None:
    assert profile_of(whisper("large-v3-turbo", weights(tmp_path, "model.bin")), "cuda") == WHISPER_TURBO


def test_an_unknown_model_is_assumed_by_its_weight_files(tmp_path: Path) -> None:
    folder = weights(tmp_path, "model.bin", "deep/more.safetensors", "vocabulary.json", mib=700)
    found = profile_of(whisper("distil-own", folder), "cuda")
    assert (found.context_mib, found.weights_mib, found.working_at(1)) == (300, 1400, 1400)
    assert (found.source, found.brick, found.x_realtime) == (Source.ASSUMED, "asr", {})


def test_an_assumption_is_never_tiny(tmp_path: Path) -> None:
    found = profile_of(whisper("tiny-own", weights(tmp_path, "model.bin")), "cpu")
    assert found.weights_mib >= MOONSHINE_CPU.weights_mib
    assert found.working_at(1) >= MOONSHINE_CPU.working_at(2)


@pytest.mark.parametrize("name", ["large-v3-turbo", "distil-own"])
def test_what_card_json_states_goes_first(tmp_path: Path, name: str) -> None:
    folder = weights(tmp_path, "model.bin", mib=2000)
    found = profile_of(whisper(name, folder, memory_mib=900), "cuda")
    assert found.weights_mib == 900
    assert found.note.startswith("Weights as stated in card.json.")


def test_a_profile_is_found_by_its_name_or_a_beginning_that_only_it_has() -> None:
    assert named("pyannote") is PYANNOTE
    assert named(WHISPER_SMALL.name) is WHISPER_SMALL
    twin = replace(NOTEBOOK, name="notebook/large")
    assert named("notebook", [NOTEBOOK, twin]) is NOTEBOOK


@pytest.mark.parametrize(("name", "says"), [("whisper-x", "There is no"), ("whisper-", "beginning of several")])
def test_other_names_are_answered_with_those_there_are(name: str, says: str) -> None:
    with pytest.raises(NotFound, match=says) as caught:
        named(name)
    assert "whisper-large-v3-turbo/ctranslate2-int8_float16" in caught.value.message


def test_profiles_load_no_runtime() -> None:
    program = f"""
import sys
import {profiles.__name__}
print([name for name in ("onnxruntime", "ctranslate2", "faster_whisper", "torch") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
