from __future__ import annotations

from dataclasses import replace
from heapq import nlargest

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from brickyard.gpu.fit import Candidate, Card, Limits
from brickyard.gpu.plan import Place, Plan, assign, plan
from brickyard.kit.errors import BadInput, TooLarge

TURBO = Candidate(
    "turbo",
    300,
    1332,
    working={2: 530, 4: 970, 8: 1900, 16: 3750},
    x_realtime={2: 77, 4: 95, 8: 109, 16: 112},
    audio_share=1.0,
    uses_a_day=100,
)
DIARIZER = Candidate(
    "diarizer", 300, 40, working={8: 300, 16: 614}, x_realtime={8: 71, 16: 77}, audio_share=1.0, uses_a_day=100
)
LLM = Candidate("llm", 300, 17000, working={8: 1280, 16: 2560}, uses_a_day=100, holds_working=True)
OCR = Candidate("ocr", 300, 2700, working={1: 1000}, uses_a_day=100)
NOTEBOOK = Candidate("notebook", 0, 20000, pinned=True)
EVERYTHING = (TURBO, DIARIZER, LLM, OCR, NOTEBOOK)

few_mib = st.integers(0, 3000)
curves = st.lists(st.tuples(st.integers(1, 900), st.integers(1, 80)), max_size=4)


@st.composite
def candidates(draw: st.DrawFn, name: str) -> Candidate:
    """Working memory and speed grow with the batch. Some have no speed, some hear audio, some are pinned."""
    steps = draw(curves)
    working, speed = {}, {}
    mib = rate = 0
    for power, (more_mib, more_speed) in enumerate(steps):
        mib, rate = mib + more_mib, rate + more_speed
        working[2**power], speed[2**power] = mib, float(rate)
    hears = draw(st.booleans())
    return Candidate(
        name=name,
        context_mib=draw(st.sampled_from([0, 300])),
        weights_mib=draw(few_mib),
        working=working,
        x_realtime=speed if hears and draw(st.booleans()) else {},
        reload_s=draw(st.none() | st.floats(0, 100)),
        pinned=draw(st.sampled_from([False, False, True])),
        audio_share=draw(st.sampled_from([0.5, 1.0])) if hears else 0.0,
        uses_a_day=draw(st.integers(0, 500)),
        holds_working=not hears and draw(st.booleans()),
    )


wanted_models = st.integers(1, 5).flatmap(lambda count: st.tuples(*(candidates(f"m{n}") for n in range(count))))
some_limits = st.builds(Limits, at_once=st.integers(1, 4))
cards = st.builds(Card, st.just("card"), st.integers(100, 14_000), st.sampled_from([0, 100]))
many = settings(max_examples=200, deadline=None)


def planned(card: Card, wanted: tuple[Candidate, ...], limits: Limits) -> Plan:
    try:
        return plan(card, wanted, limits)
    except TooLarge:
        assume(False)
        raise


def served(found: Plan) -> set[str]:
    return {model.name for model in found.models if model.place is not Place.LEFT_OUT}


def most_held_mib(found: Plan, wanted: tuple[Candidate, ...], at_once: int) -> int:
    """Counted anew, out of what the plan says: all that stay and any one that takes turns, with their chunks."""
    holds = {candidate.name: candidate.holds_working for candidate in wanted}
    stay = [model for model in found.models if model.place is Place.RESIDENT]
    turns = [model for model in found.models if model.place is Place.SWAPS]
    most = 0
    for turn in [[], *([model] for model in turns)]:
        loaded = [*stay, *turn]
        context_mib = sum(model.working_mib for model in loaded if holds[model.name])
        chunks = [model.working_mib for model in loaded if not holds[model.name]]
        most = max(most, sum(model.resident_mib for model in loaded) + context_mib + sum(nlargest(at_once, chunks)))
    return most


@many
@given(cards, wanted_models, some_limits)
def test_never_above_the_budget(card: Card, wanted: tuple[Candidate, ...], limits: Limits) -> None:
    found = planned(card, wanted, limits)
    assert most_held_mib(found, wanted, limits.at_once) == found.peak_mib <= card.budget_mib
    assert found.free_mib >= 0


