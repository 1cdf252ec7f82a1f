from __future__ import annotations

import pytest

from brickyard.echo.uploads.schemas import wishes
from brickyard.kit.errors import BadInput
from tests.unit.echo.uploads.standing import said


def test_name_and_fields() -> None:
    header = said(
        filename="a.wav", name="b.wav", filetype="audio/wav", relativePath="x/a.wav", language="en", speakers="2"
    )
    name, fields = wishes(header)
    assert name == "a.wav"
    assert (fields.options.language, fields.options.speakers) == ("en", 2)


def test_what_is_empty_was_not_filled_in() -> None:
    name, fields = wishes(said(name="b.wav", language="", speakers=""))
    assert name == "b.wav"
    assert fields.options == wishes("")[1].options


@pytest.mark.parametrize(("values", "field"), [({"speakers": "many"}, "speakers"), ({"colour": "red"}, "colour")])
def test_wrong_fields_are_named(values: dict[str, str], field: str) -> None:
    with pytest.raises(BadInput, match=f"Upload-Metadata, {field}: "):
        wishes(said(**values))
