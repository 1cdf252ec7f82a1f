from __future__ import annotations

import pytest

from brickyard.gpu.fit import Candidate, Card, Choice, Limits, Option, best, hours, options, reload_s, smallest
from brickyard.kit.errors import BadInput

TURBO = Candidate(
    "turbo",
    300,
    1332,
    working={2: 530, 4: 970, 8: 1900, 16: 3750, 32: 7470},
    x_realtime={2: 77, 4: 95, 8: 109, 16: 112, 32: 115},
    audio_share=1.0,
    uses_a_day=100,
)
LLM = Candidate("llm", 300, 17000, working={8: 1280, 16: 2560, 32: 5120}, uses_a_day=100, holds_working=True)
OCR = Candidate("ocr", 300, 2700, working={1: 1000, 4: 2000}, uses_a_day=10)
NOTEBOOK = Candidate("notebook", 0, 20000, pinned=True)


def batches(candidate: Candidate) -> list[int | None]:
    return [option.batch for option in options(candidate)]


def held(*models: tuple[Candidate, int], swapping: tuple[Candidate, int] | None = None, at_once: int = 2) -> int:
    everybody = [*models, *([swapping] if swapping else [])]
    chosen = {model.name: Option(1, working_mib) for model, working_mib in everybody}
    turns = (swapping[0],) if swapping else ()
    return Choice(tuple(model for model, _ in models), turns, chosen, Limits(at_once=at_once)).peak_mib()


A, B, C = (Candidate(name, 0, 1000) for name in "abc")


def test_batches_end_where_a_step_gains_too_little() -> None:
    assert batches(TURBO) == [2, 4, 8]


def test_without_a_speed_the_smallest_batch_is_all_there_is() -> None:
    assert batches(OCR) == [1]


def test_longer_contexts_are_of_use_without_a_speed() -> None:
    assert batches(LLM) == [8, 16, 32]


def test_what_does_no_chunks_has_no_batch() -> None:
    assert options(NOTEBOOK) == [Option(None, 0)]


def test_the_memory_of_a_batch_between_known_ones_is_that_of_the_next_larger() -> None:
    assert options(Candidate("x", 0, 0, working={4: 40, 8: 80}, x_realtime={2: 10, 8: 20})) == [
        Option(2, 40, 10),
        Option(8, 80, 20),
    ]


def test_no_batch_is_offered_whose_memory_is_not_known() -> None:
    assert batches(Candidate("x", 0, 0, working={2: 40}, x_realtime={2: 10, 8: 20})) == [2]


def test_as_many_chunks_count_as_are_computed_at_once() -> None:
    assert held((A, 10), (B, 30), (C, 20)) == 3000 + 30 + 20
    assert held((A, 10), (B, 30), (C, 20), at_once=1) == 3000 + 30
    assert held((A, 10), (B, 30), (C, 20), at_once=9) == 3000 + 60


def test_a_context_is_held_also_while_others_compute() -> None:
    llm = Candidate("llm", 0, 1000, holds_working=True)
    assert held((A, 10), (B, 30), (llm, 500), at_once=1) == 3000 + 500 + 30


def test_those_that_take_turns_count_one_at_a_time() -> None:
    chosen = {model.name: Option(1, 10) for model in (A, B, C)}
    assert Choice((A,), (B, C), chosen, Limits()).peak_mib() == 2000 + 20


def test_a_reload_that_was_not_measured_is_assumed_by_size() -> None:
    limits = Limits(start_s=10, read_mib_s=500)
    assert reload_s(LLM, limits) == 10 + 34
    assert reload_s(Candidate("x", 0, 17000, reload_s=3.5), limits) == 3.5


def test_time_for_loading_is_taken_from_the_day() -> None:
    assert hours(24, audio_s=80, swap_s=0) == 1080
    assert hours(24, audio_s=80, swap_s=8 * 3600) == 720
    assert hours(8, audio_s=80, swap_s=9 * 3600) == 0


def test_all_stay_where_there_is_room() -> None:
    choice = best(Card("c", 80_000), [NOTEBOOK], [TURBO, LLM, OCR], Limits())
    assert [each.name for each in choice.resident] == ["notebook", "turbo", "llm", "ocr"]
    assert not choice.swapping
    assert {name: option.batch for name, option in choice.options.items()} == {
        "notebook": None,
        "turbo": 8,
        "llm": 32,
        "ocr": 1,
    }


def test_what_is_cheapest_to_load_takes_turns() -> None:
    """2,000 MiB for two of three: the one that is called for most stays."""
    seldom, often, rare = (
        Candidate(name, 0, 1000, uses_a_day=uses) for name, uses in (("seldom", 20), ("often", 100), ("rare", 5))
    )
    choice = best(Card("c", 2000), [], [seldom, often, rare], Limits())
    assert [each.name for each in choice.resident] == ["often"]
    assert [each.name for each in choice.swapping] == ["seldom", "rare"]


def test_a_larger_batch_is_worth_more_than_a_model_that_stays_for_nothing() -> None:
    """Room for the batch of 8 or for both small models, which are hardly ever called for."""
    small = [Candidate(name, 0, 1000, uses_a_day=0.01) for name in ("x", "y")]
    choice = best(Card("c", 1632 + 1900 + 1000), [], [TURBO, *small], Limits())
    assert choice.options["turbo"].batch == 8
    assert [each.name for each in choice.swapping] == ["x", "y"]


def test_a_smaller_batch_is_taken_where_loading_would_cost_more() -> None:
    small = [Candidate(name, 0, 1000, uses_a_day=1000) for name in ("x", "y")]
    choice = best(Card("c", 1632 + 970 + 2000), [], [TURBO, *small], Limits())
    assert choice.options["turbo"].batch == 4
    assert not choice.swapping


def test_what_runs_nowhere_is_in_no_choice() -> None:
    choice = best(Card("c", 5_000), [], [LLM, OCR], Limits())
    assert list(choice.options) == ["ocr"]


def test_more_models_than_can_be_weighed_are_refused() -> None:
    many = [Candidate(f"m{number}", 0, 1) for number in range(11)]
    with pytest.raises(BadInput, match="11 models are not pinned; plan at most 10"):
        best(Card("c", 100), [], many, Limits())


def test_the_smallest_choice_has_the_smallest_batches() -> None:
    assert smallest([TURBO], [LLM], Limits()).options == {"turbo": Option(2, 530, 77), "llm": Option(8, 1280)}
