from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence

import pytest

from brickyard.bricks.llm.contract import Completion, CompletionRequest, Message, PromptTooLong
from brickyard.echo.summaries.mapreduce import MapReduce, Notes, Order, answer_tokens, parts
from brickyard.kit.errors import BrickyardError
from brickyard.text.citations import Evidence, Supported
from brickyard.text.lines import Line, numbered, tokens
from brickyard.text.prompts import Prompt, Template
from tests.unit.echo.summaries.scripted import Answer, Scripted, faithful, is_map, shown_lines, spoken, told

ORDER = Order(Template.minutes, "en", "en")
CONTEXT = 4096
SAID = [
    "The harbour project needs twelve thousand euros for the northern crane.",
    "Maria Lopez will order the crane before the end of March.",
    "We postponed the opening of the museum to September.",
    "The school roof was repaired by volunteers in 2019.",
]


def long_transcript(count: int = 2700) -> list[Line]:
    """Three hours: 2,700 lines, 30,000 words."""
    words = random.Random(3)
    vocabulary = [
        f"{a}{b}{c}" for a in ("har", "mus", "bud", "roo", "cra") for b in "aeiou" for c in ("lin", "ter", "x")
    ]
    texts = (" ".join(words.choices(vocabulary, k=11)).capitalize() + "." for _ in range(count))
    return numbered(spoken(*texts).segments)


def making(lines: Sequence[Line], llm: Scripted, order: Order = ORDER, context_tokens: int = CONTEXT) -> MapReduce:
    async def ask(prompt: Prompt, max_tokens: int) -> Completion:
        messages = [Message(role="system", content=prompt.system), Message(role="user", content=prompt.user)]
        return await llm.complete(CompletionRequest(messages=messages, max_tokens=max_tokens))

    return MapReduce(ask, Evidence(lines, order.spoken), order, context_tokens)


def notes(answer: Answer, lines: Sequence[Line] | None = None) -> tuple[Notes, Scripted]:
    llm = Scripted(answer)
    part = lines or numbered(spoken(*SAID).segments)
    return asyncio.run(making(part, llm).notes_of(part)), llm


def point(text: str, *lines: int, section: str = "topics") -> dict[str, object]:
    return {"section": section, "text": text, "lines": list(lines)}


# ---- three hours


@pytest.mark.parametrize("context_tokens", [2048, 4096, 16_384])
def test_every_line_of_three_hours_is_in_exactly_one_map_request(context_tokens: int) -> None:
    lines, llm = long_transcript(), Scripted()
    assert sum(len(line.text.split()) for line in lines) == 29_700
    taken = parts(lines, ORDER, context_tokens)
    work = making(lines, llm, context_tokens=context_tokens)

    async def run() -> None:
        for part in taken:
            await work.notes_of(part)

    asyncio.run(run())
    shown = [line for request in llm.asked for line in shown_lines(request)]
    assert shown == [(line.number, line.said) for line in lines]
    for request in llm.asked:
        prompt = sum(tokens(message.content) for message in request.messages)
        assert prompt + (request.max_tokens or 0) <= context_tokens


def test_too_many_notes_are_merged_in_rounds_and_all_of_them_are_shown() -> None:
    lines, llm = long_transcript(), Scripted(faithful(fewer=4))
    points = [Supported(line.text, (line.number,), "topics") for line in lines[::4]]
    whole = asyncio.run(making(lines, llm).summary_of(points))
    assert len(llm.asked) > 3
    first_round = "\n".join(request.messages[-1].content for request in llm.asked)
    assert all(point.text in first_round for point in points)
    for request in llm.asked:
        assert sum(tokens(message.content) for message in request.messages) + answer_tokens(CONTEXT) <= CONTEXT
    assert 0 < len(whole.points) < len(points) / 4
    assert whole.warnings == []


def test_a_model_that_does_not_merge_is_not_asked_for_ever() -> None:
    lines, llm = long_transcript(400), Scripted(faithful(fewer=1))
    points = [Supported(line.text, (line.number,), "topics") for line in lines]
    whole = asyncio.run(making(lines, llm).summary_of(points))
    assert [one.text for one in whole.points] == [one.text for one in points]
    assert "did not make the notes fewer" in whole.warnings[-1]


# ---- what the model says is checked


def test_what_is_supported_stays_with_its_section() -> None:
    found, _ = notes(lambda _: told([point("The museum opening was postponed to September.", 3, section="decisions")]))
    assert found.points == [Supported("The museum opening was postponed to September.", (3,), "decisions")]
    assert (found.dropped, found.repaired, found.device_s) == (0, 0, 0.5)


