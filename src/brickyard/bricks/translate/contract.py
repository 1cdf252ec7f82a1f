"""What is said between the `translate` brick and its callers. Languages are ISO 639-1 codes."""

from __future__ import annotations

from pydantic import BaseModel, Field

from brickyard.text.protection import Form

MOST_TEXTS = 200
LONGEST_TEXT = 20_000
LONGEST_TERM = 200


class Term(BaseModel):
    """How a word or phrase of the source is to be translated; the same text in both keeps it as it is."""

    source: str = Field(min_length=1, max_length=LONGEST_TERM)
    target: str = Field(min_length=1, max_length=LONGEST_TERM)


class TranslateRequest(BaseModel):
    """Texts of any length up to a few pages: the brick divides them into sentences, and drops nothing.

    `source`: None where it is to be detected, for each text by itself. `engine`: auto, or the name of a model or of
    the engine `llm`. `form`: text; tags, where there are <tags> and {codes}, as in subtitles; html.
    """

    texts: list[str] = Field(max_length=MOST_TEXTS)
    source: str | None = None
    target: str
    glossary: list[Term] = Field(default=[], max_length=500)
    engine: str = "auto"
    form: Form = "text"
    priority: str = "standard"
    tenant: str = "local"


class TranslationModel(BaseModel):
    """One text. `numbers_differ`: numbers of the source are missing, or others came in, and could not be put right."""

    text: str
    source: str
    numbers_differ: bool = False


class TranslateReply(BaseModel):
    """`route`: the languages gone through, such as [en, es, pt], of most texts; `draft`: only good for the gist."""

    translations: list[TranslationModel]
    engines: list[str]
    route: list[str]
    draft: bool
    computed_s: float = 0.0


class DetectRequest(BaseModel):
    texts: list[str] = Field(max_length=MOST_TEXTS)


class Guess(BaseModel):
    """`confidence`: 0…1."""

    language: str
    confidence: float


class DetectReply(BaseModel):
    """Likeliest first, for each text; none where there are no letters."""

    guesses: list[list[Guess]]


class Pair(BaseModel):
    """What can be translated, directly or through other languages (`route`)."""

    source: str
    target: str
    route: list[str]
    draft: bool
    engines: list[str]


class Languages(BaseModel):
    """`llm`: whether a language model is there, which takes any pair when asked for."""

    pairs: list[Pair]
    llm: bool = False
