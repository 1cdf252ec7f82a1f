from __future__ import annotations

import html
import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brickyard.text.spoken import Segment, Word
from brickyard.text.subtitles import (
    CUE_LETTERS,
    CUE_S,
    LINE_LETTERS,
    SHORTEST_CUE_S,
    TextFormat,
    clock,
    cues_of,
    render,
    srt,
    srt_text,
    txt,
    vtt,
)

SRT_CUE = re.compile(r"(\d+)\n(\d{2,}):(\d\d):(\d\d),(\d{3}) --> (\d{2,}):(\d\d):(\d\d),(\d{3})\n((?:.+\n){1,2})")
VTT_CUE = re.compile(r"(\d{2,}):(\d\d):(\d\d)\.(\d{3}) --> (\d{2,}):(\d\d):(\d\d)\.(\d{3})\n((?:.+\n){1,2})")
some = settings(max_examples=40, deadline=None)
ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}

letters = st.characters(categories=["L", "N", "P", "Sm"])
words_texts = st.one_of(
    st.text(letters, min_size=1, max_size=12),
    st.sampled_from(["so.", "well,", "a-->b", "<i>", "&amp;", "R&D", "it's", "12", "…", "naïve"]),
)


def transcript(*segments: Segment) -> list[Segment]:
    return list(segments)


def segment(words: Sequence[Word], speaker: str | None = None) -> Segment:
    text = " ".join(word.text for word in words)
    return Segment(start=words[0].start, end=words[-1].end, speaker=speaker, text=text, words=list(words))


def said(text: str, start: float = 0.0, word_s: float = 0.5, speaker: str | None = None) -> Segment:
    own = [
        Word(start=start + word_s * n, end=start + word_s * (n + 1), text=word) for n, word in enumerate(text.split())
    ]
    return segment(own, speaker)


