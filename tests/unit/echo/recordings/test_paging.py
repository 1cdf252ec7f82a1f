from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.echo.recordings.paging import begins_after, cursor
from brickyard.kit.errors import BadInput

ONE = UUID(int=1)
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(WORDS, st.uuids())
def test_a_page_begins_where_the_one_before_has_ended(place: str, identity: UUID) -> None:
    assert begins_after(cursor("name", place, identity), "name", "text") == (place, identity)


def test_a_place_has_the_kind_of_its_order() -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    assert begins_after(cursor("newest", at.isoformat(), ONE), "newest", "timestamptz") == (at, ONE)
    assert begins_after(cursor("longest", "9.5", ONE), "longest", "float8") == (9.5, ONE)


@given(st.one_of(st.text(), WORDS.map(lambda place: cursor("name", place, ONE)), st.just(cursor("oldest", "x", "y"))))
def test_anything_else_is_refused(after: str) -> None:
    with pytest.raises(BadInput, match="after: this is no `next`"):
        begins_after(after, "oldest", "timestamptz")
