from __future__ import annotations

import asyncio
import json

import pytest

from brickyard.bricks.llm.contract import CompletionRequest, LlmModel
from brickyard.bricks.translate.llm import MOST_SENTENCES, LlmTranslator
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import Unavailable
from tests.unit.bricks.translate.stand_ins import Scripted

THREE = ["One house.", "It has 12 rooms.", "The end."]
RIGHT = {"1": "Una casa.", "2": "Tiene 12 cuartos.", "3": "El fin."}


def translated(llm: Scripted, sentences: list[str]) -> tuple[list[str], float]:
    translator = LlmTranslator(llm)
    return asyncio.run(translator.translate(sentences, "en", "es", PriorityClass.BATCH, "ada"))


def shouted(request: CompletionRequest) -> str:
    asked = json.loads(request.messages[1].content)
    return json.dumps({number: text.upper() for number, text in asked.items()})


def test_sentences_go_together_as_numbered_json() -> None:
    llm = Scripted("Here you are:\n```json\n" + json.dumps(RIGHT) + "\n```")
    assert translated(llm, THREE) == (list(RIGHT.values()), 0.5)
    [request] = llm.requests
    assert (request.form, request.priority, request.tenant) == ("json", PriorityClass.BATCH, "ada")
    assert "from English to Spanish" in request.messages[0].content
    assert json.loads(request.messages[1].content) == dict(zip("123", THREE, strict=True))


@pytest.mark.parametrize(
    "wrong",
    [
        "I can't do that.",
        "[1, 2]",
        json.dumps(RIGHT | {"4": "Más."}),
        json.dumps(RIGHT | {"2": "Tiene 13 cuartos."}),
        json.dumps(RIGHT | {"3": " "}),
        json.dumps(RIGHT | {"3": None}),
        json.dumps(RIGHT) + "<cut>",
    ],
)
def test_a_wrong_answer_is_asked_for_once_more(wrong: str) -> None:
    llm = Scripted(wrong, json.dumps(RIGHT))
    assert translated(llm, THREE) == (list(RIGHT.values()), 1.0)
    assert [message.role for message in llm.requests[1].messages] == ["system", "user", "assistant", "user"]
    assert "not right" in llm.requests[1].messages[-1].content


def test_what_is_wrong_twice_goes_by_itself() -> None:
    wrong = json.dumps(RIGHT | {"2": "Tiene cuartos."})
    llm = Scripted(wrong, wrong, " Tiene 12 cuartos. ")
    assert translated(llm, THREE)[0] == list(RIGHT.values())
    assert llm.requests[2].form == "text"
    assert llm.requests[2].messages[1].content == THREE[1]


def test_a_sentence_that_comes_to_no_end_gives_nothing() -> None:
    assert translated(Scripted("la la la la<cut>"), ["One house."])[0] == [""]


def test_many_sentences_go_in_several_requests() -> None:
    sentences = [f"Sentence {number}." for number in range(2 * MOST_SENTENCES + 2)] + ["x" * 2900, "y" * 2900]
    llm = Scripted(*[shouted] * 3, "Z" * 5)
    found, computed_s = translated(llm, sentences)
    assert found == [sentence.upper() for sentence in sentences[:-1]] + ["ZZZZZ"]
    assert (len(llm.requests), computed_s) == (4, 2.0)


def test_a_server_that_is_away_is_told() -> None:
    with pytest.raises(Unavailable):
        translated(Scripted(), THREE)


def test_a_model_that_only_embeds_is_none() -> None:
    embeds = LlmModel(name="small", backend="one", completes=False)
    assert asyncio.run(LlmTranslator(Scripted()).is_there())
    assert not asyncio.run(LlmTranslator(Scripted(models=[embeds])).is_there())