@st.composite
def transcripts(draw: st.DrawFn) -> list[Segment]:
    """Segments in order of their start, which may overlap where people talk at the same time."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        now = draw(st.floats(0, 4000))
        own = []
        for text in draw(st.lists(words_texts, min_size=1, max_size=16)):
            end = now + draw(st.sampled_from([0.0, 0.2, 0.5]) | st.floats(0, 3))
            own.append(Word(start=now, end=end, text=text))
            now = end + draw(st.sampled_from([0.0, 0.3]))
        found.append(segment(own, draw(st.sampled_from([None, "Speaker 1", "Ann <b> & Co"]))))
    return transcript(*sorted(found, key=lambda one: one.start))


def milliseconds(*parts: str) -> int:
    hours, minutes, seconds, rest = map(int, parts)
    assert minutes < 60
    assert seconds < 60
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


def parsed_srt(text: str) -> list[tuple[int, int, str]]:
    """Start and end in milliseconds, and the lines; refuses what is not SRT to the letter."""
    blocks = text.split("\n\n") if text else []
    found = []
    for number, block in enumerate(blocks, 1):
        cue = SRT_CUE.fullmatch(block.removesuffix("\n") + "\n")
        assert cue, block
        assert cue[1] == str(number)
        found.append((milliseconds(*cue.groups()[1:5]), milliseconds(*cue.groups()[5:9]), cue[10].removesuffix("\n")))
    assert not text or text.endswith("\n")
    return found


def parsed_vtt(text: str) -> list[tuple[int, int, str]]:
    """The same of WebVTT; voices are left as they stand."""
    head, *blocks = text.split("\n\n")
    assert head.removesuffix("\n") == "WEBVTT"
    found = []
    for block in blocks:
        cue = VTT_CUE.fullmatch(block.removesuffix("\n") + "\n")
        assert cue, block
        assert "-->" not in cue[9]
        found.append((milliseconds(*cue.groups()[:4]), milliseconds(*cue.groups()[4:8]), cue[9].removesuffix("\n")))
    return found


def plain(voiced: str) -> str:
    """What a WebVTT player shows of a cue."""
    inside = re.fullmatch(r"(?s)(?:<v ([^<>\n]+)>)?([^<>]*)(?:</v>)?", voiced)
    assert inside, voiced
    assert voiced.startswith("<v ") == voiced.endswith("</v>")
    assert not re.search(r"&(?!amp;|lt;|gt;)", voiced)
    return re.sub("&(amp|lt|gt);", lambda entity: ENTITIES[entity[0]], inside[2])


def words_of(source: list[Segment]) -> list[str]:
    return sorted(word.text for one in source for word in one.words)


# ---- cues


@some
@given(transcripts())
def test_cues_never_overlap_and_can_be_seen(source: list[Segment]) -> None:
    cues = cues_of(source)
    assert all(left.end <= right.start for left, right in pairwise(cues))
    assert all(cue.end - cue.start >= SHORTEST_CUE_S - 1e-9 for cue in cues)


@some
@given(transcripts())
def test_every_word_is_in_one_cue_of_its_speaker(source: list[Segment]) -> None:
    cues = cues_of(source)
    for speaker in {one.speaker for one in source}:
        own = transcript(*(one for one in source if one.speaker == speaker))
        assert sorted(w for cue in cues if cue.speaker == speaker for w in cue.text.split()) == words_of(own)


@some
@given(transcripts())
def test_cues_stay_within_two_lines_and_seven_seconds(source: list[Segment]) -> None:
    for cue in cues_of(source):
        several = " " in cue.text
        assert not several or len(cue.text) + len(f"{cue.speaker}: " if cue.speaker else "") <= CUE_LETTERS
        assert not several or cue.end - cue.start <= CUE_S + 1e-6


@some
@given(transcripts())
def test_no_cue_comes_before_its_words(source: list[Segment]) -> None:
    first = min((word.start for one in source for word in one.words), default=0.0)
    assert all(cue.start >= first for cue in cues_of(source))


def test_people_who_talk_at_the_same_time_are_shown_one_after_the_other() -> None:
    long = said("this goes on and on, for quite a while. and it goes on even longer than that.", speaker="Speaker 1")
    short = said("stop it!", start=2.0, speaker="Speaker 2")
    cues = cues_of(transcript(long, short))
    assert [(cue.speaker, cue.start, cue.end) for cue in cues] == [
        ("Speaker 1", 0.0, 2.0),
        ("Speaker 2", 2.0, 3.0),
        ("Speaker 1", 4.5, 8.5),
    ]


def test_what_begins_at_the_same_moment_is_still_seen() -> None:
    cues = cues_of(transcript(said("me", speaker="Speaker 1"), said("you", speaker="Speaker 2")))
    assert [(cue.text, cue.start, cue.end) for cue in cues] == [("me", 0.0, 0.5), ("you", 0.5, 1.0)]


def test_a_cue_ends_at_punctuation_in_its_second_half_if_there_is_any() -> None:
    text = (
        "the first of these sentences is all over here, and the next one goes on until the letters are used up entirely"
    )
    first, second = cues_of(transcript(said(text, word_s=0.2)))
    assert first.text.endswith("here,")
    assert second.text.startswith("and the next")


def test_without_punctuation_a_cue_takes_what_fits() -> None:
    first, *_ = cues_of(transcript(said("seven " * 40, word_s=0.1)))
    assert first.text == " ".join(["seven"] * 14)
    assert len(first.text) <= CUE_LETTERS < len(first.text) + len(" seven")


def test_a_short_word_is_shown_longer_where_nothing_follows() -> None:
    assert [(c.start, c.end) for c in cues_of(transcript(said("yes", word_s=0.1)))] == [(0.0, SHORTEST_CUE_S)]


def test_a_segment_without_words_is_cut_into_cues_as_well() -> None:
    text = "so many words that they would never fit into the two lines of one subtitle, " * 3
    bare = Segment(start=10.0, end=25.0, speaker=None, text=text.strip())
    cues = cues_of(transcript(bare))
    assert " ".join(cue.text for cue in cues) == text.strip()
    assert all(len(cue.text) <= CUE_LETTERS for cue in cues)
    assert (cues[0].start, cues[-1].end) == (10.0, 25.0)


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_what_has_no_letters_makes_no_cue(blank: str) -> None:
    bare = Segment(start=0.0, end=1.0, speaker="Speaker 1", text=blank)
    worded = segment([Word(start=1.0, end=2.0, text=blank)])
    assert cues_of(transcript(bare, worded)) == []


def test_line_breaks_inside_a_word_do_not_end_the_cue() -> None:
    broken = segment([Word(start=0.0, end=1.0, text="one\n\ntwo")])
    assert parsed_srt(srt(transcript(broken))) == [(0, 1000, "one two")]


# ---- SRT


@some
@given(transcripts())
def test_srt_can_be_read_back(source: list[Segment]) -> None:
    read = parsed_srt(srt(source))
    cues = cues_of(source)
    assert [(start, end) for start, end, _ in read] == [(round(c.start * 1000), round(c.end * 1000)) for c in cues]
    assert all(start < end for start, end, _ in read)
    assert all(left[1] <= right[0] for left, right in pairwise(read))
    shown = [lines.replace("\n", " ").replace("\u200b", "") for _, _, lines in read]
    assert shown == [f"{cue.speaker}: {cue.text}" if cue.speaker else cue.text for cue in cues]


def test_srt_to_the_letter() -> None:
    source = transcript(said("Hello there.", speaker="Speaker 1"), said("Hm.", start=3661.0))
    assert srt(source) == (
        "1\n00:00:00,000 --> 00:00:01,000\nSpeaker 1: Hello there.\n\n2\n01:01:01,000 --> 01:01:01,500\nHm.\n"
    )


@pytest.mark.parametrize(
    ("seconds", "stamp"),
    [
        (0.9994, "00:00:00,999"),
        (0.9996, "00:00:01,000"),
        (59.9996, "00:01:00,000"),
        (3599.9996, "01:00:00,000"),
        (3600.0, "01:00:00,000"),
        (86_399.9996, "24:00:00,000"),
        (360_000.0, "100:00:00,000"),
    ],
)
def test_stamps_roll_over(seconds: float, stamp: str) -> None:
    source = transcript(segment([Word(start=seconds, end=seconds + 1, text="now")]))
    assert srt(source).split("\n")[1].startswith(f"{stamp} --> ")
    assert vtt(source).split("\n")[2].startswith(stamp.replace(",", ".") + " --> ")


def test_long_lines_are_folded_near_their_middle() -> None:
    line = srt(transcript(said("these are more letters than would fit into a single line", word_s=0.2))).split("\n")[
        2:4
    ]
    assert line == ["these are more letters than", "would fit into a single line"]
    short = "x" * (LINE_LETTERS - 3) + " yz"
    assert srt(transcript(said(short))).split("\n")[2] == short
    word = "x" * (LINE_LETTERS + 10)
    assert srt(transcript(said(word))).split("\n")[2] == word


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("00:00:01,000 --> 00:00:02,000", "00:00:01,000 --\u200b> 00:00:02,000"),
        ("---> <b>bold</b> <!--", "---\u200b> <\u200bb>bold<\u200b/b> <\u200b!--"),
        ("{\\an8}up {y:i}", "{\u200b\\an8}up {\u200by:i}"),
        ("1 < 2 & {3}", "1 < 2 & {3}"),
    ],
)
def test_what_players_would_take_for_marks_is_text_in_srt(text: str, shown: str) -> None:
    assert srt_text(text) == shown
    assert srt_text(shown) == shown


# ---- WebVTT


@some
@given(transcripts())
def test_vtt_can_be_read_back(source: list[Segment]) -> None:
    read = parsed_vtt(vtt(source))
    cues = cues_of(source)
    assert [(start, end) for start, end, _ in read] == [(round(c.start * 1000), round(c.end * 1000)) for c in cues]
    assert [plain(voiced).replace("\n", " ") for _, _, voiced in read] == [cue.text for cue in cues]


def test_vtt_to_the_letter() -> None:
    source = transcript(said("I <3 R&D -->", speaker="A & <B>"), said("Hm.", start=3661.0))
    assert vtt(source) == (
        "WEBVTT\n"
        "\n"
        "00:00:00.000 --> 00:00:02.000\n<v A &amp; &lt;B&gt;>I &lt;3 R&amp;D --&gt;</v>\n"
        "\n"
        "01:01:01.000 --> 01:01:01.500\nHm.\n"
    )


# ---- plain text


def test_txt_has_a_paragraph_for_each_stretch_of_one_speaker() -> None:
    source = transcript(
        said("Good morning.", speaker="Speaker 1"),
        said("How are you?", start=2.0, speaker="Speaker 1"),
        said("Fine.", start=61.9, speaker="Speaker 2"),
        said("Who knows.", start=3661.0),
    )
    assert txt(source) == (
        "[00:00] Speaker 1: Good morning. How are you?\n[01:01] Speaker 2: Fine.\n[1:01:01] Who knows.\n"
    )


@some
@given(transcripts())
def test_txt_says_every_word_once_and_has_a_line_for_each_paragraph(source: list[Segment]) -> None:
    lines = txt(source).splitlines() if source else []
    said_words: list[str] = []
    for line in lines:
        paragraph = re.fullmatch(r"\[(?:\d+:)?\d\d:\d\d\] (?:(?:Speaker 1|Ann <b> & Co): )?(.*)", line)
        assert paragraph, line
        said_words += paragraph[1].split()
    assert sorted(said_words) == words_of(source)


def test_a_monologue_is_broken_into_paragraphs() -> None:
    source = transcript(*(said("Word.", start=float(n), speaker="Speaker 1") for n in range(30)))
    assert [line.count("Word.") for line in txt(source).splitlines()] == [12, 12, 6]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0, "00:00"), (59.99, "00:59"), (3599.9, "59:59"), (3600.0, "1:00:00"), (7325.0, "2:02:05")],
)
def test_the_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


# ---- all

anything = st.text(
    st.one_of(st.characters(), st.sampled_from("<>&{}-\\/\n\r\t\0\x1b\x85\u2028\u202e\u200f \ud800")), max_size=40
)


@st.composite
def hostile(draw: st.DrawFn) -> list[Segment]:
    """Texts and names of any kind, with words of any kind, or none."""
    found = []
    for number in range(draw(st.integers(0, 4))):
        words = [
            Word(start=10.0 * number + n, end=10.0 * number + n + 1, text=text)
            for n, text in enumerate(draw(st.lists(anything, max_size=4)))
        ]
        text = draw(anything | st.just("".join(word.text for word in words)))
        speaker = draw(st.none() | anything)
        found.append(Segment(start=10.0 * number, end=10.0 * number + 5, speaker=speaker, text=text, words=words))
    return transcript(*found)


@given(hostile())
def test_whatever_is_said_no_cue_is_lost_or_forged(source: list[Segment]) -> None:
    cues = cues_of(source)
    times = [(round(cue.start * 1000), round(cue.end * 1000)) for cue in cues]
    from_srt, from_vtt = parsed_srt(srt(source)), parsed_vtt(vtt(source))
    assert [cue[:2] for cue in from_srt] == [cue[:2] for cue in from_vtt] == times
    assert not any("-->" in lines or re.search(r"<[A-Za-z/!?]", lines) for _, _, lines in from_srt)
    assert [html.unescape(plain(lines)).replace("\n", " ") for _, _, lines in from_vtt] == [cue.text for cue in cues]


@given(hostile())
def test_whatever_is_said_can_be_written_and_hides_nothing(source: list[Segment]) -> None:
    for form in TextFormat:
        text = render(source, form).encode("utf-8").decode()
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", text)


@given(hostile())
def test_txt_has_no_forged_paragraphs(source: list[Segment]) -> None:
    """A paragraph goes on while the speaker is the same; these are too few to be broken for their number."""
    names = [" ".join((one.speaker or "").split()) for one in source]
    assert len(txt(source).split("\n")) - 1 <= len(names)
    assert all(line.startswith("[") for line in txt(source).split("\n")[:-1])


def test_an_empty_transcript() -> None:
    assert srt(transcript()) == ""
    assert vtt(transcript()) == "WEBVTT\n"
    assert txt(transcript()) == ""


@pytest.mark.parametrize(("form", "text"), [(TextFormat.srt, "1\n"), (TextFormat.vtt, "WEBVTT"), (TextFormat.txt, "[")])
def test_each_form_is_rendered(form: TextFormat, text: str) -> None:
    assert render(transcript(said("Hello.")), form).startswith(text)


def test_media_types() -> None:
    assert [form.media_type for form in TextFormat] == ["application/x-subrip", "text/vtt", "text/plain"]
