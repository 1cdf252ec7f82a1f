from __future__ import annotations

import pytest

from brickyard.media.magic import why_not


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"\x89PNG\r\n", "This is a PNG image"),
        (b"PK\x03\x04", "This is a ZIP archive"),
        (b"#EXTM3U\n", "This is a playlist"),
        (b"\0\0\0\x20ftypisom", "looks like MP4"),
        (b"OggS", "looks like OGG"),
        (b"", "not a recording"),
        (b"Dear all,", "not a recording"),
    ],
)
def test_the_message_names_what_the_file_is(head: bytes, said: str) -> None:
    assert said in why_not(head)


def test_a_wrong_kind_is_told_what_is_allowed() -> None:
    assert "Allowed are WAV, MP3, M4A" in why_not(b"hello")
