"""The step from transcript to summary. Parts of the transcript are its chunks; the whole is written at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.bricks.llm.contract import Completion
from brickyard.bricks.runner import Computed, each_chunk
from brickyard.echo import derived
from brickyard.echo.summaries import mapreduce, model
from brickyard.echo.summaries.mapreduce import MapReduce, Notes, Order
from brickyard.echo.summaries.model import Writer
from brickyard.echo.summaries.schemas import LanguageModel, Section, Spoken, Summary, TranscriptOfJob, sentence
from brickyard.gpu.lease import PriorityClass
from brickyard.jobs.context import StepContext
from brickyard.kit.errors import BadInput, LeaseLost, NotFound, OutOfMemory, Unavailable, Unsupported
from brickyard.kit.logs import get
from brickyard.text import prompts, ranking
from brickyard.text.citations import Evidence, Supported
from brickyard.text.lines import Line, numbered
from brickyard.text.prompts import Prompt, Template
from brickyard.text.statements import statements

KIND = "summary"
WAITS_FOR_ATTEMPTS = 3
"""So many times a job is tried again for a server that is away; then it makes do without."""
NOTHING_SAID = "Nothing was said, so there is nothing to summarize."

log = get(__name__)


def without_summary(params: Mapping[str, Any]) -> bool:
    """Whether nobody asked for one."""
    return not params.get("summary")


def check_summary(template: str | None, instruction: str | None = None) -> None:
    """Of what is asked when uploading. Raises BadInput."""
    if template is None:
        return
    if template not in list(Template):
        raise BadInput(f"There is no summary template '{template}'; there are: {', '.join(Template)}.")
    if template == Template.free and not (instruction or "").strip():
        raise BadInput("The summary template 'free' needs an instruction that says what to write.")


class SummarySteps:
    """`transcript_of` reads the transcript that the step before has kept, the same each time."""

    def __init__(self, engine: sa.Engine, llm: LanguageModel, transcript_of: TranscriptOfJob) -> None:
        self._engine = engine
        self._llm = llm
        self._transcript_of = transcript_of

    async def summarize(self, context: StepContext) -> Any:
        """The summary that was asked for, into the database. Returns what is worth knowing of it.

        Params of the job: `summary`, a template; `summary_instruction`; `summary_language`, else the transcript's.
        """
        if without_summary(context.job.params):
            return {"template": None}
        summary = await self.summary(context)
        await asyncio.to_thread(
            derived.put, self._engine, summary.recording, KIND, summary.template, context.job.id, summary
        )
        return {
            "template": summary.template.value,
            "kind": summary.kind,
            "sentences": sum(len(section.sentences) for section in summary.sections),
            "dropped": summary.dropped,
            "warnings": summary.warnings,
        }

    async def summary(self, context: StepContext) -> Summary:
        """Chunk 0 says who writes, so that a job that goes on later has the same parts; the others are their notes."""
        check_summary(context.job.params["summary"], context.job.params.get("summary_instruction"))
        spoken = await asyncio.to_thread(self._transcript_of, context)
        order = _order(context.job.params, spoken)
        lines = numbered(spoken.segments)
        by, warnings = await self._writer(context, order, lines)
        if by is None:
            return await asyncio.to_thread(extractive, context, order, lines, warnings)
        return await self._written(context, order, lines, by)

    async def _writer(
        self, context: StepContext, order: Order, lines: Sequence[Line]
    ) -> tuple[Writer | None, list[str]]:
        """Who writes, and the reason where nobody does."""
        if not lines:
            return None, [NOTHING_SAID]
        await context.begin(work_total_s=context.job.work_s)
        if order.template is Template.extractive:
            return None, []
        plan = (await context.done()).get(0)
        if plan is None:
            plan = await self._plan(context)
            await context.save(0, plan, 0.0, 0.0)
        if plan["model"] is None:
            return None, [plan["reason"]]
        return Writer(plan["model"], plan["context_tokens"]), []

    async def _plan(self, context: StepContext) -> dict[str, Any]:
        try:
            by = await model.writer(self._llm, _priority(context), context.job.owner)
        except (Unsupported, NotFound, Unavailable) as error:
            if isinstance(error, Unavailable) and context.job.attempts < WAITS_FOR_ATTEMPTS:
                raise
            log.info("a summary is made without a model", job=str(context.job.id), reason=error.message)
            return {"model": None, "reason": f"No language model wrote this summary: {error.message}"}
        return {"model": by.model, "context_tokens": by.context_tokens}

    async def _written(self, context: StepContext, order: Order, lines: Sequence[Line], by: Writer) -> Summary:
        async def ask(prompt: Prompt, max_tokens: int) -> Completion:
            return await model.complete(
                self._llm,
                by,
                prompt,
                max_tokens,
                priority=_priority(context),
                tenant=context.job.owner,
                between=context.stop_if_asked,
            )

        evidence = await asyncio.to_thread(Evidence, lines, order.spoken)
        making = MapReduce(ask, evidence, order, by.context_tokens)
        kept = await self._notes(context, order, lines, by, making)
        notes = Notes()
        for chunk in kept:
            notes.add(Notes.from_json(chunk))
        whole = await _or_else(context, making.summary_of(notes.points), notes.points)
        whole.dropped += notes.dropped
        whole.repaired += notes.repaired
        whole.warnings = [*notes.warnings, *whole.warnings]
        if not whole.points:
            warning = f"The model {by.model} said nothing that the transcript supports; these are its best sentences."
            found = await asyncio.to_thread(extractive, context, order, lines, [*whole.warnings, warning])
            return found.model_copy(update={"dropped": whole.dropped})
        return _document(context, order, lines, by, whole)

    async def _notes(
        self, context: StepContext, order: Order, lines: Sequence[Line], by: Writer, making: MapReduce
    ) -> list[Any]:
        """Of each part, in order."""
        parts = mapreduce.parts(lines, order, by.context_tokens)

        async def take_notes(part: list[Line]) -> Computed:
            try:
                notes = await making.notes_of(part)
            except (Unsupported, NotFound, Unavailable) as error:
                _raise_what_may_pass(context, error)
                notes = await asyncio.to_thread(mapreduce.notes_without_model, part, order, error.message.rstrip("."))
            return Computed(notes.as_json(), notes.device_s)

        def seconds(part: list[Line]) -> float:
            return max(line.end for line in part) - part[0].start if part else 0.0

        # The first chunk is the plan, which is there already, so its empty part is never asked for.
        return (await each_chunk(context, [[], *parts], seconds, take_notes))[1:]


async def _or_else(context: StepContext, reducing: Any, points: list[Supported]) -> Notes:
    """The reduced notes, or where the model went away meanwhile, the notes as they are."""
    try:
        whole: Notes = await reducing
    except (Unsupported, NotFound, Unavailable) as error:
        _raise_what_may_pass(context, error)
        return Notes(list(points), warnings=[f"The notes could not be merged into one summary: {error.message}"])
    return whole


def _raise_what_may_pass(context: StepContext, error: Unsupported | NotFound | Unavailable) -> None:
    """A server that is away is waited for, by trying the job again, though not for ever."""
    if isinstance(error, OutOfMemory | LeaseLost):
        raise error
    if isinstance(error, Unavailable) and context.job.attempts < WAITS_FOR_ATTEMPTS:
        raise error


def extractive(context: StepContext, order: Order, lines: Sequence[Line], warnings: Sequence[str]) -> Summary:
    """The best sentences as they were said, always in the transcript's language."""
    by_number = {line.number: line for line in lines}
    best = ranking.summary_of(statements(lines), order.spoken)
    told = list(warnings)
    if order.written != order.spoken and best:
        told.append(f"These sentences are in the transcript's language, {order.spoken}.")
    section = Section(
        title=prompts.title("summary", order.spoken),
        sentences=[sentence(one.text, one.lines, by_number) for one in best],
    )
    return Summary(
        recording=UUID(context.job.params["recording"]),
        job=context.job.id,
        template=order.template,
        language=order.spoken,
        kind="extractive",
        instruction=order.instruction,
        sections=[section] if best else [],
        warnings=told,
    )


