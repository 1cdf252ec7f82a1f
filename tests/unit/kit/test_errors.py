from __future__ import annotations

import re

import pytest

from brickyard.kit import errors
from brickyard.kit.errors import BadInput, BadMedia, BrickyardError, NotFound, OutOfMemory, Unavailable, by_code

FAMILY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BrickyardError)]


def test_codes_are_unique() -> None:
    assert len({kind.code for kind in FAMILY}) == len(FAMILY)


@pytest.mark.parametrize("kind", FAMILY)
def test_an_error_survives_the_way_to_another_process(kind: type[BrickyardError]) -> None:
    copy = by_code(kind.code, "why")
    assert type(copy) is kind
    assert (copy.message, str(copy)) == ("why", "why")
    assert copy.status == kind.status


@pytest.mark.parametrize("kind", FAMILY)
def test_the_drawing_tells_each_status(kind: type[BrickyardError]) -> None:
    if kind is not BrickyardError:
        assert re.search(rf"── {kind.__name__} +{kind.status}\s", errors.__doc__ or "")


def test_a_code_that_nobody_knows_is_an_internal_error() -> None:
    unknown = by_code("from a newer version", "what it said")
    assert type(unknown) is BrickyardError
    assert (unknown.status, unknown.message) == (500, "what it said")


def test_a_kind_that_another_module_adds_is_known_as_well() -> None:
    class Stolen(NotFound):
        code = "stolen"

    assert type(by_code("stolen", "by whom?")) is Stolen


def test_only_what_is_away_may_come_back() -> None:
    assert Unavailable.transient
    assert OutOfMemory.transient
    assert not any(kind.transient for kind in (BrickyardError, BadInput, BadMedia, NotFound))
