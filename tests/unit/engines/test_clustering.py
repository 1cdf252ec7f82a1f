import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brickyard.engines.clustering import NOISE_S, Prints, cluster

DIMENSIONS = 64


def prints_of(people: list[int], seconds: float = 3.0, seed: int = 0, alike: float = 0.0) -> Prints:
    """A noisy print for each, as one of so many seconds would be; voices have a cosine of `alike`. One a window."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))[0]
    voices = np.sqrt(alike) * basis[-1] + np.sqrt(1 - alike) * basis[: max(people, default=0) + 1]
    noise = rng.normal(size=(len(people), DIMENSIONS)) * np.sqrt(NOISE_S / seconds / DIMENSIONS)
    vectors = voices[people] + noise
    vectors *= seconds / np.linalg.norm(vectors, axis=1, keepdims=True)
    return told(vectors)


def told(vectors: np.ndarray, windows: list[int] | None = None, ties: list[tuple[int, int]] | None = None) -> Prints:
    count = len(vectors)
    return Prints(
        vectors.astype(np.float32),
        np.array(windows if windows is not None else range(count), np.int64),
        np.linalg.norm(vectors, axis=1).astype(np.float32),
        np.array(ties or [], np.int64).reshape(-1, 2),
        np.ones(len(ties or []), np.float32),
    )


def same_partition(labels: np.ndarray, people: list[int]) -> bool:
    pairs = set(zip(labels.tolist(), people, strict=True))
    return len(pairs) == len(set(labels.tolist())) == len(set(people))


def test_nobody_is_nobody() -> None:
    assert len(cluster(prints_of([]))) == 0
    assert cluster(prints_of([0])).tolist() == [0]


@pytest.mark.parametrize("seconds", [1.5, 3.0, 8.0])
def test_people_are_told_apart_by_their_voices(seconds: float) -> None:
    people = [0, 1, 2, 1, 0, 2, 2, 1, 0, 3, 3, 0]
    assert same_partition(cluster(prints_of(people, seconds)), people)


def test_voices_that_are_half_alike_stay_apart() -> None:
    people = [0, 1] * 6
    assert same_partition(cluster(prints_of(people, 4.0, alike=0.45)), people)


def test_a_hint_joins_the_two_most_alike() -> None:
    prints = prints_of([0, 0, 0, 1, 1, 1, 2, 2, 2], 5.0)
    mixed = prints.vectors.copy()
    mixed[6:] += 0.9 * mixed[3:6]
    assert same_partition(cluster(told(mixed), speakers=2), [0] * 3 + [1] * 6)


def test_a_hint_keeps_apart_whom_the_voices_alone_would_join() -> None:
    people = [0, 0, 0, 1, 1, 1]
    prints = prints_of(people, 8.0, alike=0.7)
    assert same_partition(cluster(prints), [0] * 6)
    assert same_partition(cluster(prints, speakers=2), people)


def test_a_hint_does_not_cut_one_voice_in_pieces() -> None:
    assert cluster(prints_of([0] * 8, 5.0), speakers=4).tolist() == [0] * 8


def test_a_hint_gives_up_those_with_least_to_say() -> None:
    stray = prints_of([2], 2.0)
    prints = told(np.concatenate([prints_of([0, 1] * 5, 5.0).vectors, stray.vectors]))
    assert same_partition(cluster(prints)[:10], [0, 1] * 5)
    assert len(set(cluster(prints).tolist())) == 3
    hinted = cluster(prints, speakers=2)
    assert same_partition(hinted[:10], [0, 1] * 5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=25), st.integers(1, 8), st.integers(0, 5))
def test_a_hint_is_never_passed(people: list[int], speakers: int, seed: int) -> None:
    labels = cluster(prints_of(people, seed=seed), speakers)
    assert len(labels) == len(people)
    assert sorted(set(labels.tolist())) == list(range(len(set(labels.tolist()))))
    assert len(set(labels.tolist())) <= speakers


def test_who_is_told_apart_in_one_window_is_not_joined_for_a_likeness_at_the_limit() -> None:
    prints = prints_of([0, 1], 20.0, alike=0.72)
    apart = told(prints.vectors, windows=[0, 0])
    assert len(set(cluster(prints).tolist())) == 1
    assert len(set(cluster(apart).tolist())) == 2


def test_a_tie_joins_what_the_voices_leave_open() -> None:
    prints = prints_of([0, 1], 20.0, alike=0.5)
    tied = told(prints.vectors, ties=[(0, 1)])
    assert len(set(cluster(prints).tolist())) == 2
    assert len(set(cluster(tied).tolist())) == 1


def test_who_is_hardly_heard_joins_somebody() -> None:
    people = [0] * 4 + [1] * 4
    long = prints_of(people, 4.0)
    short = prints_of([2], 0.4)
    prints = told(np.concatenate([long.vectors, short.vectors]))
    assert len(set(cluster(prints).tolist())) == 2
    assert len(set(cluster(prints, tiny_s=0.1).tolist())) == 3


def test_hours_keep_their_labels() -> None:
    """Thousands of prints go through blocks; the first and the last of a voice still get one label."""
    people = np.random.default_rng(1).integers(0, 5, 2500).tolist()
    assert same_partition(cluster(prints_of(people, 2.0)), people)
