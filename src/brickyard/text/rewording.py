"""What is typed over spoken words: which words stayed, when new ones were said, and two texts made one. Pure.

Texts are compared word by word; scripts that are written without spaces, letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from brickyard.text.spoken import Word

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese."""
_TOKEN = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
_UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
_MARKS = re.compile(r"[^\w]+")

Kept = tuple[int, int, int]
"""From which token on, up to which one, and the word's index."""


@dataclass(frozen=True, slots=True)
class Run:
    """Words that two texts share, or that only one of them has."""

    kind: Literal["same", "added", "removed"]
    text: str


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    gap: str
    """What stands between this one and the next."""


@dataclass(frozen=True, slots=True)
class _Edit:
    begin: int
    end: int
    tokens: tuple[_Token, ...]

    @property
    def words(self) -> list[str]:
        return [token.text for token in self.tokens]


# ---- times


def retimed(words: Sequence[Word], text: str, start: float, end: float) -> list[Word]:
    """Words of the new `text`. Those that stayed keep their times, with other marks or capitals too; between them the
    rest is spread by length, marked approximate and without confidence. Starts go forward if those of `words` do."""
    tokens = list(_TOKEN.finditer(text))
    kept = _kept(words, [match.group() for match in tokens])
    result: list[Word] = []
    at, used = 0, 0
    for begin, stop, index in [*kept, (len(tokens), len(tokens), len(words))]:
        typed = [match.group() for match in tokens[at:begin]]
        following = words[index] if index < len(words) else None
        result += _spread(typed, result[-1] if result else None, words[used:index], following, start, end)
        if following is not None:
            own = text[tokens[begin].start() : tokens[stop - 1].end()]
            result.append(following if own == following.text else following.model_copy(update={"text": own}))
        at, used = stop, index + 1
    return result


def _kept(words: Sequence[Word], tokens: Sequence[str]) -> list[Kept]:
    spans: list[tuple[int, int]] = []
    old: list[str] = []
    for word in words:
        own = _TOKEN.findall(word.text)
        spans.append((len(old), len(old) + len(own)))
        old += own
    found: list[Kept] = []
    k = 0
    for i, j, size in _blocks([_key(token) for token in old], [_key(token) for token in tokens]):
        while k < len(spans) and spans[k][0] < i:
            k += 1
        while k < len(spans) and spans[k][1] <= i + size:
            begin, stop = spans[k]
            if begin < stop:
                found.append((j + begin - i, j + stop - i, k))
            k += 1
    return found


def _spread(
    typed: Sequence[str], before: Word | None, replaced: Sequence[Word], after: Word | None, start: float, end: float
) -> Iterator[Word]:
    """New words where the replaced ones were, or between their neighbours."""
    left = start if before is None else before.end
    right = max(end, left) if after is None else after.start
    if replaced:
        left, right = max(left, replaced[0].start), min(right, replaced[-1].end)
    left = min(left, right) if after is not None else left
    right = max(left, right)
    letters = sum(len(text) + 1 for text in typed)
    said = 0
    for text in typed:
        begin = left + (right - left) * said / letters
        said += len(text) + 1
        stop = left + (right - left) * said / letters
        yield Word(start=_between(begin, left, right), end=_between(stop, left, right), text=text, approximate=True)


def _between(time_s: float, left: float, right: float) -> float:
    return min(max(round(time_s, 3), left), right)


def within(words: Sequence[Word], start: float, end: float) -> list[Word]:
    """None outside of `start` and `end`, none before an earlier one; what had to be moved is approximate."""
    result: list[Word] = []
    earliest = start
    for word in words:
        begin = min(max(word.start, earliest), end)
        stop = min(max(word.end, begin), end)
        is_moved = (begin, stop) != (word.start, word.end)
        moved = {"start": begin, "end": stop, "approximate": True}
        result.append(word.model_copy(update=moved) if is_moved else word)
        earliest = begin
    return result


# ---- texts


def joined(first: str, second: str) -> str:
    """One after the other, with a space between them where their script has spaces."""
    first, second = first.rstrip(), second.lstrip()
    if not first or not second:
        return first + second
    return first + _gap(first[-1], second[0]) + second


