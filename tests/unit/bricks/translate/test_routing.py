from __future__ import annotations

from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.bricks.translate.routing import MOST_LEGS, Direction, all_routes, route, routes_from, sources
from brickyard.kit.errors import Unsupported

PAIRS = list(permutations(("ca", "de", "en", "es", "fr"), 2))
DIRECTIONS = st.lists(
    st.builds(
        lambda pair, engine, draft: Direction(*pair, engine, draft),
        st.sampled_from(PAIRS),
        st.sampled_from(("opus", "madlad", "apertium")),
        st.booleans(),
    ),
    max_size=12,
)


def way(*directions: Direction, source: str = "en", target: str = "fr", engine: str | None = None) -> list[str]:
    found = route(directions, source, target, engine)
    return [f"{leg.source}>{leg.target} {leg.engine}" for leg in found.legs]


def test_direct_goes_before_a_third_language_even_as_a_draft() -> None:
    assert way(
        Direction("en", "es", "opus"), Direction("es", "fr", "opus"), Direction("en", "fr", "apertium", True)
    ) == ["en>fr apertium"]


def test_a_sound_way_goes_before_a_shorter_draft() -> None:
    sound = [Direction("en", "de", "opus"), Direction("de", "es", "opus"), Direction("es", "fr", "opus")]
    drafts = [Direction("en", "ca", "apertium", True), Direction("ca", "fr", "apertium", True)]
    assert way(*drafts, *sound) == ["en>de opus", "de>es opus", "es>fr opus"]


def test_of_drafts_the_shortest_is_taken() -> None:
    drafts = [
        Direction(*pair, "apertium", draft=True)
        for pair in (("en", "de"), ("de", "es"), ("es", "fr"), ("en", "ca"), ("ca", "fr"))
    ]
    assert way(*drafts) == ["en>ca apertium", "ca>fr apertium"]


def test_of_models_for_one_pair_the_first_that_is_no_draft_is_taken() -> None:
    models = [Direction("en", "fr", "apertium", True), Direction("en", "fr", "opus"), Direction("en", "fr", "madlad")]
    assert way(*models) == ["en>fr opus"]
    assert way(*models, engine="madlad") == ["en>fr madlad"]


def test_of_two_third_languages_english_is_taken() -> None:
    legs = [("es", "ca"), ("ca", "fr"), ("es", "en"), ("en", "fr")]
    assert way(*[Direction(*pair, "opus") for pair in legs], source="es") == ["es>en opus", "en>fr opus"]


def test_more_than_three_legs_are_too_many() -> None:
    chain = [Direction(*pair, "opus") for pair in pairwise(["en", "es", "ca", "de", "fr"])]
    assert list(routes_from(chain, "en")) == ["ca", "de", "es"]
    with pytest.raises(Unsupported) as caught:
        way(*chain)
    assert all(part in caught.value.message for part in ("'en' to 'fr'", "ca, de, es", "apertium-", "opus-mt-en-fr"))


def test_what_is_not_there_is_said_with_what_is() -> None:
    with pytest.raises(Unsupported, match="from no language"):
        way()
    with pytest.raises(Unsupported, match="'opus' here; there are: madlad"):
        way(Direction("en", "fr", "madlad"), engine="opus")


@given(DIRECTIONS)
def test_routes_lead_where_they_say(directions: list[Direction]) -> None:
    for found in all_routes(directions):
        assert 1 <= len(found.legs) <= MOST_LEGS
        assert all(one.target == other.source for one, other in pairwise(found.legs))
        assert all(leg in directions for leg in found.legs)
        assert len(set(found.languages)) == len(found.languages)
        direct = [each for each in directions if [each.source, each.target] == found.languages[:: len(found.legs)]]
        assert len(found.legs) == 1 or not direct


@given(DIRECTIONS)
def test_no_pair_that_can_be_reached_is_missing(directions: list[Direction]) -> None:
    reach = {(each.source, each.target) for each in directions}
    for _ in range(MOST_LEGS - 1):
        reach |= {(one, each.target) for one, middle in reach for each in directions if each.source == middle}
    expected = sorted({pair for pair in reach if pair[0] != pair[1]})
    assert [(found.languages[0], found.languages[-1]) for found in all_routes(directions)] == expected
    assert {source for source, _ in expected} == set(sources(directions))


@given(DIRECTIONS)
def test_a_draft_is_taken_only_where_no_other_way_is(directions: list[Direction]) -> None:
    sound = [each for each in directions if not each.draft]
    for found in all_routes(directions):
        if found.draft and len(found.legs) > 1:
            assert found.languages[-1] not in routes_from(sound, found.languages[0])
