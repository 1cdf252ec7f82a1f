from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.rates import full


@given(st.integers(1, 600), st.lists(st.floats(0, 30), max_size=300))
def test_never_more_than_a_bucket_and_what_flowed_in(per_minute: int, pauses_s: list[float]) -> None:
    bucket, now_s, passed = full(per_minute, 0.0), 0.0, 0
    for pause_s in pauses_s:
        now_s += pause_s
        passed += bucket.take(now_s) == 0
        assert passed <= per_minute + now_s * per_minute / 60 + 1e-6


@given(st.integers(1, 600), st.integers(1, 1000))
def test_who_waits_as_long_as_told_passes(per_minute: int, before: int) -> None:
    bucket = full(per_minute, 0.0)
    wait_s = [bucket.take(0.0) for _ in range(before)][-1]
    assert (wait_s == 0) == (before <= per_minute)
    assert wait_s == 0 or bucket.take(wait_s + 1e-6) == 0


def test_a_refused_request_takes_nothing() -> None:
    bucket = full(60, 0.0)
    assert [bucket.take(0.0) for _ in range(60)] == [0.0] * 60
    assert [bucket.take(0.5) for _ in range(5)] == [0.5] * 5
    assert bucket.take(1.0) == 0
