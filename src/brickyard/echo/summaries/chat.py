"""Chat with a recording: the lines that a question is about are shown to the model, and its citations are checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

from brickyard.bricks.llm.contract import CompletionRequest, Message
from brickyard.echo.summaries import mapreduce, model
from brickyard.echo.summaries.schemas import ChatAnswer, ChatCitation, ChatMessage, LanguageModel, Spoken
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import BadInput, TooLarge
from brickyard.text import prompts, ranking
from brickyard.text.citations import Evidence
from brickyard.text.lines import Line, numbered, tokens
from brickyard.text.retrieval import Index
from brickyard.text.statements import statements
from brickyard.text.terms import guessed_language

HISTORY_SHARE = 0.25
GUESSED_FROM_LETTERS = 20_000


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent, and what is needed to check the answer."""

    request: CompletionRequest
    spoken: Spoken
    lines: list[Line]
    shown: frozenset[int]


async def ask(llm: LanguageModel, spoken: Spoken, messages: Sequence[ChatMessage], owner: str) -> Question:
    """Raises what the LLM brick says where there is no model, BadInput, and TooLarge where the question is too long."""
    if messages[-1].role != "user":
        raise BadInput("The last message is the question, so its role has to be 'user'.")
    lines = numbered(spoken.segments)
    if not lines:
        raise BadInput("Nothing was said in this recording, so there is nothing to ask about it.")
    by = await model.writer(llm, PriorityClass.INTERACTIVE, owner)
    history = _recent(messages, int(by.context_tokens * HISTORY_SHARE))
    left = by.context_tokens - mapreduce.answer_tokens(by.context_tokens) - mapreduce.SPARE_TOKENS
    left -= tokens(prompts.chat_system([], is_whole=False)) + sum(tokens(one.content) for one in history)
    shown = await asyncio.to_thread(_shown, lines, spoken.language, messages, left)
    system = prompts.chat_system(shown, is_whole=len(shown) == len(lines))
    request = CompletionRequest(
        model=by.model,
        messages=[
            Message(role="system", content=system),
            *(Message(role=one.role, content=one.content) for one in history),
        ],
        max_tokens=mapreduce.answer_tokens(by.context_tokens),
        temperature=0.0,
        context_tokens=by.context_tokens,
        priority=PriorityClass.INTERACTIVE,
        tenant=owner,
    )
    return Question(request, spoken, lines, frozenset(line.number for line in shown))


async def deltas(llm: LanguageModel, question: Question) -> AsyncIterator[str]:
    """The answer as it comes, unchecked. The model stops when nobody listens any more."""
    stream = llm.stream(question.request)
    try:
        async for delta in stream:
            yield delta
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


def checked(question: Question, text: str) -> ChatAnswer:
    """The answer with the citations that hold: of lines that the model was shown, and that say it."""
    lines = {line.number: line for line in question.lines}
    evidence = Evidence(question.lines, question.spoken.language)
    heard = guessed_language(" ".join(line.text for line in question.lines)[:GUESSED_FROM_LETTERS])
    translated = guessed_language(text) not in (None, heard)
    found = evidence.answer(text, translated=translated, among=question.shown)
    citations = [
        ChatCitation(
            number=number,
            segment=number - 1,
            start=lines[number].start,
            end=lines[number].end,
            speaker=lines[number].speaker,
        )
        for number in found.lines
    ]
    return ChatAnswer(
        text=found.text, citations=citations, removed=list(found.removed), unsupported=list(found.unsupported)
    )


def _recent(messages: Sequence[ChatMessage], budget_tokens: int) -> list[ChatMessage]:
    """The question, and as much of what was said before as fits."""
    question = messages[-1]
    left = budget_tokens - tokens(question.content)
    if left < 0:
        raise TooLarge(
            f"The question has about {tokens(question.content):,} tokens; at most {budget_tokens:,} leave room for the "
            "transcript. Ask a shorter one."
        )
    kept = [question]
    for message in reversed(messages[:-1]):
        left -= tokens(message.content)
        if left < 0:
            break
        kept.insert(0, message)
    return kept


def _shown(lines: Sequence[Line], language: str, messages: Sequence[ChatMessage], budget_tokens: int) -> list[Line]:
    """What the question is about, together with the one before it, to which it may refer; where no line shares a word
    with them, the lines that say most of the recording."""
    questions = [message.content for message in messages if message.role == "user"]
    index = Index(lines, language)
    found = index.passage(questions[-1], budget_tokens) or index.passage(" ".join(questions[-2:]), budget_tokens)
    if found:
        return found
    best = ranking.summary_of(statements(lines), language, wanted=len(lines))
    wanted = {number for one in best for number in one.lines} or {line.number for line in lines}
    kept: list[Line] = []
    for line in lines:
        cost = tokens(line.shown) + 1
        if line.number in wanted and cost <= budget_tokens:
            kept.append(line)
            budget_tokens -= cost
    return kept