def test_invented_facts_are_left_out_and_counted() -> None:
    found, _ = notes(
        lambda _: told(
            [
                point("The committee approved a railway tunnel.", 1),
                point("The northern crane needs 15,000 euros.", 1),
                point("The school roof was repaired by volunteers.", 4),
            ]
        )
    )
    assert [one.lines for one in found.points] == [(4,)]
    assert found.dropped == 2


def test_wrong_line_numbers_are_repaired_and_counted() -> None:
    found, _ = notes(lambda _: told([point("Maria Lopez orders the crane before the end of March.", 4, 777)]))
    assert [(one.lines, one.repaired) for one in found.points] == [((2,), True)]
    assert found.repaired == 1


def test_an_unknown_section_becomes_the_first() -> None:
    found, _ = notes(lambda _: told([point("The museum opening was postponed.", 3, section="system")]))
    assert found.points[0].section == "topics"


def test_nothing_to_say_is_taken_at_its_word() -> None:
    found, llm = notes(lambda _: '{"points": []}')
    assert (found.points, found.warnings, len(llm.asked)) == ([], [], 1)


@pytest.mark.parametrize("nonsense", ["", "I am sorry, I can't.", '{"answer": 42}', "[[[["])
def test_what_is_no_json_is_asked_again_once_then_the_best_sentences_stand(nonsense: str) -> None:
    found, llm = notes(lambda _: nonsense)
    assert len(llm.asked) == 2
    assert llm.asked[1].messages[-1].content != llm.asked[0].messages[-1].content
    assert {one.text for one in found.points} <= set(SAID)
    assert found.points
    assert "no usable answer twice" in found.warnings[0]


def test_the_second_answer_counts() -> None:
    answers = iter(["no", told([point("The museum opening was postponed.", 3)])])
    found, llm = notes(lambda _: next(answers))
    assert (len(llm.asked), [one.lines for one in found.points], found.warnings) == (2, [(3,)], [])


def test_of_an_answer_that_was_cut_off_what_is_whole_is_used_and_it_is_said() -> None:
    llm = Scripted(lambda _: told([point(text, number) for number, text in enumerate(SAID, 1)])[:-60], truncated=True)
    part = numbered(spoken(*SAID).segments)
    found = asyncio.run(making(part, llm).notes_of(part))
    assert [one.lines for one in found.points] == [(1,), (2,), (3,)]
    assert "cut off" in found.warnings[0]


def test_a_part_that_is_too_long_for_the_model_after_all_is_taken_in_halves() -> None:
    def answer(request: CompletionRequest) -> str | BrickyardError:
        shown = shown_lines(request)
        return PromptTooLong("too long") if len(shown) > 2 else faithful(every=1)(request)

    found, llm = notes(answer)
    assert sorted(number for one in found.points for number in one.lines) == [1, 2, 3, 4]
    assert [len(shown_lines(request)) for request in llm.asked] == [4, 2, 2]


# ---- the summary of the notes


POINTS = [Supported(SAID[2], (3,), "decisions"), Supported(SAID[3], (4,), "topics")]


def reduced(answer: Answer, order: Order = ORDER) -> Notes:
    lines = numbered(spoken(*SAID).segments)
    return asyncio.run(making(lines, Scripted(answer), order).summary_of(POINTS))


def test_where_the_summary_is_unusable_the_notes_stand() -> None:
    for answer in ("nonsense", told([point("A railway tunnel was approved by the committee.", 3)]), '{"points": []}'):
        whole = reduced(lambda _, answer=answer: answer)  # type: ignore[misc]
        assert whole.points == POINTS
        assert "these stand as they are" in whole.warnings[0]


def test_in_another_language_only_lines_of_the_notes_and_their_figures_hold() -> None:
    order = Order(Template.minutes, "en", "fr")
    whole = reduced(
        lambda _: told(
            [
                point("L'ouverture est reportée.", 3),
                point("Le toit a été réparé en 2019.", 4, 1),
                point("Le toit a été réparé en 2020.", 4),
                point("La grue coûte cher.", 1),
                point("Sans source."),
            ]
        ),
        order,
    )
    assert [(one.text, one.lines) for one in whole.points] == [
        ("L'ouverture est reportée.", (3,)),
        ("Le toit a été réparé en 2019.", (4,)),
    ]
    assert whole.dropped == 3


def test_no_notes_need_no_model() -> None:
    llm = Scripted()
    whole = asyncio.run(making(numbered(spoken(*SAID).segments), llm).summary_of([]))
    assert (whole.points, llm.asked) == ([], [])


def test_notes_survive_being_kept() -> None:
    kept = Notes(list(POINTS), dropped=2, repaired=1, warnings=["w"])
    assert Notes.from_json(json.loads(json.dumps(kept.as_json()))) == kept


def test_the_stand_in_sees_lines_where_lines_are() -> None:
    _, llm = notes(faithful())
    assert [is_map(request) for request in llm.asked] == [True]
