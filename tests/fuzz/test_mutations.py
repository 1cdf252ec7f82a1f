from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import LARGEST_BYTES, MUTATIONS, mutant

FILES = {
    "a": b"RIFF\0\0\0\0WAVEfmt " * 20,
    "b": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
    "c": b"%PDF stream obj " * 90,
}
TINY = {"a": b"%", "b": b"RI"}


@given(seed=st.integers(0, 1000), number=st.integers(0, 100_000))
def test_a_mutant_is_the_same_each_time_and_never_empty(seed: int, number: int) -> None:
    for files in (FILES, TINY):
        one = mutant(seed, number, files)
        assert one == mutant(seed, number, files)
        assert 0 < len(one.data) <= LARGEST_BYTES


def test_a_few_mutants_have_every_kind_and_every_mutation() -> None:
    names = [mutant(1, number, FILES).name for number in range(40)]
    assert {name.split("-")[1] for name in names} == set(FILES)
    assert all(any(mutation.__name__ in name for name in names) for mutation in MUTATIONS)
    assert sum(mutant(1, number, FILES).data not in FILES.values() for number in range(40)) > 35
