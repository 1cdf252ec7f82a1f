"""The `translate` brick: texts from one language to another, through a third one where no model goes direct."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool

from brickyard.bricks.compute import Compute
from brickyard.bricks.contract import Health
from brickyard.bricks.models import Offer
from brickyard.bricks.server import application
from brickyard.bricks.translate import contract, routing, wording
from brickyard.bricks.translate.contract import (
    LONGEST_TEXT,
    DetectReply,
    DetectRequest,
    Languages,
    Pair,
    TranslateReply,
    TranslateRequest,
    TranslationModel,
)
from brickyard.bricks.translate.languages import plain
from brickyard.bricks.translate.llm import NAME as LLM
from brickyard.bricks.translate.llm import Completes, LlmTranslator
from brickyard.bricks.translate.routing import Direction, Route
from brickyard.engines.apertium import APERTIUM
from brickyard.engines.base import Translator
from brickyard.engines.catalog import ModelCard
from brickyard.engines.language import Guess, detect
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import TooLarge, Unsupported
from brickyard.kit.logs import get
from brickyard.text.glossary import Term
from brickyard.text.protection import has_letters

AUTO = "auto"
CHUNK_SENTENCES = 64
CHUNK_LETTERS = 8000
SURE = 0.5
"""A text whose language is less sure than this is taken to be in the language of all texts together."""

log = get(__name__)

OfferOf = Callable[[ModelCard], Offer[Translator]]


@dataclass(slots=True)
class _Job:
    """One request, and what it took. `ways`: the languages gone through, one entry a text."""

    http: Request
    body: TranslateRequest
    engines: dict[str, None] = field(default_factory=dict)
    ways: list[tuple[str, ...]] = field(default_factory=list)
    draft: bool = False
    computed_s: float = 0.0

    @property
    def way(self) -> list[str]:
        return list(Counter(self.ways).most_common(1)[0][0]) if self.ways else [plain(self.body.target)]


class TranslateBrick:
    """`cards` stand in order of preference; those of other bricks are passed over. `llm`: None where there is no LLM
    brick to ask."""

    def __init__(
        self, cards: Sequence[ModelCard], offer_of: OfferOf, compute: Compute, llm: Completes | None = None
    ) -> None:
        mine = [card for card in cards if card.brick == "translate" and card.pairs]
        self._offers = {card.name: offer_of(card) for card in mine}
        self._directions = [
            Direction(source, target, card.name, card.engine == APERTIUM)
            for card in mine
            for source, target in sorted(card.pairs)
        ]
        self._compute = compute
        self._llm = None if llm is None else LlmTranslator(llm)

    def app(self) -> FastAPI:
        pinned = [offer for offer in self._offers.values() if offer.pinned]
        app = application(self._compute, self._health, pinned)

        @app.post("/translate")
        async def translate(request: Request, body: TranslateRequest) -> TranslateReply:
            return await self._translate(_Job(request, body))

        @app.post("/detect")
        async def read_languages(body: DetectRequest) -> DetectReply:
            _check_lengths(body.texts)
            known = {code for each in self._directions for code in (each.source, each.target)}
            found = await run_in_threadpool(lambda: [detect(text, known) for text in body.texts])
            return DetectReply(guesses=[[_guess_model(guess) for guess in guesses] for guesses in found])

        @app.get("/languages")
        async def languages() -> Languages:
            has_llm = self._llm is not None and await self._llm.is_there()
            return Languages(pairs=[_pair(route) for route in routing.all_routes(self._directions)], llm=has_llm)

        return app

    async def _translate(self, job: _Job) -> TranslateReply:
        texts = job.body.texts
        _check_lengths(texts)
        target = plain(job.body.target)
        languages = await self._languages_of(job.body, target)
        found = [
            TranslationModel(text=text, source=source or target) for text, source in zip(texts, languages, strict=True)
        ]
        for source in dict.fromkeys(languages):
            numbers = [
                number
                for number, language in enumerate(languages)
                if language == source and source != target and has_letters(texts[number])
            ]
            if source is not None and numbers:
                done = await self._from(job, source, target, [texts[number] for number in numbers])
                for number, each in zip(numbers, done, strict=True):
                    found[number] = TranslationModel(
                        text=each.text, source=source, numbers_differ="numbers" in each.doubts
                    )
        log.info("texts translated", texts=len(found), to=target, engines=list(job.engines))
        return TranslateReply(
            translations=found,
            engines=list(job.engines),
            route=job.way,
            draft=job.draft,
            computed_s=job.computed_s,
        )

    async def _from(self, job: _Job, source: str, target: str, texts: Sequence[str]) -> list[wording.Done]:
        """Translations of texts in one language."""
        route = await self._route(job.body.engine, source, target)
        job.ways += [tuple(route.languages)] * len(texts)
        job.engines |= dict.fromkeys(route.engines)
        job.draft |= route.draft

        async def through(sentences: list[str]) -> list[str]:
            return await self._through(job, route, sentences)

        terms = [Term(term.source, term.target) for term in job.body.glossary]
        return await wording.translated(texts, source, through, terms, job.body.form)

    async def _route(self, engine: str, source: str, target: str) -> Route:
        """A model of the LLM servers serves where it is asked for, and where no other way leads there."""
        by_llm = Route((Direction(source, target, LLM),))
        if engine == LLM:
            if self._llm is None:
                raise Unsupported("The engine llm needs an LLM server, and none is set here. Leave the engine out.")
            return by_llm
        try:
            return routing.route(self._directions, source, target, None if engine == AUTO else engine)
        except Unsupported:
            if engine == AUTO and self._llm is not None and await self._llm.is_there():
                return by_llm
            raise

    async def _through(self, job: _Job, route: Route, sentences: list[str]) -> list[str]:
        """Each sentence over the whole route; the same sentence goes but once."""
        known = dict.fromkeys(sentences)
        texts = list(known)
        for leg in route.legs if texts else ():
            texts = [text for chunk in _chunks(texts) for text in await self._leg(job, leg, chunk)]
        translations = dict(zip(known, texts, strict=True))
        return [translations[sentence] for sentence in sentences]

    async def _leg(self, job: _Job, leg: Direction, sentences: list[str]) -> list[str]:
        body = job.body
        if leg.engine == LLM and self._llm is not None:
            priority = PriorityClass(body.priority)
            texts, computed_s = await self._llm.translate(sentences, leg.source, leg.target, priority, body.tenant)
            job.computed_s += computed_s
            return texts
        computed = await self._compute.run_chunk(
            job.http,
            self._offers[leg.engine],
            body.priority,
            body.tenant,
            lambda engine, batch: engine.translate(sentences, leg.source, leg.target, batch),
        )
        job.computed_s += computed.computed_s
        return computed.result

    async def _languages_of(self, body: TranslateRequest, target: str) -> list[str | None]:
        """The language of each text; None where nothing tells."""
        if body.source is not None:
            return [plain(body.source)] * len(body.texts)
        among = set() if body.engine == LLM else {target, *self._sources_to(target)}
        return await run_in_threadpool(languages_of, body.texts, among)

    def _sources_to(self, target: str) -> list[str]:
        return [route.languages[0] for route in routing.all_routes(self._directions) if route.languages[-1] == target]

    def _health(self) -> Health:
        names = [*sorted(self._offers), *([LLM] if self._llm else [])]
        return Health(brick="translate", engine=", ".join(names))


def languages_of(texts: Sequence[str], among: set[str]) -> list[str | None]:
    """For each text its own language, or that of all together where the text alone does not tell."""
    alone = [next(iter(detect(text, among)), None) for text in texts]
    together: Guess | None = None
    if any(guess is None or guess.confidence < SURE for guess in alone):
        together = next(iter(detect(" ".join(texts), among)), None)
    chosen = [together or guess if guess is None or guess.confidence < SURE else guess for guess in alone]
    return [None if guess is None else guess.language for guess in chosen]


def _chunks(sentences: Sequence[str]) -> Iterator[list[str]]:
    """What is computed at a time, between two of which another caller may come first."""
    chunk: list[str] = []
    letters = 0
    for sentence in sentences:
        if chunk and (len(chunk) == CHUNK_SENTENCES or letters + len(sentence) > CHUNK_LETTERS):
            yield chunk
            chunk, letters = [], 0
        chunk.append(sentence)
        letters += len(sentence)
    if chunk:
        yield chunk


def _check_lengths(texts: Sequence[str]) -> None:
    longest = max(map(len, texts), default=0)
    if longest > LONGEST_TEXT:
        raise TooLarge(f"A text has {longest:,} letters; at most {LONGEST_TEXT:,} go in one. Send it in parts.")


def _pair(route: Route) -> Pair:
    source, target = route.languages[0], route.languages[-1]
    return Pair(source=source, target=target, route=route.languages, draft=route.draft, engines=route.engines)


def _guess_model(guess: Guess) -> contract.Guess:
    return contract.Guess(language=guess.language, confidence=round(guess.confidence, 3))
