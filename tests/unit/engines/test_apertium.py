from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brickyard.engines.apertium import Apertium, installed_modes, stages
from brickyard.kit.errors import Unavailable, Unsupported

PROGRAM = """#!{python}
import os, sys, time
assert sys.argv[1] == "-z"
rest = b""
while piece := os.read(0, 1 << 16):
    *texts, rest = (rest + piece).split(b"\\0")
    for text in texts:
        if b"die" in text:
            sys.exit(1)
        if b"hang" in text:
            time.sleep(60)
        answer = {work} + b"\\0"
        while answer:
            answer = answer[os.write(1, answer):]
"""
"""Answers each text that a NUL ends, as a stage of Apertium does; one word kills it, another makes it hang."""

needs_apertium = pytest.mark.skipif(
    ("en", "es") not in installed_modes(), reason="the package apertium-eng-spa is not installed"
)


@pytest.fixture
def modes(tmp_path: Path) -> Path:
    """A pair eng-spa of two programs: the first makes letters large, the second turns each O into a zero."""
    for name, work in (("large", "text.upper()"), ("zero", 'text.replace(b"O", b"0")')):
        (tmp_path / f"{name} program").write_text(PROGRAM.format(python=sys.executable, work=work))
        (tmp_path / f"{name} program").chmod(0o755)
    (tmp_path / "eng-spa.mode").write_text(f"'{tmp_path}/large program' $1 'a b' | '{tmp_path}/zero program' $2\n")
    return tmp_path


@pytest.fixture
def toy(modes: Path) -> Iterator[Apertium]:
    engine = Apertium(modes, limit_s=1.0)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def real() -> Iterator[Apertium]:
    engine = Apertium(limit_s=20.0)
    yield engine
    engine.close()


def programs() -> set[int]:
    return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


def test_a_mode_file_says_which_programs_there_are(modes: Path) -> None:
    assert stages(modes / "eng-spa.mode") == [
        [f"{modes}/large program", "-z", "-n", "a b"],
        [f"{modes}/zero program", "-z"],
    ]


def test_pairs_are_those_of_the_mode_files_without_variants(tmp_path: Path) -> None:
    for name in ("eng-spa", "es-pt", "es-pt_BR", "eco-es-fr", "eng-cat_valencia", "xyz-spa", "ita-spa", "fr-es"):
        (tmp_path / f"{name}.mode").touch()
    assert set(installed_modes(tmp_path)) == {("en", "es"), ("es", "pt"), ("it", "es"), ("fr", "es")}
    assert installed_modes(tmp_path / "absent") == {}


def test_texts_flow_through_all_programs_and_keep_their_order_and_spaces(toy: Apertium) -> None:
    assert toy.translate(["so be it", "", "  \n", " no\t", "two\n\nparts"], "en", "es") == [
        "S0 BE IT", "", "  \n", " N0\t", "TW0\n\nPARTS",
    ]  # fmt: skip


def test_programs_stay_until_they_are_not_needed(toy: Apertium) -> None:
    before = programs()
    toy.translate(["a"], "en", "es")
    own = programs() - before
    toy.translate(["b"], "en", "es")
    assert len(own) == 2
    assert programs() - before == own
    toy.drop_caches()
    assert programs() == before
    assert toy.translate(["c"], "en", "es") == ["C"]
    toy.close()
    assert programs() == before


def test_of_many_chains_those_used_last_stay(modes: Path) -> None:
    (modes / "eng-cat.mode").write_bytes((modes / "eng-spa.mode").read_bytes())
    before = programs()
    engine = Apertium(modes, most_chains=1)
    engine.translate(["a"], "en", "es")
    spanish = programs() - before
    assert engine.translate(["b"], "en", "ca") == ["B"]
    catalan = programs() - before
    assert len(spanish) == len(catalan) == 2
    assert not spanish & catalan
    assert engine.translate(["c"], "en", "es") == ["C"]
    engine.close()
    assert programs() == before


def test_a_text_of_many_letters_does_not_fill_the_pipes(toy: Apertium) -> None:
    text = "a lot of words " * 50_000
    assert toy.translate([text, "b"], "en", "es") == [text.upper().replace("O", "0"), "B"]


@pytest.mark.parametrize(("word", "reason"), [("die", "ended"), ("hang", "no answer")])
def test_a_text_that_breaks_the_programs_spoils_no_other(toy: Apertium, word: str, reason: str) -> None:
    with pytest.raises(Unavailable, match=f"en→es.*{reason}"):
        toy.translate([f"to {word}"], "en", "es")
    assert toy.translate(["so"], "en", "es") == ["S0"]


def test_programs_that_somebody_killed_are_started_again(toy: Apertium) -> None:
    before = programs()
    toy.translate(["a"], "en", "es")
    for pid in programs() - before:
        psutil.Process(pid).kill()
    psutil.wait_procs(psutil.Process().children(), timeout=0.2)
    assert toy.translate(["so", "be it"], "en", "es") == ["S0", "BE IT"]


def test_a_pair_or_program_that_is_not_there_is_named(toy: Apertium, tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"es→en.*installed: en→es"):
        toy.translate(["a"], "es", "en")
    (tmp_path / "eng-cat.mode").write_text("no-such-program $1")
    with pytest.raises(Unsupported, match="no-such-program"):
        Apertium(tmp_path).translate(["a"], "en", "ca")


def test_several_threads_may_use_it(toy: Apertium) -> None:
    answers: dict[int, list[str]] = {}

    def ask(number: int) -> None:
        answers[number] = toy.translate([f"text {number} of {n}" for n in range(50)], "en", "es")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [f"TEXT {number} 0F {n}" for n in range(50)] for number in range(4)}


@needs_apertium
def test_the_real_one_translates_without_marks_for_what_it_does_not_know(real: Apertium) -> None:
    assert real.draft
    assert real.translate(["The house is big.", "zxqwy"], "en", "es") == ["La casa es grande.", "zxqwy"]


@needs_apertium
def test_reserved_letters_and_placeholders_come_through(real: Apertium) -> None:
    text = "The price is $5 [x] ^ / {y} <b> @ \\ ~ *z* in ZQ1ZQ of 2019 😀"
    [answer] = real.translate([text], "en", "es")
    for kept in ("$5", "[x]", "^", "/", "{y}", "<b>", "@", "\\", "~", "ZQ1ZQ", "2019", "😀"):
        assert kept in answer


@needs_apertium
def test_a_text_is_translated_alike_whatever_went_before(real: Apertium) -> None:
    texts = ["I saw her in the house.", "What do you want", "The red car", "He paid 12 dollars."]
    alone = [real.translate([text], "en", "es")[0] for text in texts]
    assert real.translate([*texts, *reversed(texts)], "en", "es") == [*alone, *reversed(alone)]


@needs_apertium
@settings(max_examples=150)
@given(
    st.lists(
        st.text(max_size=40)
        | st.text("ab1.,$^/[]{}\\@<>*~#+-_&;:'\"?!() \n\tñ😀\u00ad\u200b\u2028\ue010⠁", max_size=40),
        max_size=4,
    )
)
def test_no_text_breaks_it_and_each_has_one_answer(real: Apertium, texts: list[str]) -> None:
    real.translate(["a"], "en", "es")
    before = programs()
    answers = real.translate(texts, "en", "es")
    assert len(answers) == len(texts)
    assert [text for text, answer in zip(texts, answers, strict=True) if text.strip() and not answer.strip()] == []
    assert programs() == before