@many
@given(cards, st.integers(0, 4000), wanted_models, some_limits)
def test_a_larger_card_never_gets_a_worse_plan(
    card: Card, more_mib: int, wanted: tuple[Candidate, ...], limits: Limits
) -> None:
    small = planned(card, wanted, limits)
    large = planned(replace(card, total_mib=card.total_mib + more_mib), wanted, limits)
    assert served(small) <= served(large)
    if served(small) < served(large):
        return  # more is served, which may take time from audio
    assert (small.audio_hours_a_day is None) == (large.audio_hours_a_day is None)
    assert (large.audio_hours_a_day or 0) >= (small.audio_hours_a_day or 0)
    deaf = not any(candidate.audio_share for candidate in wanted)
    if deaf or (large.audio_hours_a_day and large.audio_hours_a_day == small.audio_hours_a_day):
        assert loads(large) <= loads(small)


def loads(found: Plan) -> float:
    return sum(model.loads_a_day for model in found.models)


@many
@given(cards, wanted_models, some_limits)
def test_pinned_models_stay_or_the_plan_is_refused(card: Card, wanted: tuple[Candidate, ...], limits: Limits) -> None:
    pinned = tuple(candidate for candidate in wanted if candidate.pinned)
    held_mib = sum(candidate.context_mib + candidate.weights_mib for candidate in pinned)
    least_mib = held_mib + _least_at_work(pinned, limits.at_once)
    if least_mib > card.budget_mib:
        with pytest.raises(TooLarge, match=f"{least_mib - card.budget_mib:,} MiB are missing"):
            plan(card, wanted, limits)
        return
    places = {model.name: model.place for model in plan(card, wanted, limits).models}
    assert all(places[candidate.name] is Place.RESIDENT for candidate in pinned)


def _least_at_work(pinned: tuple[Candidate, ...], at_once: int) -> int:
    smallest = [(candidate.holds_working, min(candidate.working.values(), default=0)) for candidate in pinned]
    chunks = nlargest(at_once, (mib for holds, mib in smallest if not holds))
    return sum(chunks) + sum(mib for holds, mib in smallest if holds)


@many
@given(cards, wanted_models, some_limits)
def test_the_same_again_is_the_same(card: Card, wanted: tuple[Candidate, ...], limits: Limits) -> None:
    assert planned(card, wanted, limits) == plan(card, wanted, limits)


@many
@given(cards, wanted_models, some_limits)
def test_nobody_takes_turns_alone_and_everybody_has_reasons(
    card: Card, wanted: tuple[Candidate, ...], limits: Limits
) -> None:
    found = planned(card, wanted, limits)
    assert sum(model.place is Place.SWAPS for model in found.models) != 1
    assert [model.name for model in found.models] == [candidate.name for candidate in wanted]
    for model in found.models:
        assert model.why
        assert "-" not in "".join(model.why)  # nothing is missing by less than nothing
        assert model.place is not Place.LEFT_OUT or model.batch is None


@many
@given(cards, wanted_models, some_limits)
def test_hours_are_not_told_where_a_speed_is_not_known(
    card: Card, wanted: tuple[Candidate, ...], limits: Limits
) -> None:
    found = planned(card, wanted, limits)
    silent = {candidate.name for candidate in wanted if candidate.audio_share and not candidate.x_realtime}
    if silent & served(found):
        assert found.audio_hours_a_day is None
        assert found.card_s_per_audio_h is None


@many
@given(st.lists(cards, min_size=1, max_size=3), wanted_models, some_limits)
def test_every_model_goes_on_one_part(parts: list[Card], wanted: tuple[Candidate, ...], limits: Limits) -> None:
    shares = assign(parts, wanted, limits)
    assert len(shares) == len(parts)
    assert sorted(each.name for share in shares for each in share) == sorted(each.name for each in wanted)
    assert shares == assign(parts, wanted, limits)


def test_everything_stays_on_a_large_card() -> None:
    found = plan(Card("h100", 81_559, 2_800), EVERYTHING)
    assert {model.place for model in found.models} == {Place.RESIDENT}
    assert [model.batch for model in found.models] == [8, 16, 16, 1, None]
    seconds = 3600 / 109 + 3600 / 77
    assert found.card_s_per_audio_h == pytest.approx(seconds)
    assert found.audio_hours_a_day == pytest.approx(24 * 3600 / seconds)
    assert found.audio_hours_a_working_day == pytest.approx(8 * 3600 / seconds)
    assert found.swap_s_a_day == 0
    assert found.notes == (
        f"An hour of audio takes of the card: 33 s for turbo + 47 s for diarizer = {seconds:.0f} s.",
    )


