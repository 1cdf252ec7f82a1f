"""Which voice prints are one person's: pure, with no model and no audio.

A print is a vector whose direction is the voice and whose length is the number of seconds of speech it rests
on, so the sum of a person's prints is their centroid, weighted by evidence. Little speech gives a noisy
direction: two prints of one voice from one second each have a cosine of about 0.4, from ten seconds each 0.9.
Cosines are therefore judged against what one voice would give from that much speech, and clusters with much
evidence join first. Evidence beside the voice counts too: who is active at the same moments in two overlapping
windows is likely one person, and who was told apart within a window is likely two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Labels = NDArray[np.int64]

SAME_VOICE = 0.66
"""Share of the cosine expected of one voice above which two clusters are one person."""
NOISE_S = 1.4
"""Seconds of speech at which a print is as much noise as voice; fitted to cosines of prints of 0.5 to 5 s."""
TIE = 0.3
"""How much more alike two clusters count where all of the shorter one is tied to the longer."""
APART = 0.5
"""How much less alike two clusters count where all of the shorter one was heard beside the longer."""

SURE = 0.1
"""The margin over SAME_VOICE at which two clusters are joined whatever the number of speakers said to be there."""

TINY_S = 1.0
"""Speech in all below which nobody is counted as a person of their own."""
TINY_SHARE = 0.002
"""The same as a share of all speech: over hours, stray prints add up to seconds."""
LEAN = 0.25
"""How much of a tied print counts when a print is given to the person whom it sounds most like."""

_BLOCK = 400
"""Prints clustered at once; more are first gathered block by block, so that hours cost little memory."""


@dataclass(frozen=True, slots=True)
class Prints:
    """`vectors` (n, d); `windows` (n,): prints of one window are of speakers that were told apart there.

    `spoken_s` (n,): how long each is heard in all, the speech that its print does not rest on included.
    `ties` (m, 2): pairs of prints that are one person by other evidence than the voice; `strength` (m,): 0…1.
    """

    vectors: Matrix
    windows: Labels
    spoken_s: Matrix
    ties: Labels
    strength: Matrix

    def __len__(self) -> int:
        return len(self.vectors)

    def pick(self, rows: Labels) -> Prints:
        """Only these rows, which must be consecutive."""
        inside = np.isin(self.ties, rows).all(axis=1)
        return Prints(
            self.vectors[rows],
            self.windows[rows],
            self.spoken_s[rows],
            self.ties[inside] - rows[0],
            self.strength[inside],
        )


def cluster(prints: Prints, speakers: int | None = None, tiny_s: float = TINY_S) -> Labels:
    """A label for each print, from 0. Who is heard for less than `tiny_s` joins whom they sound most like.

    With `speakers`, no more labels than that, and as many where the voices leave it open: one that surely is one
    is not cut in pieces.
    """
    if len(prints) == 0:
        return np.zeros(0, np.int64)
    pool, owner = _gather(prints)
    tiny_s = max(tiny_s, TINY_SHARE * float(prints.spoken_s.sum()))
    labels = _people(pool, speakers, tiny_s)[owner]
    return _compact(_settle(prints, labels))


def _people(pool: _Pool, speakers: int | None, tiny_s: float) -> Labels:
    """With `speakers`, what is left apart to reach them is what was least sure to be one, never what is SURE."""
    fewest = speakers or 1
    labels = _absorb_tiny(pool, agglomerate(pool, fewest), tiny_s, fewest)
    return labels if speakers is None else _join_down(pool.joined(labels), speakers)[labels]


@dataclass(frozen=True, slots=True)
class _Pool:
    """Sums of prints. `bonds` (m, m): seconds of speech that speak for two being one, or, below 0, for two."""

    sums: Matrix
    bonds: Matrix
    spoken_s: Matrix

    def joined(self, labels: Labels) -> _Pool:
        member = np.zeros((int(labels.max()) + 1, len(labels)), np.float32)
        member[labels, np.arange(len(labels))] = 1
        bonds: Matrix = (member @ self.bonds @ member.T).astype(np.float32)
        return _Pool(member @ self.sums, bonds, member @ self.spoken_s)


def _pool(prints: Prints) -> _Pool:
    seconds: Matrix = np.linalg.norm(prints.vectors, axis=1).astype(np.float32)
    same_window = prints.windows[:, None] == prints.windows[None, :]
    np.fill_diagonal(same_window, False)
    bonds = np.where(same_window, -APART, 0.0).astype(np.float32)
    one, other = prints.ties.T
    bonds[one, other] = bonds[other, one] = TIE * prints.strength
    weighted: Matrix = (np.minimum(seconds[:, None], seconds[None, :]) * bonds).astype(np.float32)
    return _Pool(prints.vectors, weighted, prints.spoken_s)


def _gather(prints: Prints) -> tuple[_Pool, Labels]:
    """The pool to cluster and, for each print, its row in it."""
    if len(prints) <= _BLOCK:
        return _pool(prints), np.arange(len(prints))
    owner = np.zeros(len(prints), np.int64)
    pools: list[_Pool] = []
    rows = 0
    for start in range(0, len(prints), _BLOCK):
        block = _pool(prints.pick(np.arange(start, min(start + _BLOCK, len(prints)))))
        labels = agglomerate(block, fewest=len(block.sums))
        owner[start : start + len(labels)] = labels + rows
        pools.append(block.joined(labels))
        rows += len(pools[-1].sums)
    bonds = np.zeros((rows, rows), np.float32)
    row = 0
    for pool in pools:
        bonds[row : row + len(pool.sums), row : row + len(pool.sums)] = pool.bonds
        row += len(pool.sums)
    sums = np.concatenate([pool.sums for pool in pools])
    return _Pool(sums, bonds, np.concatenate([pool.spoken_s for pool in pools])), owner


def agglomerate(pool: _Pool, fewest: int = 1) -> Labels:
    """Join the two most surely alike, until none is alike enough; from `fewest` on, only where it is SURE."""
    state = _Merging(pool)
    for count in range(len(pool.sums), 1, -1):
        keep, drop, margin = state.closest()
        if margin <= (0 if count > fewest else SURE):
            break
        state.merge(keep, drop)
    return _compact(state.owner)


def _join_down(people: _Pool, speakers: int) -> Labels:
    """Join whom it costs least until `speakers` are left: alike, or with little speech to be wrong about."""
    state = _Merging(people)
    for _ in range(len(people.sums) - speakers):
        state.merge(*state.cheapest())
    return _compact(state.owner)


class _Merging:
    """Clusters while they are being joined, with the best partner of each kept up to date."""

    def __init__(self, pool: _Pool) -> None:
        self._sums, self._bonds, self._spoken_s = pool.sums.copy(), pool.bonds.copy(), pool.spoken_s.copy()
        self._dead = np.zeros(len(pool.sums), bool)
        self.owner: Labels = np.arange(len(pool.sums))
        self._scores = np.empty_like(self._bonds)
        for row in range(len(pool.sums)):
            self._scores[row] = self._margins(row)
        self._best = self._scores.argmax(axis=1)
        self._peak = self._scores.max(axis=1)

    def closest(self) -> tuple[int, int, float]:
        row = int(self._peak.argmax())
        return row, int(self._best[row]), float(self._peak[row])

    def cheapest(self) -> tuple[int, int]:
        """The two whose joining would be wrong about the fewest seconds, weighed by how unlike they are."""
        seconds = np.minimum(self._spoken_s[:, None], self._spoken_s[None, :])
        costs = np.where(self._scores < 0, self._scores * seconds, self._scores)
        keep, drop = np.unravel_index(int(costs.argmax()), costs.shape)
        return int(keep), int(drop)

    def merge(self, keep: int, drop: int) -> None:
        self._sums[keep] += self._sums[drop]
        self._spoken_s[keep] += self._spoken_s[drop]
        self._bonds[keep] += self._bonds[drop]
        self._bonds[:, keep] = self._bonds[keep]
        self._dead[drop] = True
        self.owner[self.owner == drop] = keep
        self._scores[drop] = self._scores[:, drop] = -np.inf
        fresh = self._margins(keep)
        self._scores[keep] = self._scores[:, keep] = fresh
        stale = (self._best == keep) | (self._best == drop)
        stale[[keep, drop]] = True
        self._best[stale] = self._scores[stale].argmax(axis=1)
        self._peak[stale] = self._scores[stale].max(axis=1)
        better = fresh > self._peak
        self._best[better] = keep
        self._peak[better] = fresh[better]

    def _margins(self, row: int) -> Matrix:
        """By how much each is more alike to `row` than is asked for; -inf for itself and the dead."""
        seconds = np.maximum(np.linalg.norm(self._sums, axis=1), 1e-6)
        expected = 1 / np.sqrt((1 + NOISE_S / seconds) * (1 + NOISE_S / seconds[row]))
        alike = self._sums @ self._sums[row] / (seconds * seconds[row])
        bond = np.clip(self._bonds[row] / np.minimum(seconds, seconds[row]), -APART, TIE)
        margins: Matrix = (alike - SAME_VOICE * expected + bond).astype(np.float32)
        margins[self._dead] = -np.inf
        margins[row] = -np.inf
        return margins


def _absorb_tiny(pool: _Pool, labels: Labels, tiny_s: float, fewest: int) -> Labels:
    """All but those with enough speech to be sure of, and the first `fewest`, go to whom they sound most like."""
    people = pool.joined(labels)
    lengths = np.maximum(np.linalg.norm(people.sums, axis=1, keepdims=True), 1e-6)
    ranks = np.argsort(np.argsort(-people.spoken_s, kind="stable"), kind="stable")
    kept = (people.spoken_s >= tiny_s) | (ranks < fewest)
    likes = (people.sums / lengths) @ (people.sums / lengths)[kept].T
    target = np.where(kept, np.arange(len(kept)), np.flatnonzero(kept)[likes.argmax(axis=1)])
    return _compact(target[labels])


def _settle(prints: Prints, labels: Labels, rounds: int = 3) -> Labels:
    """Give each print to the person it now sounds most like, speakers of one window to different people."""
    leaning = _leaning(prints)
    for _ in range(rounds):
        moved = assign(leaning, centroids(prints, labels))
        if np.array_equal(moved, labels) or len(np.unique(moved)) < labels.max() + 1:
            break
        labels = moved
    return labels


def _leaning(prints: Prints) -> Prints:
    """Each print with what its ties add to it: a second of speech says little by itself."""
    vectors = prints.vectors.copy()
    one, other = prints.ties.T
    share = LEAN * prints.strength[:, None]
    np.add.at(vectors, one, share * prints.vectors[other])
    np.add.at(vectors, other, share * prints.vectors[one])
    return replace(prints, vectors=vectors)


def centroids(prints: Prints, labels: Labels) -> Matrix:
    """Unit vectors (people, d)."""
    sums = np.zeros((int(labels.max()) + 1, prints.vectors.shape[1]), np.float32)
    np.add.at(sums, labels, prints.vectors)
    units: Matrix = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    return units


def assign(prints: Prints, people: Matrix) -> Labels:
    """The best person for each print; in a window the surest choose first, no two the same where possible."""
    likes = prints.vectors @ people.T
    labels: Labels = likes.argmax(axis=1)
    order = np.argsort(prints.windows, kind="stable")
    cuts = np.flatnonzero(np.diff(prints.windows[order])) + 1
    for rows in np.split(order, cuts):
        if len(rows) > 1 and len(np.unique(labels[rows])) < len(rows) <= len(people):
            labels[rows] = _apart(likes[rows])
    return labels


def _apart(likes: Matrix) -> Labels:
    chosen = np.zeros(len(likes), np.int64)
    left = likes.copy()
    for _ in range(len(likes)):
        row, person = np.unravel_index(int(left.argmax()), left.shape)
        chosen[row] = person
        left[row] = -np.inf
        left[:, person] = -np.inf
    return chosen


def _compact(labels: Labels) -> Labels:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
