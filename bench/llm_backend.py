"""A stand-in for an LLM server that is faster than any: it streams tokens at the rate that it is told, and does
nothing else. Plain asyncio, so that what is measured is not the stand-in.

    {"model": "tiny", "tokens": 180, "rate": 60, "stream": true}      rate 0: as fast as they are taken
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

MODEL = "tiny:latest"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n"
TURNS = 16
"""At full speed others get their turn after so many tokens."""


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            body = json.loads(await reader.readexactly(length) or b"{}")
            if path in {"/v1/chat/completions", "/api/chat"}:
                await stream(writer, body, path == "/api/chat")
            else:
                told = json.dumps(known(path)).encode()
                kind = b"content-type: application/json\r\n"
                writer.write(b"HTTP/1.1 200 OK\r\n%scontent-length: %d\r\n\r\n%s" % (kind, len(told), told))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def known(path: str) -> dict[str, object]:
    entry = {"name": MODEL, "model": MODEL, "size": 1 << 30, "size_vram": 0, "digest": "d"}
    tables: dict[str, dict[str, object]] = {
        "/api/tags": {"models": [entry]},
        "/api/ps": {"models": [entry]},
        "/api/show": {"capabilities": ["completion"]},
        "/v1/models": {"data": [{"id": MODEL}]},
    }
    return tables.get(path, {"version": "0"})


async def stream(writer: asyncio.StreamWriter, body: dict[str, object], native: bool) -> None:
    tokens, rate = int(str(body["tokens"])), float(str(body["rate"]))
    writer.write(HEAD % (b"application/x-ndjson" if native else b"text/event-stream"))
    piece = chunk(_piece(native))
    began = time.perf_counter()
    for number in range(tokens):
        if rate:
            # By the clock, so that a late token does not make all that follow late.
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        elif number % TURNS == 0:
            await asyncio.sleep(0)
        writer.write(piece)
        await writer.drain()
    writer.write(chunk(_end(native, tokens)) + b"0\r\n\r\n")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _piece(native: bool) -> bytes:
    if native:
        told: dict[str, object] = {"model": MODEL, "message": {"role": "assistant", "content": "word "}, "done": False}
        return json.dumps({**told, "created_at": "2026-11-20T09:00:00.123456Z"}).encode() + b"\n"
    choice = {"index": 0, "delta": {"content": "word "}, "logprobs": None, "finish_reason": None}
    head = {"id": "chatcmpl-871", "object": "chat.completion.chunk", "created": 1795000000, "model": MODEL}
    return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"


def _end(native: bool, tokens: int) -> bytes:
    if native:
        return json.dumps({"model": MODEL, "done": True, "prompt_eval_count": 7, "eval_count": tokens}).encode() + b"\n"
    usage = {"prompt_tokens": 7, "completion_tokens": tokens, "total_tokens": 7 + tokens}
    return b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\ndata: [DONE]\n\n"


async def main(port: int) -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
