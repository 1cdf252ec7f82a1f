"""A typed request in the words of a server, and its answer as a typed one. Pure."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ValidationError

from brickyard.bricks.llm.contract import Completion, CompletionRequest, Message
from brickyard.bricks.llm.servers import Kind
from brickyard.kit.errors import Unavailable

PATHS = {Kind.OLLAMA: "/api/chat", Kind.OPENAI: "/v1/chat/completions"}
Body = dict[str, Any]


class _OllamaMessage(BaseModel):
    content: str = ""


class _OllamaAnswer(BaseModel):
    message: _OllamaMessage = _OllamaMessage()
    done: bool = True
    done_reason: str | None = None
    prompt_eval_count: int = 0
    eval_count: int = 0


class _OpenAiMessage(BaseModel):
    content: str | None = None


class _OpenAiChoice(BaseModel):
    """A whole answer has a message, a piece of one a delta."""

    message: _OpenAiMessage = _OpenAiMessage()
    delta: _OpenAiMessage = _OpenAiMessage()
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _OpenAiAnswer(BaseModel):
    choices: list[_OpenAiChoice] = []
    usage: _Usage | None = None


def body(request: CompletionRequest, model: str, kind: Kind, *, stream: bool) -> Body:
    return _for_ollama(request, model, stream) if kind is Kind.OLLAMA else _for_openai(request, model, stream)


def completion(answer: bytes, model: str, kind: Kind, computed_s: float) -> Completion:
    """Raises Unavailable where the answer makes no sense."""
    try:
        if kind is Kind.OLLAMA:
            said = _OllamaAnswer.model_validate_json(answer)
            text, tokens = said.message.content, (said.prompt_eval_count, said.eval_count)
            truncated = said.done_reason == "length"
        else:
            told = _OpenAiAnswer.model_validate_json(answer)
            text, usage = told.choices[0].message.content or "", told.usage or _Usage()
            tokens, truncated = (usage.prompt_tokens, usage.completion_tokens), _is_cut(told)
    except (ValidationError, IndexError) as error:
        raise Unavailable(f"The LLM server's answer makes no sense: {answer[:200]!r}. Look at its log.") from error
    prompt, written = tokens
    return Completion(
        text=text,
        model=model,
        prompt_tokens=prompt,
        completion_tokens=written,
        truncated=truncated,
        computed_s=computed_s,
    )


def piece(line: bytes, kind: Kind) -> str:
    """The text in one line of a stream; none in lines that only frame it. Raises Unavailable for one with an error."""
    text = line.strip()
    if kind is Kind.OPENAI:
        if not text.startswith(b"data:"):
            return ""
        text = text[5:].strip()
    if not text or text == b"[DONE]":
        return ""
    if text.startswith(b'{"error"'):
        raise Unavailable(f"The LLM server broke off: {reason(text)}.")
    try:
        if kind is Kind.OLLAMA:
            return _OllamaAnswer.model_validate_json(text).message.content
        told = _OpenAiAnswer.model_validate_json(text)
    except ValidationError as error:
        raise Unavailable(f"The LLM server's answer makes no sense: {text[:200]!r}. Look at its log.") from error
    return "".join(choice.delta.content or "" for choice in told.choices)


def reason(answer: bytes) -> str:
    """What an error of either API says."""
    try:
        told = json.loads(answer)
    except ValueError:
        return answer[:200].decode(errors="replace")
    error = told.get("error", told) if isinstance(told, dict) else told
    return str(error.get("message", error) if isinstance(error, dict) else error)[:500]


def _for_ollama(request: CompletionRequest, model: str, stream: bool) -> Body:
    options: Body = {}
    if request.max_tokens is not None:
        options["num_predict"] = request.max_tokens
    if request.temperature is not None:
        options["temperature"] = request.temperature
    told: Body = {
        "model": model,
        "messages": [message.model_dump(exclude_defaults=True) for message in request.messages],
        "stream": stream,
        "options": options,
    }
    return {**told, "format": "json"} if request.form == "json" else told


def _for_openai(request: CompletionRequest, model: str, stream: bool) -> Body:
    told: Body = {"model": model, "messages": [_parts(message) for message in request.messages], "stream": stream}
    if request.max_tokens is not None:
        told["max_tokens"] = request.max_tokens
    if request.temperature is not None:
        told["temperature"] = request.temperature
    if request.form == "json":
        told["response_format"] = {"type": "json_object"}
    return told


def _parts(message: Message) -> Body:
    if not message.images:
        return {"role": message.role, "content": message.content}
    images = [{"type": "image_url", "image_url": {"url": _data_url(image)}} for image in message.images]
    return {"role": message.role, "content": [{"type": "text", "text": message.content}, *images]}


def _data_url(image: str) -> str:
    """In base64 a JPEG begins with /9j/."""
    return f"data:image/{'jpeg' if image.startswith('/9j/') else 'png'};base64,{image}"


def _is_cut(answer: _OpenAiAnswer) -> bool:
    return answer.choices[0].finish_reason == "length"