def merged(base: str, mine: str, theirs: str) -> str | None:
    """Both changes of `base` in one text; None where they change the same words, or add at the same place."""
    tokens = _tokens(base)
    own, others = _edits(tokens, _tokens(mine)), _edits(tokens, _tokens(theirs))
    kept: list[_Edit] = []
    for edit in own:
        if any(_same(edit, other) for other in others):
            continue
        if any(_clash(edit, other) for other in others):
            return None
        kept.append(edit)
    result: list[_Token] = []
    at = 0
    for edit in sorted([*kept, *others], key=lambda edit: (edit.begin, edit.end)):
        result += [*tokens[at : edit.begin], *edit.tokens]
        at = edit.end
    return _text([*result, *tokens[at:]])


def moved(offset: int, before: str, now: str) -> int | None:
    """Where a place between two words of `before` is in `now`; None where neither of the two is still there."""
    if before == now:
        return offset
    old, new = list(_TOKEN.finditer(before)), list(_TOKEN.finditer(now))
    place = sum(1 for match in old if match.start() < offset)
    to = {
        i + k: j + k
        for i, j, size in _blocks([match.group() for match in old], [match.group() for match in new])
        for k in range(size)
    }
    if place in to:
        return new[to[place]].start()
    return new[to[place - 1]].end() if place - 1 in to else None


def runs(before: str, after: str) -> list[Run]:
    """The two texts in one, word by word. Joined with spaces where their script has them, each side reads again."""
    old, new = _tokens(before), _tokens(after)
    found: list[Run] = []
    at = 0
    for edit in _edits(old, new):
        found += [Run("same", _text(old[at : edit.begin])), Run("removed", _text(old[edit.begin : edit.end]))]
        found.append(Run("added", _text(edit.tokens)))
        at = edit.end
    found.append(Run("same", _text(old[at:])))
    return [run for run in found if run.text]


def _tokens(text: str) -> list[_Token]:
    matches = list(_TOKEN.finditer(text))
    starts = [match.start() for match in matches] + [len(text)]
    return [_Token(match.group(), text[match.end() : starts[k + 1]]) for k, match in enumerate(matches)]


def _text(tokens: Sequence[_Token]) -> str:
    parts: list[str] = []
    for k, token in enumerate(tokens):
        following = tokens[k + 1] if k + 1 < len(tokens) else None
        gap = "" if following is None else token.gap or _gap(token.text[-1], following.text[0])
        parts.append(token.text + gap)
    return "".join(parts)


def _gap(left: str, right: str) -> str:
    return "" if _UNSPACED_LETTER.match(left) or _UNSPACED_LETTER.match(right) else " "


def _edits(old: Sequence[_Token], new: Sequence[_Token]) -> list[_Edit]:
    found: list[_Edit] = []
    at, to = 0, 0
    blocks = _blocks([token.text for token in old], [token.text for token in new])
    for i, j, size in [*blocks, (len(old), len(new), 0)]:
        if i > at or j > to:
            found.append(_Edit(at, i, tuple(new[to:j])))
        at, to = i + size, j + size
    return found


def _same(one: _Edit, other: _Edit) -> bool:
    return (one.begin, one.end, one.words) == (other.begin, other.end, other.words)


def _clash(one: _Edit, other: _Edit) -> bool:
    if one.begin == one.end and other.begin == other.end:
        return one.begin == other.begin
    if one.begin == one.end:
        return other.begin < one.begin < other.end
    if other.begin == other.end:
        return one.begin < other.begin < one.end
    return max(one.begin, other.begin) < min(one.end, other.end)


def _blocks(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int]]:
    """What is the same, in order: from where in each, and how many. Both ends first, since most edits are small."""
    most = min(len(old), len(new))
    head = next((k for k in range(most) if old[k] != new[k]), most)
    most -= head
    tail = next((k for k in range(most) if old[-1 - k] != new[-1 - k]), most)
    middle = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    blocks = [(0, 0, head), *((i + head, j + head, size) for i, j, size in middle.get_matching_blocks())]
    blocks.append((len(old) - tail, len(new) - tail, tail))
    return _touching([block for block in blocks if block[2]])


def _touching(blocks: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Blocks that go on where the one before ended become one."""
    found: list[tuple[int, int, int]] = []
    for i, j, size in blocks:
        if found and found[-1][0] + found[-1][2] == i and found[-1][1] + found[-1][2] == j:
            found[-1] = (found[-1][0], found[-1][1], found[-1][2] + size)
        else:
            found.append((i, j, size))
    return found


def _key(token: str) -> str:
    return _MARKS.sub("", token).casefold() or token
