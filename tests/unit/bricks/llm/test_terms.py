from __future__ import annotations

from typing import Any

import pytest

from brickyard.bricks.llm.contract import PromptTooLong
from brickyard.bricks.llm.terms import Terms, check_length, context_tokens, letters_of
from brickyard.kit.errors import BadInput

TERMS = Terms("10m", frozenset({"kept"}), {"": 8192, "wide": 32768})


def applied(
    body: dict[str, Any], model: str = "m", path: str = "/api/chat", *, is_admin: bool = False
) -> dict[str, Any]:
    return TERMS.applied(path, body, model, is_admin=is_admin)


def test_what_would_load_a_model_anew_is_set_here() -> None:
    asked = {"options": {"num_ctx": 99, "num_gpu": 1, "temperature": 0.5}}
    assert applied(asked)["options"] == {"num_ctx": 8192, "temperature": 0.5}
    assert applied(asked, "wide")["options"]["num_ctx"] == 32768
    assert Terms().applied("/api/chat", asked, "m")["options"] == {"temperature": 0.5}
    assert applied(asked, is_admin=True)["options"] == {"num_ctx": 99, "num_gpu": 1, "temperature": 0.5}
    assert asked["options"]["num_ctx"] == 99


def test_only_administrators_say_how_long_a_model_stays() -> None:
    assert applied({"keep_alive": 0})["keep_alive"] == "10m"
    assert applied({"keep_alive": 0}, is_admin=True)["keep_alive"] == 0
    assert applied({}, is_admin=True)["keep_alive"] == "10m"
    assert applied({"keep_alive": 0}, "kept")["keep_alive"] == -1


def test_a_long_prompt_is_refused_by_the_server_rather_than_cut() -> None:
    assert applied({})["truncate"] is False
    assert applied({"truncate": True})["truncate"] is True
    assert "truncate" not in applied({}, path="/api/embed")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/api/show"])
def test_other_apis_have_no_such_words(path: str) -> None:
    body = {"model": "m", "keep_alive": 0}
    assert applied(body, path=path) is body


def test_context_lengths_are_read_from_a_setting() -> None:
    assert context_tokens("8192, gemma3:27b=32768") == {"": 8192, "gemma3:27b": 32768}
    assert context_tokens(" ") == {}
    for wrong in ("many", "m=", "m=0", "-1"):
        with pytest.raises(BadInput, match="no number of tokens"):
            context_tokens(wrong)


def test_a_prompt_that_cannot_fit_is_told_the_figures() -> None:
    check_length("m", 6 * 4096, 4096)
    check_length("m", 10**9, None)
    with pytest.raises(PromptTooLong, match=r"24,582 letters, which is 4,097 tokens at the very least; m takes 4,096"):
        check_length("m", 6 * 4097, 4096)


def test_all_that_a_model_reads_has_letters() -> None:
    parts = [{"type": "text", "text": "four"}, {"type": "image_url", "image_url": {"url": "data:long"}}]
    messages = [{"role": "system", "content": "abc"}, {"role": "user", "content": parts, "images": ["iVBOR"]}]
    assert letters_of({"messages": messages}) == 7
    assert letters_of({"prompt": "ab", "system": "c"}) == letters_of({"input": ["ab", "c"]}) == 3
    assert letters_of({"messages": None, "prompt": 3}) == 0
