from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog
from rich.console import Console
from typer.testing import CliRunner

from brickyard.cli.main import app
from brickyard.cli.plan import CARDS, Planned, Wish, as_json, make, show, sizes
from brickyard.engines.profiles import LLM_27B, NOTEBOOK, PYANNOTE, WHISPER_TURBO
from brickyard.gpu.plan import Place
from brickyard.kit.errors import BadInput, NotFound, TooLarge
from brickyard.kit.settings import Settings

PRODUCTION = [
    "whisper-large-v3-turbo",
    "pyannote-community-1",
    "llm-27b",
    "ocr-vlm-1b",
    "translation-3b",
    "notebook",
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, model_store=tmp_path / "models")


def shown(planned: Planned, width: int = 100) -> str:
    output = io.StringIO()
    show(planned, Console(file=output, width=width))
    return output.getvalue()


def names(planned: Planned) -> list[list[str]]:
    return [[model.name for model in each.models] for each in planned.plans]


def store_whisper(settings: Settings, name: str, card: dict[str, Any]) -> None:
    assert settings.model_store
    folder = settings.model_store / "asr" / name
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"weights")
    (folder / "card.json").write_text(json.dumps({"languages": ["en"], **card}))


@pytest.mark.parametrize("card", CARDS)
def test_every_card_that_is_offered_can_be_planned(settings: Settings, card: str) -> None:
    planned = make(Wish(card=card, notebooks=0), settings)
    (found,) = planned.plans
    assert found.card.total_mib == CARDS[card]
    assert all(model.place is not Place.LEFT_OUT for model in found.models)
    assert names(planned) == [PRODUCTION[:-1]]


def test_the_whole_production_set_stays_on_an_h100(settings: Settings) -> None:
    planned = make(Wish(card="h100-80gb"), settings)
    assert names(planned) == [PRODUCTION]
    (found,) = planned.plans
    assert {model.place for model in found.models} == {Place.RESIDENT}
    turbo, pyannote = found.models[:2]
    assert (turbo.batch, turbo.x_realtime) == (8, WHISPER_TURBO.x_realtime[8])
    assert (pyannote.batch, pyannote.x_realtime) == (16, PYANNOTE.x_realtime[16])


def test_a_size_in_mib_is_a_card_too(settings: Settings) -> None:
    (found,) = make(Wish(card="30000", models=["pyannote"], reserve_mib=0), settings).plans
    assert (found.card.total_mib, found.card.budget_mib) == (30_000, 30_000)


def test_on_a_cpu_the_installed_models_are_planned(settings: Settings) -> None:
    planned = make(Wish(card="cpu"), settings)
    assert names(planned) == [["moonshine-tiny-en", "community-1"]]
    assert {profile.source.value for profile in planned.figures.values()} == {"measured"}
    cores = len(psutil.Process().cpu_affinity())
    assert all((model.batch or 0) <= cores for model in planned.plans[0].models)


def test_an_installed_model_is_planned_by_what_its_card_states(settings: Settings) -> None:
    store_whisper(settings, "large-v3-turbo", {"memory_mib": 900})
    (found,) = make(Wish(card="a6000", models=["large-v3-turbo"]), settings).plans
    assert found.models[0].resident_mib == WHISPER_TURBO.context_mib + 900


def test_two_recognizers_share_the_audio(settings: Settings) -> None:
    (alone,) = make(Wish(card="h100-80gb", models=["whisper-large-v3-turbo"]), settings).plans
    (shared,) = make(Wish(card="h100-80gb", models=["whisper-large-v3-turbo", "parakeet"]), settings).plans
    assert "33 s for whisper-large-v3-turbo" in alone.notes[0]
    assert "17 s for whisper-large-v3-turbo" in shared.notes[0]


def test_notebooks_are_pinned_and_numbered(settings: Settings) -> None:
    planned = make(Wish(card="h100-80gb", models=["llm"], notebooks=2), settings)
    assert names(planned) == [["llm-27b", "notebook 1", "notebook 2"]]
    assert planned.plans[0].peak_mib >= 2 * NOTEBOOK.weights_mib + LLM_27B.resident_mib
    with pytest.raises(TooLarge, match="notebook 1, notebook 2"):
        make(Wish(card="rtx4090", notebooks=2), settings)


