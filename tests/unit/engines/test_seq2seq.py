from __future__ import annotations

from pathlib import Path

import pytest

from brickyard.engines.seq2seq import LONGEST_PIECES, Seq2Seq
from brickyard.kit.errors import BadInput, Unsupported
from tests.unit.engines import tiny_seq2seq

EN_FR = frozenset({("en", "fr")})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_seq2seq.opus(tmp_path_factory.mktemp("opus"))


@pytest.fixture(scope="module")
def opus(folder: Path) -> Seq2Seq:
    return Seq2Seq(folder, EN_FR)


def test_each_text_has_one_translation_whatever_the_batch(opus: Seq2Seq) -> None:
    texts = ["the house is big", "", "a red car", "😀", "the house is big"]
    found = opus.translate(texts, "en", "fr", 8)
    assert [bool(text) for text in found] == [True, False, True, found[3] != "", True]
    assert found[0] == found[4]
    assert found[0] != found[2]
    assert opus.translate(texts, "en", "fr", 1) == found


def test_a_long_text_is_translated_to_its_end(opus: Seq2Seq) -> None:
    """What is translated of it is what its parts give, all of them."""
    words = tiny_seq2seq.TEXT[1].split()
    parts = [" ".join(words[n % len(words)] for n in range(first, first + 20)) for first in range(0, 400, 20)]
    found = opus.translate([" ".join(parts)], "en", "fr", 16)[0]
    last = opus.translate([" ".join(parts[-2:])], "en", "fr", 16)[0]
    assert len(found) > len(last)
    one, other = "the house " * 300, "the house " * 300 + "a red car near the river"
    short, long = opus.translate([one, other], "en", "fr", 16)
    assert short != long


def test_a_text_too_long_for_the_model_goes_through_it_in_parts(opus: Seq2Seq) -> None:
    word = "x" * (LONGEST_PIECES * 4)
    assert opus.translate([word], "en", "fr")[0]


def test_a_model_for_many_languages_is_told_which_one_to_translate_to(tmp_path: Path) -> None:
    pairs = frozenset({("en", "de"), ("en", "fr"), ("fr", "de")})
    madlad = Seq2Seq(tiny_seq2seq.madlad(tmp_path, ["de", "fr"]), pairs)
    german, french = (madlad.translate(["the house is big"], "en", code)[0] for code in ("de", "fr"))
    assert german != french
    assert "<2" not in german + french
    with pytest.raises(Unsupported, match=r"fr→en.*en→de"):
        madlad.translate(["a"], "fr", "en")


def test_it_computes_again_after_its_caches_were_dropped(folder: Path) -> None:
    engine = Seq2Seq(folder, EN_FR)
    before = engine.translate(["a red car"], "en", "fr")
    engine.drop_caches()
    assert engine.translate(["a red car"], "en", "fr") == before
    engine.close()


def test_an_incomplete_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"lacks model\.bin"):
        Seq2Seq(tmp_path, EN_FR)
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(BadInput, match=r"source\.spm and target\.spm.*has none"):
        Seq2Seq(tmp_path, EN_FR)
    (tmp_path / "spiece.model").write_bytes(b"nothing of the kind")
    with pytest.raises(BadInput, match="no sentencepiece model"):
        Seq2Seq(tmp_path, EN_FR)


def test_a_number_type_that_the_machine_lacks_is_told(folder: Path) -> None:
    with pytest.raises(Unsupported, match="cannot run like this"):
        Seq2Seq(folder, EN_FR, compute_type="float5")
