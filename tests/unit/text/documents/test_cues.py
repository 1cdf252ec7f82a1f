from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.documents import Kind, texts_of, with_texts

SRT = """1
00:00:01,000 --> 00:00:02,500
Hello there,
old friend.

2
00:00:03,000 --> 00:00:04,000
{\\an8}<i>Music</i>

3
00:00:05,000 --> 00:00:06,000
- Who is it?
- Me.
"""
VTT = """WEBVTT - The title

STYLE
::cue { color: red }

NOTE a remark

intro
00:01.000 --> 00:02.000 align:left
<v Ann>Salt &amp; pepper</v>
"""


def test_srt() -> None:
    texts = texts_of(Kind.srt, SRT.encode())
    assert texts == ["Hello there, old friend.", "Music", "- Who is it?", "- Me."]
    new = with_texts(
        Kind.srt, SRT.encode(), ["Bonjour, mon ami, c'est toi que je vois là-bas ?", "Musique", "- Q", "- M"]
    )
    assert new.decode() == SRT.replace(
        "Hello there,\nold friend.", "Bonjour, mon ami, c'est toi que je vois\nlà-bas ?"
    ).replace("Music", "Musique").replace("- Who is it?\n- Me.", "- Q\n- M")


def test_vtt() -> None:
    assert texts_of(Kind.vtt, VTT.encode()) == ["Salt & pepper"]
    new = with_texts(Kind.vtt, VTT.encode(), ["a < b --> c & d"]).decode()
    assert new == VTT.replace("Salt &amp; pepper", "a &lt; b --&gt; c &amp; d")


def test_a_text_cannot_become_times() -> None:
    new = with_texts(Kind.srt, SRT.encode(), ["a\n\n00:00:09,000 --> 00:00:10,000\nb", "c", "d", "e"]).decode()
    assert new.count("-->") == 3
    assert new.count("\n\n") == SRT.count("\n\n")


anything = st.text(st.one_of(st.characters(), st.sampled_from("<>&{}-\\/\n\r\0\x1b\x85\u2028 \ud800")), max_size=30)


@pytest.mark.parametrize(("kind", "source"), [(Kind.srt, SRT), (Kind.vtt, VTT)])
@given(data=st.data())
def test_whatever_a_translation_says_there_are_the_same_cues(kind: Kind, source: str, data: st.DataObject) -> None:
    count = len(texts_of(kind, source.encode()))
    new = with_texts(kind, source.encode(), data.draw(st.lists(anything, min_size=count, max_size=count))).decode()
    times = [line for line in source.splitlines() if "-->" in line]
    assert [line for line in new.splitlines() if "-->" in line] == times
    tags = re.compile(r"<[A-Za-z/!?][^>]*>")
    assert tags.findall(new) == tags.findall(source)
    assert len(re.split(r"\n\s*\n", new.strip())) == len(re.split(r"\n\s*\n", source.strip())), "a cue was cut in two"


@pytest.mark.parametrize(
    ("said", "shown"), [("a ---> b", "a ---\u200b> b"), ("<b>x", "<\u200bb>x"), ("\n \n", "Hello.")]
)
def test_what_a_player_would_take_for_marks_is_text(said: str, shown: str) -> None:
    source = "1\n00:00:01,000 --> 00:00:02,000\nHello.\n"
    assert with_texts(Kind.srt, source.encode(), [said]).decode() == source.replace("Hello.", shown)