def test_a_pinned_model_stays_where_it_would_take_turns(settings: Settings) -> None:
    def place(pinned: list[str]) -> Place:
        (found,) = make(Wish(card="rtx4090", notebooks=0, pinned=pinned), settings).plans
        return found.models[0].place

    assert place([]) is Place.SWAPS
    assert place(["whisper"]) is Place.RESIDENT


def test_each_part_of_a_divided_card_has_a_plan(settings: Settings) -> None:
    planned = make(Wish(card="h100-80gb", split_mib=[40_000, 40_000]), settings)
    assert sorted(name for part in names(planned) for name in part) == sorted(PRODUCTION)
    assert [each.card.total_mib for each in planned.plans] == [40_000, 40_000]
    paces = [each.audio_hours_a_day for each in planned.plans]
    assert planned.audio_hours_a_day == min(pace for pace in paces if pace is not None)
    assert "A part computes slower than the whole card" in shown(planned)


def test_a_part_that_hears_nothing_does_not_hide_how_much_audio_there_is(settings: Settings) -> None:
    models = ["whisper-large-v3-turbo", "llm"]
    planned = make(Wish(card="h100-80gb", models=models, split_mib=[30_000, 30_000]), settings)
    assert sorted(names(planned)) == [["llm-27b"], ["whisper-large-v3-turbo"]]
    assert planned.audio_hours_a_day == pytest.approx(24 * 109)


@pytest.mark.parametrize(
    ("wish", "error", "says"),
    [
        (Wish(card="b9000"), NotFound, "There is no card 'b9000'. Name one of h100-80gb, h200"),
        (Wish(card="a6000", models=["gpt"]), NotFound, "whisper-large-v3-turbo/ctranslate2-int8_float16"),
        (Wish(card="cpu", models=["whisper-small"]), NotFound, "installed model: moonshine-tiny-en, community-1"),
        (Wish(card="a6000", models=["moonshine-tiny-en"]), BadInput, "runs on the CPU and takes nothing of a card"),
        (Wish(card="a6000", models=["llm", "llm"]), BadInput, "named twice"),
        (Wish(card="a6000", pinned=["gpt"]), NotFound, "'gpt' is to be pinned and is not among the models"),
        (Wish(card="a6000", reserve_mib=50_000), BadInput, "set --reserve lower"),
        (Wish(card="a6000", split_mib=[40_000, 20_000]), BadInput, "60,000 MiB in all; a6000 has 49,140"),
    ],
)
def test_what_can_not_be_planned_is_said(settings: Settings, wish: Wish, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as caught:
        make(wish, settings)
    assert says in str(caught.value)


def test_the_parts_of_a_split_are_read() -> None:
    assert sizes("40000, 20000") == [40_000, 20_000]
    assert sizes(None) == []


@pytest.mark.parametrize("text", ["40GB", "40000,-1", "0"])
def test_a_split_that_is_no_list_of_sizes_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="whole numbers of MiB"):
        sizes(text)


def test_the_table_fits_a_terminal_and_cuts_nothing_off(settings: Settings) -> None:
    text = shown(make(Wish(card="h100-80gb"), settings))
    assert "…" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    for word in (*PRODUCTION, "published", "assumed", "81,559 MiB", "Why"):
        assert word in text


def test_it_says_where_nothing_hears_audio(settings: Settings) -> None:
    assert "Audio" not in shown(make(Wish(card="a6000", models=["llm"]), settings))


def test_the_same_as_json(settings: Settings) -> None:
    planned = make(Wish(card="h100-80gb"), settings)
    found = json.loads(json.dumps(as_json(planned)))
    (one,) = found["plans"]
    assert one["free_mib"] == one["budget_mib"] - one["peak_mib"] == planned.plans[0].free_mib
    assert [model["name"] for model in one["models"]] == PRODUCTION
    assert {name: figure["source"] for name, figure in found["figures"].items()}["notebook"] == "assumed"


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command sets up the logs of its process, and here that is the one of all tests."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_the_command_writes_json_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BRICKYARD_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["plan", "--card", "l40s", "--split", "25000,20000", "--json"])
    assert result.exit_code == 0, result.stderr
    assert len(json.loads(result.stdout)["plans"]) == 2


def test_without_a_card_named_it_plans_for_this_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BRICKYARD_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["plan", "--json"])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["plans"]
