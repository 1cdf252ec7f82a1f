"""Counts tokens in answers as they pass by, without taking them apart. Pure.

Servers say at the end of an answer how many tokens it was: `usage` in OpenAI's API, `eval_count` in Ollama's. An answer
that is cut off has no end; its pieces are counted instead, since servers send a piece for each token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TAIL_BYTES = 4096
"""Figures are looked for within this much of the end,"""
LETTERS_A_TOKEN = 4
"""and where a prompt's were never told, they are taken from its length."""

# In a string the quotation mark would come after a backslash.
_PROMPT = re.compile(rb'(?<!\\)"(?:prompt_tokens|prompt_eval_count)"\s*:\s*(\d+)')
_COMPLETION = re.compile(rb'(?<!\\)"(?:completion_tokens|eval_count)"\s*:\s*(\d+)')
_LOAD = re.compile(rb'(?<!\\)"load_duration"\s*:\s*(\d+)')


@dataclass(frozen=True, slots=True)
class Counts:
    """`told`: by the server; otherwise these are estimates."""

    prompt_tokens: int
    completion_tokens: int
    told: bool
    load_s: float = 0.0


class Tally:
    """`streams`: the answer comes in pieces, one a line or one an event. `prompt_letters`: of the request."""

    def __init__(self, streams: bool, prompt_letters: int) -> None:
        self._streams = streams
        self._prompt_letters = prompt_letters
        self._pieces = 0
        self._tail = b""

    def feed(self, data: bytes) -> None:
        if self._streams:
            self._pieces += data.count(b"\n\n") or data.count(b"\r\n\r\n") or data.count(b"\n")
        self._tail = data if len(data) >= TAIL_BYTES else (self._tail + data)[-TAIL_BYTES:]

    def counts(self) -> Counts:
        prompt, completion = _last(_PROMPT, self._tail), _last(_COMPLETION, self._tail)
        if prompt is None and completion is None:
            return Counts(-(-self._prompt_letters // LETTERS_A_TOKEN), self._pieces, told=False)
        # A prompt that the server still knew from before is not counted by Ollama.
        load_ns = _last(_LOAD, self._tail) or 0
        return Counts(prompt or 0, completion or 0, told=True, load_s=load_ns / 1e9)


def _last(pattern: re.Pattern[bytes], data: bytes) -> int | None:
    found = pattern.findall(data)
    return int(found[-1]) if found else None
