from __future__ import annotations

import pytest
from authlib.oauth2 import OAuth2Error
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.oauth.wire import Asked, plain
from brickyard.kit.errors import BadInput


@given(st.text())
def test_any_text_can_be_made_a_description(text: str) -> None:
    assert OAuth2Error(description=plain(text)).description == (plain(text) or "")


@given(st.dictionaries(st.text("abc", min_size=1), st.text("xyz\u00e9 "), min_size=1))
def test_a_form_counts_alone_where_one_was_sent(fields: dict[str, str]) -> None:
    pairs = tuple(fields.items())
    assert Asked("POST", "/", (("token", "of the address"),), pairs).parameters() == fields
    assert Asked("GET", "/", pairs, (("token", "of a body"),)).parameters() == fields


@pytest.mark.parametrize("pairs", [(("a", "1"), ("a", "1")), (("a", "\0"),), (("a\n", "1"),), (("a", "x" * 8001),)])
def test_what_is_given_twice_or_cannot_be_shown_is_refused(pairs: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(BadInput, match="The parameter a"):
        Asked("GET", "/", pairs).parameters()