def test_loading_is_taken_from_the_day_and_said_to_be_assumed() -> None:
    found = plan(Card("rtx4090", 24_564, 2_800), (TURBO, DIARIZER, LLM, OCR))
    turns = [model for model in found.models if model.place is Place.SWAPS]
    assert [model.name for model in turns] == ["turbo", "llm", "ocr"]
    assert all(model.reload_assumed and model.loads_a_day == 100 for model in turns)
    taken_s = 100 * sum(model.reload_s for model in turns)
    assert found.swap_s_a_day == pytest.approx(taken_s)
    assert found.swap_share_of_day == pytest.approx(taken_s / 86_400)
    assert found.audio_hours_a_day == pytest.approx((86_400 - taken_s) / (3600 / 109 + 3600 / 77))
    assert any("10 s to start and 500 MiB a second are assumed" in note for note in found.notes)


def test_what_would_have_to_be_there_to_stay_is_right() -> None:
    """With just as many MiB more the model stays, with one less it does not."""
    one, two = (Candidate(name, 0, 1000, working={1: 100}, uses_a_day=uses) for name, uses in (("a", 1), ("b", 2)))
    small = plan(Card("c", 1900), (one, two))
    assert [model.place for model in small.models] == [Place.SWAPS, Place.SWAPS]
    assert "300 MiB more would let it stay" in small.models[0].why[0]
    assert plan(Card("c", 2199), (one, two)).models[0].place is Place.SWAPS
    assert plan(Card("c", 2200), (one, two)).models[0].place is Place.RESIDENT


def test_reasons_name_what_is_missing() -> None:
    found = plan(Card("c", 1632 + 970), (TURBO,))
    assert found.models[0].batch == 4
    assert found.models[0].why[1] == "Batch 8 would be of use, but 930 MiB are missing for it."


def test_a_larger_batch_that_gains_little_is_named() -> None:
    found = plan(Card("c", 80_000), (TURBO,))
    assert found.models[0].why[1] == "Batch 16 would give only 2.8% more speed."


def test_pinned_models_that_do_not_fit_are_refused_with_what_is_missing() -> None:
    with pytest.raises(TooLarge) as caught:
        plan(Card("small", 30_000, 1_000), (NOTEBOOK, replace(LLM, pinned=True)))
    needed = 20_000 + 17_300 + 1_280
    assert f"{needed - 29_000:,} MiB are missing" in caught.value.message
    assert "notebook, llm" in caught.value.message


def test_a_model_that_can_not_run_is_left_out_and_audio_with_it() -> None:
    found = plan(Card("small", 21_000), (TURBO, DIARIZER, NOTEBOOK))
    turbo, diarizer, _ = found.models
    assert turbo.place is Place.LEFT_OUT
    assert turbo.why == ("It can't run here beside notebook: 1,162 MiB are missing, at its smallest batch.",)
    assert diarizer.place is Place.RESIDENT
    assert (found.audio_hours_a_day, found.audio_hours_a_working_day) == (0, 0)
    assert "No audio is served as wanted: turbo can't run." in found.notes


def test_a_speed_that_is_not_known_is_not_made_up() -> None:
    parakeet = Candidate("parakeet", 300, 2500, working={1: 60, 2: 120}, audio_share=1.0, uses_a_day=1)
    found = plan(Card("c", 40_000), (parakeet, DIARIZER))
    assert found.audio_hours_a_day is None
    assert found.models[0].batch == 1
    assert any("no speed is known for parakeet" in note for note in found.notes)


def test_a_model_named_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="turbo was named twice"):
        plan(Card("c", 40_000), (TURBO, TURBO))


def test_parts_get_what_they_have_room_for() -> None:
    shares = assign([Card("a", 24_000), Card("b", 22_500)], EVERYTHING)
    assert [[each.name for each in share] for share in shares] == [["ocr", "notebook"], ["turbo", "diarizer", "llm"]]


def test_what_fits_nowhere_beside_the_others_goes_on_the_largest_part() -> None:
    shares = assign([Card("a", 20_000), Card("b", 25_000)], (NOTEBOOK, LLM))
    assert [[each.name for each in share] for share in shares] == [["llm"], ["notebook"]]
    shares = assign([Card("a", 18_000), Card("b", 25_000)], (NOTEBOOK, LLM))
    assert [[each.name for each in share] for share in shares] == [[], ["notebook", "llm"]]
