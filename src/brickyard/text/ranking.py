"""An extractive summary: the sentences of a transcript that say most of what it says, as they were said. Pure.

Sentences are alike as far as they share rare terms (TF-IDF); one that is like many important ones is important
(PageRank); the next one taken is important and unlike those taken already (maximal marginal relevance). The matrix of
likenesses is never formed, so a transcript of hours takes seconds. The same transcript gives the same sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from brickyard.text.statements import Statement
from brickyard.text.terms import content, is_unspaced

FEWEST, MOST, STATEMENTS_FOR_ONE = 3, 15, 15
LEAST_TERMS, LEAST_TERMS_UNSPACED = 4, 8
LONGEST_TERMS = 60
DAMPING = 0.85
RELEVANCE = 0.7
ROUNDS = 100
SETTLED = 1e-9

Vector = NDArray[np.float64]


def summary_of(
    statements: Sequence[Statement], language: str | None = None, wanted: int | None = None
) -> list[Statement]:
    """The best sentences in order of time: `wanted`, or one in fifteen but at least three and at most fifteen.

    Questions, fillers, greetings and what is too short never count, unless there is nothing else.
    """
    number = wanted if wanted is not None else min(MOST, max(FEWEST, len(statements) // STATEMENTS_FOR_ONE))
    worthy = [(s, found) for s in statements if is_worthy(s.text, found := content(s.text, language))]
    worthy = worthy or [(s, found) for s in statements if (found := content(s.text, language))]
    if not worthy or number < 1:
        return []
    weights = _tf_idf([found for _, found in worthy])
    chosen = _diverse(weights, _importance(weights), number)
    return [worthy[place][0] for place in sorted(chosen)]


def is_worthy(text: str, found: Sequence[str]) -> bool:
    """Whether a sentence with this content may stand in a summary."""
    if text.rstrip(" \"'”’»)").endswith(("?", "？", "؟", ";", "吗", "か。", "吗。")):
        return False
    least = LEAST_TERMS_UNSPACED if is_unspaced(text) else LEAST_TERMS
    return least <= len(set(found)) and len(found) <= LONGEST_TERMS


def _tf_idf(documents: Sequence[Sequence[str]]) -> Any:
    """Rows of length 1, one a sentence. Terms that occur once link nothing, but make a sentence less like others."""
    column: dict[str, int] = {}
    rows, columns, counts = [], [], []
    for row, document in enumerate(documents):
        for term, count in sorted(Counter(document).items()):
            rows.append(row)
            columns.append(column.setdefault(term, len(column)))
            counts.append(1.0 + np.log(count))
    shape = (len(documents), len(column))
    weights = sparse.csr_matrix((counts, (rows, columns)), shape=shape, dtype=np.float64)
    spread = np.bincount(columns, minlength=len(column))
    weights = weights @ sparse.diags(np.log((1 + len(documents)) / (1 + spread)) + 1.0)
    lengths = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
    return (sparse.diags(1.0 / lengths) @ weights).tocsr()


def _importance(weights: Any) -> Vector:
    """PageRank over the likenesses of different sentences; `weights @ weights.T` is only ever multiplied."""
    count = weights.shape[0]
    transposed = weights.T.tocsr()

    def spread(vector: Vector) -> Vector:
        return np.maximum(0.0, np.asarray(weights @ (transposed @ vector)).ravel() - vector)

    degree = spread(np.ones(count))
    linked = degree > SETTLED
    rank: Vector = np.full(count, 1.0 / count)
    for _ in range(ROUNDS):
        given = np.where(linked, rank / np.where(linked, degree, 1.0), 0.0)
        following = (1 - DAMPING) / count + DAMPING * (spread(given) + rank[~linked].sum() / count)
        if np.abs(following - rank).sum() < SETTLED:
            break
        rank = following
    return rank


def _diverse(weights: Any, importance: Vector, number: int) -> list[int]:
    """Places in the order in which they are taken; what is said twice is taken once."""
    score = importance / importance.max()
    likeness = np.zeros(len(score))
    taken: list[int] = []
    left = np.ones(len(score), dtype=bool)
    while len(taken) < min(number, len(score)):
        value = np.where(left, RELEVANCE * score - (1 - RELEVANCE) * likeness, -np.inf)
        best = int(np.argmax(value))
        taken.append(best)
        left[best] = False
        likeness = np.maximum(likeness, np.asarray((weights @ weights[best].T).todense()).ravel())
    return taken
