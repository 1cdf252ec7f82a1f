"""Which server has which model, and which of them is there. Asked now and then; one that is away is left out until it
answers again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp

from brickyard.bricks.llm import asking
from brickyard.bricks.llm.asking import Abilities, Entry, Inventory
from brickyard.bricks.llm.contract import LlmModel
from brickyard.bricks.llm.line import Desk
from brickyard.bricks.llm.servers import Kind, Server
from brickyard.bricks.llm.terms import Terms
from brickyard.kit.errors import NotFound, Unavailable, Unsupported
from brickyard.kit.logs import get

log = get(__name__)

LATEST = ":latest"


@dataclass
class Stand:
    """A server as it was last seen."""

    server: Server
    is_up: bool = False
    inventory: Inventory = field(default_factory=Inventory)
    abilities: dict[tuple[str, str], Abilities] = field(default_factory=dict)
    """By name and digest of the model."""
    seen_context: dict[str, int] = field(default_factory=dict)
    """What a model was last seen loaded with."""
    held_mib: dict[str, int] = field(default_factory=dict)
    """What it was last seen to take of the card."""
    version: str = ""
    trouble: str = ""

    def able(self, model: str) -> Abilities:
        return self.abilities.get(_key(model, self.inventory.there.get(model, {})), Abilities())

    def lost(self, reason: str) -> None:
        if self.is_up or not self.trouble:
            log.warning("an LLM server is away", server=self.server.name, reason=reason)
        self.is_up, self.trouble, self.inventory = False, reason, Inventory()


class Directory:
    def __init__(self, servers: Sequence[Server], terms: Terms, changed: Callable[[], None] = lambda: None) -> None:
        self.stands = {server.name: Stand(server) for server in servers}
        self._terms = terms
        self._changed = changed
        self.looked = asyncio.Event()
        """Set once every server has been asked."""
        self._looking = asyncio.Lock()

    async def look(self, http: aiohttp.ClientSession) -> None:
        async with self._looking:
            await asyncio.gather(*(self._look_at(http, stand) for stand in self.stands.values()))
        self.looked.set()
        self._changed()

    async def _look_at(self, http: aiohttp.ClientSession, stand: Stand) -> None:
        try:
            found = await asking.inventory(http, stand.server)
            await self._learn(http, stand, found)
        except Unavailable as error:
            stand.lost(error.message)
            return
        if not stand.is_up:
            log.info("an LLM server is there", server=stand.server.name, models=len(found.there))
        stand.is_up, stand.trouble, stand.inventory = True, "", found
        for name, entry in found.loaded.items():
            if context := asking.context_of(entry):
                stand.seen_context[name] = context
            if mib := asking.vram_mib(entry):
                stand.held_mib[name] = mib

    async def _learn(self, http: aiohttp.ClientSession, stand: Stand, found: Inventory) -> None:
        if not stand.is_up and stand.server.kind is Kind.OLLAMA:
            stand.version = str((await asking.ask(http, stand.server, "GET", "/api/version")).get("version", ""))
        for name, entry in found.there.items():
            key = _key(name, entry)
            if key not in stand.abilities:
                stand.abilities[key] = await asking.abilities(http, stand.server, entry)

    def find(self, asked: str, *, native: bool = False) -> str:
        """The model's name as servers know it. `native`: it has to be on an Ollama.

        Raises NotFound with what there is, Unsupported where no server is set, Unavailable where none answers.
        """
        up = self._up()
        for name in (asked, asked + LATEST):
            if any(name in stand.inventory.there and _speaks(stand, native) for stand in up):
                return name
        if any(asked in stand.inventory.there for stand in up):
            raise NotFound(f"The model '{asked}' is on a server that has no Ollama API; ask for it under /v1.")
        there = sorted({name for stand in up for name in stand.inventory.there if _speaks(stand, native)})
        raise NotFound(f"The model '{asked}' is not found; there are: {', '.join(there) or 'none'}.")

    def troubles(self) -> list[str]:
        """Of servers that are away: what is wrong with each."""
        return [stand.trouble for stand in self.stands.values() if not stand.is_up and stand.trouble]

    def default(self) -> str | None:
        """One that writes text: a loaded one where there is any."""
        able = [model for model in self.models() if model.completes]
        return min(able, key=lambda model: not model.loaded).name if able else None

    def models(self) -> list[LlmModel]:
        """Each once, as the first server that has it has it."""
        found: dict[str, LlmModel] = {}
        for stand in self._stands_up():
            for name in stand.inventory.there:
                model = self._model(stand, name)
                if name not in found or (model.loaded and not found[name].loaded):
                    found[name] = model
        return list(found.values())

    def desks(self, under_way: Mapping[str, int], parallel: int) -> list[Desk]:
        return [
            Desk(
                name,
                frozenset(stand.inventory.there),
                frozenset(stand.inventory.loaded),
                under_way.get(name, 0),
                parallel,
                native=stand.server.kind is Kind.OLLAMA,
            )
            for name, stand in self.stands.items()
            if stand.is_up
        ]

    def context_of(self, server: str, model: str) -> int | None:
        """How many tokens fit there, where that is known."""
        stand = self.stands[server]
        most = stand.able(model).context_tokens
        if stand.server.kind is Kind.OPENAI:
            return most
        set_to = self._terms.context_of(model) or stand.seen_context.get(model)
        return min(set_to, most or set_to) if set_to else None

    def most_context_of(self, model: str) -> int | None:
        """On the server that has most; None where one of those that have the model does not tell."""
        figures = [
            self.context_of(stand.server.name, model) for stand in self._stands_up() if model in stand.inventory.there
        ]
        return None if None in figures else max((figure for figure in figures if figure), default=None)

    def entries(self, *, loaded: bool) -> list[Entry]:
        """Of all Ollamas, as /api/tags and /api/ps list them."""
        found: dict[str, Entry] = {}
        for stand in self._stands_up():
            if stand.server.kind is Kind.OLLAMA:
                found = {**(stand.inventory.loaded if loaded else stand.inventory.there), **found}
        return list(found.values())

    def ollama_version(self) -> str:
        return self.stands[self.ollama_with(None).name].version

    def ollama_with(self, model: str | None) -> Server:
        """One that has the model; else the first there is."""
        able = [stand for stand in self._up() if stand.server.kind is Kind.OLLAMA]
        if not able:
            raise Unsupported("No Ollama is set. Ask your administrator to connect one.")
        names = {model, f"{model}{LATEST}"}
        return next((stand for stand in able if names & set(stand.inventory.there)), able[0]).server

    def lost(self, server: str, reason: str) -> None:
        self.stands[server].lost(reason)

    def _model(self, stand: Stand, name: str) -> LlmModel:
        able = stand.able(name)
        return LlmModel(
            name=name,
            backend=stand.server.name,
            context_tokens=self.context_of(stand.server.name, name),
            vision=able.vision,
            completes=able.completes,
            loaded=name in stand.inventory.loaded,
        )

    def _stands_up(self) -> Iterator[Stand]:
        return (stand for stand in self.stands.values() if stand.is_up)

    def _up(self) -> list[Stand]:
        if not self.stands:
            # Analysts read this; which setting it takes, administrators see among the models.
            raise Unsupported("No LLM server is set. Ask your administrator to connect a language model.")
        up = list(self._stands_up())
        if not up:
            why = "; ".join(stand.trouble for stand in self.stands.values())
            raise Unavailable(f"No LLM server is there now. {why}")
        return up


def _speaks(stand: Stand, native: bool) -> bool:
    return not native or stand.server.kind is Kind.OLLAMA


def _key(name: str, entry: Entry) -> tuple[str, str]:
    return name, str(entry.get("digest", ""))
