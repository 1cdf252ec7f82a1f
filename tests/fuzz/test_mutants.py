from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fuzz import corpus
from tests.fuzz.direct import try_all
from tests.fuzz.mutations import Mutant, mutant

COUNT = 40
SEED = 5


@pytest.mark.slow
def test_each_mutant_is_refused_in_words_or_processed(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "mutants").mkdir()
    files = corpus.files(tmp_path / "whole")
    whole = [Mutant(f"whole-{kind}", files[kind]) for kind in ("mp4", "pdf")]
    mutants = [mutant(SEED, number, files) for number in range(COUNT)]
    tally = asyncio.run(try_all([*whole, *mutants], tmp_path / "mutants"))
    assert tally.wrong == {}
    assert tally.processed["sound"] > 1
    assert tally.processed["pages"] > 1
    assert tally.refused.total() + tally.processed.total() == 2 * (COUNT + len(whole))
    assert list((tmp_path / "mutants").iterdir()) == []
