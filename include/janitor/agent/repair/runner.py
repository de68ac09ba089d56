"""One repair: a failure in, a `RepairAnswer` out, whatever happens in between.

Invariant: what is proposed is the files that lie in the sandbox at the end, not what a model says of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelRetry, RunContext, RunUsage, ToolOutput
from pydantic_ai.models import Model

from janitor.agent.executors.base import Executor, FileRefusedError
from janitor.agent.hooks import REPAIR_TOOL, hooks
from janitor.agent.repair.files import read_whole, within
from janitor.agent.repair.instructions import INSTRUCTIONS, repair_task
from janitor.agent.repair.tools import RepairWork, repair_toolset
from janitor.agent.running import OUTPUT_RETRIES, run_within, spent_of, storable, trouble, unenforced
from janitor.agent.tools import Work
from janitor.agent.transcript import Transcript
from janitor.guest.redaction import Redactor
from janitor.protocol.agent.answers import AgentLimits
from janitor.protocol.agent.repair import (
    LONGEST_CAUSE,
    LONGEST_EVIDENCE,
    LONGEST_SUMMARY,
    MAX_EVIDENCE,
    MAX_FILES,
    RepairAnswer,
    RepairDraft,
    RepairedFile,
)
from janitor.protocol.agent.work import AgentState

_REASON_CHARACTERS = 500


class ModelRepair(BaseModel):
    """Final answer. Call once, when your change is made, or when you make none."""

    abstain: str | None = Field(default=None, max_length=500, description="Why you change nothing; else null")
    summary: str = Field(default="", max_length=LONGEST_SUMMARY, description="What the change does: a commit's subject")
    root_cause: str = Field(default="", max_length=LONGEST_CAUSE, description="What was wrong, in one or two sentences")
    evidence: list[str] = Field(default_factory=list, max_length=MAX_EVIDENCE, description="Verbatim lines")
    files: list[str] = Field(default_factory=list, max_length=MAX_FILES, description="Paths in the workspace")
    confidence: float = Field(default=0.0, ge=0, le=1)


def make_repairer() -> Agent[Work, ModelRepair]:
    """The agent: tools that look and change, and a last word whose evidence must be what was seen."""
    agent: Agent[Work, ModelRepair] = Agent(
        None,
        deps_type=Work,
        output_type=ToolOutput(ModelRepair, name=REPAIR_TOOL),
        instructions=INSTRUCTIONS,
        toolsets=[repair_toolset()],
        capabilities=[hooks()],
        retries={"tools": 3, "output": OUTPUT_RETRIES},
        end_strategy="early",
    )

    @agent.output_validator
    def holds(ctx: RunContext[Work], repair: ModelRepair) -> ModelRepair:
        wrong = _wrong_with(repair, ctx.deps)
        ctx.deps.transcript.write("repair", repair=repair.model_dump(mode="json"), wrong=wrong)
        if wrong and ctx.retry < OUTPUT_RETRIES:
            raise ModelRetry(wrong)
        return repair

    return agent


def _wrong_with(repair: ModelRepair, work: Work) -> str | None:
    if repair.abstain:
        return None
    if not repair.summary.strip() or not repair.root_cause.strip() or not repair.files:
        return "Without `abstain` a repair has a summary, a root cause and files."
    unproven = [each for each in repair.evidence if not work.seen.proves(each)]
    if unproven or not repair.evidence:
        return (
            f"The evidence {unproven} is not a verbatim excerpt of the results or of what a tool showed, or it repeats"
            " the words of your own call. Quote whole lines exactly."
        )
    return None


async def propose_repair(
    *,
    model: Model,
    model_name: str,
    checks: Sequence[Mapping[str, Any]],
    changes: Sequence[str],
    executor: Executor,
    transcript: Transcript,
    redactor: Redactor,
    limits: AgentLimits,
    priced: bool = True,
    notes: Sequence[str] = (),
) -> RepairAnswer:
    """Let the model work, within its limits.

    Args:
        model: Whom to ask.
        model_name: For the answer.
        checks: What the validator found, in the report's form.
        changes: What changed since the last success, a line each.
        executor: A started sandbox.
        transcript: Where everything is written.
        redactor: Knows the secrets.
        limits: The wall clock already cut to the deadline.
        priced: Whether the provider's list prices hold.
        notes: For the answer.
    """
    began = time.monotonic()
    seconds = limits.wall_clock.total_seconds()
    work = RepairWork(executor=executor, limits=limits, transcript=transcript, ends_at=began + seconds)
    usage = RunUsage()
    text = repair_task(checks, changes)
    for told in _told(checks, changes):
        work.seen.know(told)
    transcript.write("start", model=model_name, sandbox=executor.description, limits=limits.to_dict(), prompt=text)
    state, draft, reason = AgentState.COMPLETED, None, None
    try:
        repair = await run_within(make_repairer(), text, model=model, work=work, usage=usage, limits=limits)
        if repair is None:
            state, reason = AgentState.TIMED_OUT, f"the agent was not done within {seconds:.0f} s"
        else:
            draft, reason = await _draft(repair, work, redactor)
    except Exception as exc:  # a mistake of ours or of a library must not cost the record of what was spent
        state, _, reason = trouble(exc, word="repair")
    spent = spent_of(usage, work, priced=priced)
    remarks = [*notes, *unenforced(usage, spent, limits, model_name)]
    answer = RepairAnswer(
        state=state,
        reason=None if draft is not None else _line(reason or "no reason given", redactor, _REASON_CHARACTERS),
        draft=draft,
        model=model_name,
        sandbox=executor.description,
        usage=spent,
        duration_seconds=round(time.monotonic() - began, 3),
        notes=tuple(remark[:_REASON_CHARACTERS] for remark in remarks),
    )
    transcript.write("end", answer=answer.to_json())
    return answer


def _told(checks: Sequence[Mapping[str, Any]], changes: Sequence[str]) -> list[str]:
    """What the harness found: it is evidence without being seen by a tool."""
    told = list(changes)
    for check in checks:
        told.append(str(check.get("reason") or ""))
        told += [str(item.get("tail", "")) for item in check.get("evidence", ()) if isinstance(item, dict)]
    return told


async def _draft(repair: ModelRepair, work: Work, redactor: Redactor) -> tuple[RepairDraft | None, str | None]:
    """The repair with its files as they are in the sandbox, or why it is none."""
    if repair.abstain:
        return None, f"the model abstains: {repair.abstain}"
    if wrong := _wrong_with(repair, work):
        return None, f"the model's repair doesn't hold: {wrong}"
    files = []
    for path in dict.fromkeys(repair.files):
        try:
            name = within(path)
            content = await read_whole(work.executor, name)
            files.append(RepairedFile(path=name, content=None if content is None else content.decode("utf-8")))
        except FileRefusedError as exc:
            return None, f"the model's repair can't be taken: {exc}"
        except UnicodeDecodeError:
            return None, f"the model's repair can't be taken: {path} is no text"
    draft = RepairDraft(
        summary=_line(repair.summary, redactor, LONGEST_SUMMARY),
        root_cause=_line(repair.root_cause, redactor, LONGEST_CAUSE),
        evidence=tuple(_line(each, redactor, LONGEST_EVIDENCE) for each in repair.evidence),
        files=tuple(files),
    )
    return draft, None


def _line(text: str, redactor: Redactor, limit: int) -> str:
    return storable(redactor.clean(" ".join(text.split())))[:limit] or "(nothing)"