def _document(context: StepContext, order: Order, lines: Sequence[Line], by: Writer, notes: Notes) -> Summary:
    by_number = {line.number: line for line in lines}
    sections = []
    for name in prompts.SECTIONS[order.template]:
        points = [point for point in notes.points if point.section == name]
        found = [sentence(point.text, point.lines, by_number) for point in points]
        if found:
            sections.append(Section(title=prompts.title(name, order.written), sentences=found))
    warnings = list(dict.fromkeys(notes.warnings))
    if order.written != order.spoken:
        warnings.append(
            f"It is written in {order.written} of a recording in {order.spoken}: its last step was checked by lines "
            "and figures alone, since words of different languages can't be compared."
        )
    return Summary(
        recording=UUID(context.job.params["recording"]),
        job=context.job.id,
        template=order.template,
        language=order.written,
        kind="llm",
        model=by.model,
        instruction=order.instruction,
        sections=sections,
        dropped=notes.dropped,
        repaired=notes.repaired,
        warnings=warnings,
    )


def _order(params: Mapping[str, Any], spoken: Spoken) -> Order:
    written = params.get("summary_language") or spoken.language
    return Order(Template(params["summary"]), spoken.language, written, params.get("summary_instruction") or "")


def _priority(context: StepContext) -> PriorityClass:
    return PriorityClass(context.job.priority.name.lower())
