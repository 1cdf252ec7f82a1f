from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.gpu.devices import Usage, used_without_lease_mib

A, B = 11, 12

MIB_OF_SOME = st.dictionaries(st.integers(1, 6), st.integers(0, 500))


@pytest.mark.parametrize(
    ("by_pid", "leased", "reported", "elsewhere_mib"),
    [
        ({A: 300, 99: 700}, {}, {}, 1000),  # nobody has a lease
        ({A: 300, 99: 700}, {A: 400}, {}, 700),  # a holder below its lease
        ({A: 300}, {A: 200}, {}, 800),  # a holder beyond it: the excess is nobody's
        ({A: 0}, {A: 400}, {}, 1000),  # it has a lease and has not begun to use it
        ({}, {A: 400}, {}, 600),  # the system does not see it, and it says nothing
        ({}, {A: 400}, {A: 100}, 900),  # it says itself what it holds
        ({}, {A: 400}, {A: 600}, 600),  # and says that it holds more than it leased
        ({A: 0}, {A: 400}, {A: 100}, 900),  # the number means another process to the system
        ({A: 300}, {A: 400}, {A: 100}, 700),  # the system is believed first
        ({A: 300, B: 200}, {A: 300, B: 300}, {}, 500),
        ({A: 800, B: 800}, {A: 800, B: 800}, {}, 0),  # pages that both share are counted in both
    ],
)
def test_what_leases_do_not_cover(
    by_pid: dict[int, int], leased: dict[int, int], reported: dict[int, int], elsewhere_mib: int
) -> None:
    assert used_without_lease_mib(Usage(1000, by_pid), leased, reported) == elsewhere_mib


@given(st.integers(0, 2000), MIB_OF_SOME, MIB_OF_SOME, MIB_OF_SOME)
def test_leases_cover_no_more_than_they_are_for(
    used_mib: int, by_pid: dict[int, int], leased: dict[int, int], reported: dict[int, int]
) -> None:
    elsewhere_mib = used_without_lease_mib(Usage(used_mib, by_pid), leased, reported)
    assert max(0, used_mib - sum(leased.values())) <= elsewhere_mib <= used_mib


@given(st.integers(0, 2000), MIB_OF_SOME, MIB_OF_SOME, MIB_OF_SOME, st.integers(1, 6))
def test_a_lease_more_never_shows_more_elsewhere(
    used_mib: int, by_pid: dict[int, int], leased: dict[int, int], reported: dict[int, int], pid: int
) -> None:
    usage = Usage(used_mib, by_pid)
    without = {other: mib for other, mib in leased.items() if other != pid}
    assert used_without_lease_mib(usage, leased, reported) <= used_without_lease_mib(usage, without, reported)
