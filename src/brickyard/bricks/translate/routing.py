"""Which model serves a pair of languages, and through which third language where none does. Pure.

A route goes direct where it can. Of the others, one without drafts goes before one with, then the one with the fewest
legs, then the one through English, then the one whose models the operator put first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from brickyard.kit.errors import Unsupported

MOST_LEGS = 3
_MIDDLE = "en"


@dataclass(frozen=True, slots=True)
class Direction:
    """A model that goes from one language to another. `engine` is the model's name."""

    source: str
    target: str
    engine: str
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    legs: tuple[Direction, ...]

    @property
    def languages(self) -> list[str]:
        return [self.legs[0].source, *(leg.target for leg in self.legs)]

    @property
    def engines(self) -> list[str]:
        return list(dict.fromkeys(leg.engine for leg in self.legs))

    @property
    def draft(self) -> bool:
        return any(leg.draft for leg in self.legs)


def route(directions: Sequence[Direction], source: str, target: str, engine: str | None = None) -> Route:
    """`directions` stand in order of preference. `engine`: use this one alone. Raises Unsupported."""
    usable = [each for each in directions if engine is None or each.engine == engine]
    if engine is not None and not usable:
        known = ", ".join(sorted({each.engine for each in directions})) or "none"
        raise Unsupported(f"There is no translation model '{engine}' here; there are: {known}. Or say auto, or llm.")
    found = routes_from(usable, source).get(target)
    if found is not None:
        return found
    raise Unsupported(_what_there_is(usable, source, target))


def routes_from(directions: Sequence[Direction], source: str) -> dict[str, Route]:
    """The best route to every language within reach, by that language."""
    best = _best_directions(directions)
    sound = [each for each in best if not each.draft]
    found = {
        **_reached(best, source, MOST_LEGS),
        **_reached(sound, source, MOST_LEGS),
        **_reached(best, source, 1),
    }
    return dict(sorted(found.items()))


def sources(directions: Sequence[Direction]) -> list[str]:
    return sorted({each.source for each in directions})


def all_routes(directions: Sequence[Direction]) -> list[Route]:
    """One for each pair of languages that can be translated, by source and target."""
    return [route for source in sources(directions) for route in routes_from(directions, source).values()]


def _reached(directions: Iterable[Direction], source: str, most: int) -> dict[str, Route]:
    """By the fewest legs, and of equally many by the fewest drafts."""
    leaving: dict[str, list[Direction]] = {}
    for each in sorted(directions, key=lambda each: each.target != _MIDDLE):
        leaving.setdefault(each.source, []).append(each)
    found: dict[str, Route] = {}
    last: dict[str, tuple[Direction, ...]] = {source: ()}
    for _ in range(most):
        coming: dict[str, tuple[Direction, ...]] = {}
        for legs, each in ((legs, each) for start, legs in last.items() for each in leaving.get(start, ())):
            if each.target == source or each.target in found:
                continue
            candidate = (*legs, each)
            known = coming.get(each.target)
            if known is None or _drafts(candidate) < _drafts(known):
                coming[each.target] = candidate
        found |= {code: Route(legs) for code, legs in coming.items()}
        last = coming
    return found


def _best_directions(directions: Sequence[Direction]) -> list[Direction]:
    """One a pair: no draft where another is there, else the first."""
    best: dict[tuple[str, str], Direction] = {}
    for each in directions:
        known = best.get((each.source, each.target))
        if each.source != each.target and (known is None or (known.draft and not each.draft)):
            best[each.source, each.target] = each
    return list(best.values())


def _drafts(legs: Sequence[Direction]) -> int:
    return sum(leg.draft for leg in legs)


def _what_there_is(directions: Sequence[Direction], source: str, target: str) -> str:
    known = sources(directions)
    there_is = f"there are translations from {', '.join(known) or 'no language'}"
    if source in known:
        there_is = f"'{source}' can be translated to {', '.join(routes_from(directions, source))}"
    return (
        f"No installed model translates '{source}' to '{target}', nor through a third language; {there_is}. What "
        "would help: the system's package of Apertium for the pair (such as apertium-eng-spa), a model such as "
        f"opus-mt-{source}-{target} in the model store under translate/, or an LLM server."
    )
