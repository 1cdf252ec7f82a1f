"""The brick on its socket, in front of stand-ins for LLM servers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from brickyard.bricks.llm.brick import LlmBrick
from brickyard.bricks.llm.servers import servers
from brickyard.gpu.client import BrokerClient
from tests.llm_server import LlmServer, listening, serving


@contextmanager
def brick(
    *stand_ins: LlmServer, broker: BrokerClient | None = None, address: str = "", **options: Any
) -> Iterator[Path]:
    """The brick's socket. With a `broker` the first server shares the card. `address`: of one more server. `options`
    are the brick's."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="by-"))
        urls = [stack.enter_context(serving(one)).url for one in stand_ins]
        texts = [url if one.is_ollama else f"openai+{url}" for one, url in zip(stand_ins, urls, strict=True)]
        shared = texts.pop(0) if broker is not None else None
        found = servers(",".join([*texts, address]), shared)
        socket = Path(folder) / "llm.sock"
        app = LlmBrick(found, broker, **{"looks_every_s": 0.1, **options}).app()
        stack.enter_context(listening(app, uds=str(socket)))
        yield socket
