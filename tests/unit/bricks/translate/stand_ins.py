"""Engines whose translations can be told by looking, and a language model that says what it was told to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brickyard.bricks.llm.contract import Completion, CompletionRequest, LlmModel
from brickyard.bricks.models import Offer
from brickyard.engines.base import MemoryUse
from brickyard.engines.catalog import ModelCard
from brickyard.kit.errors import OutOfMemory, Unavailable


def card(name: str, *pairs: str, engine: str = "ctranslate2") -> ModelCard:
    """`pairs` such as "en>es"."""
    found = frozenset((pair.partition(">")[0], pair.partition(">")[2]) for pair in pairs)
    languages = frozenset(code for pair in found for code in pair)
    return ModelCard(name, "translate", engine, languages, "MIT", "test", pairs=found)


class Shouting:
    """Translates by writing all in capitals, after the language: `es: HELLO`. Notes what it was asked."""

    name = "shouting"
    parallel = True
    batches = (1, 2, 4)
    frees_memory = True
    draft = False

    def __init__(self, pairs: frozenset[tuple[str, str]], spoils: Callable[[str], str] = str) -> None:
        self.pairs = pairs
        self.asked: list[list[str]] = []
        self._spoils = spoils

    def translate(self, texts: Sequence[str], source: str, target: str, batch: int) -> list[str]:
        assert (source, target) in self.pairs
        self.asked.append(list(texts))
        if any("too large" in text for text in texts) and batch > 1:
            raise OutOfMemory("no room")
        return [self._spoils(f"{target}: {text.upper()}") for text in texts]

    def drop_caches(self) -> None: ...

    def memory(self) -> MemoryUse | None:
        return None

    def close(self) -> None: ...


class Offers:
    """What a brick gets its engines from."""

    def __init__(self, spoils: Callable[[str], str] = str) -> None:
        self.engines: dict[str, Shouting] = {}
        self._spoils = spoils

    def __call__(self, model: ModelCard) -> Offer[Any]:
        engine = self.engines.setdefault(model.name, Shouting(model.pairs, self._spoils))
        return Offer(model.name, "cpu", lambda: engine, 1, lambda batch: batch, engine.batches, 4)


class Scripted:
    """A language model that gives these answers, one after the other; a function is given the request."""

    def __init__(self, *answers: str | Callable[[CompletionRequest], str], models: Sequence[LlmModel] | None = None):
        self._answers = list(answers)
        self._models = [LlmModel(name="big", backend="one")] if models is None else list(models)
        self.requests: list[CompletionRequest] = []

    async def complete(self, request: CompletionRequest) -> Completion:
        self.requests.append(request)
        if not self._answers:
            raise Unavailable("nothing more to say")
        answer = self._answers.pop(0)
        text = answer if isinstance(answer, str) else answer(request)
        truncated = text.endswith("<cut>")
        return Completion(
            text=text, model="big", prompt_tokens=1, completion_tokens=1, truncated=truncated, computed_s=0.5
        )

    async def models(self) -> list[LlmModel]:
        return self._models
