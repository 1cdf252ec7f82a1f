"""A stand-in for the `translate` brick, on its socket. It is no translator: it writes in capitals, behind the code of
the language. German is what has the word "und" in it, all else is English."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from brickyard.bricks.contract import Failure
from brickyard.bricks.translate.contract import (
    DetectReply,
    DetectRequest,
    Guess,
    Languages,
    Pair,
    TranslateReply,
    TranslateRequest,
    TranslationModel,
)
from tests.llm_server import listening

PAIRS = [("en", "de"), ("en", "es"), ("de", "en"), ("de", "es")]


@dataclass
class Capitals:
    asked: list[TranslateRequest] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/translate", response_model=None)
        def translate(body: TranslateRequest) -> TranslateReply | JSONResponse:
            self.asked.append(body)
            sources = [body.source or language_of(text) for text in body.texts]
            for source in sources:
                if (source, body.target) not in PAIRS:
                    failure = Failure(code="unsupported", message=f"Nothing leads from {source} to {body.target}.")
                    return JSONResponse(failure.model_dump(), status_code=422)
            done = [
                TranslationModel(text=f"{body.target}: {text.upper()}", source=source)
                for text, source in zip(body.texts, sources, strict=True)
            ]
            return TranslateReply(translations=done, engines=["capitals"], route=[sources[0], body.target], draft=True)

        @app.post("/detect")
        def detect(body: DetectRequest) -> DetectReply:
            return DetectReply(
                guesses=[
                    [Guess(language=language_of(text), confidence=0.9)] if any(map(str.isalpha, text)) else []
                    for text in body.texts
                ]
            )

        @app.get("/languages")
        def languages() -> Languages:
            return Languages(pairs=[Pair(source=a, target=b, route=[a, b], draft=True, engines=[]) for a, b in PAIRS])

        return app

    @contextmanager
    def serving(self) -> Iterator[Path]:
        """Its socket."""
        with tempfile.TemporaryDirectory(prefix="by-") as folder:
            socket = Path(folder) / "translate.sock"
            with listening(self.app(), uds=str(socket)):
                yield socket


def language_of(text: str) -> str:
    return "de" if "und" in text.lower().split() else "en"
