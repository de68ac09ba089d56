"""Judges what handlers returned before the SDK's API made JSON of it, as the SDK logs it.

The API makes a list of a generator and a text of a date; the platform does neither, so its answers look better than
what a job would come to there. What a plain handler returned is logged as a repr; what a generator yielded is logged
as `str` prints it, so that a text has no quotes and may read like anything: the answer tells that it was a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from janitor.diagnosis.handler.made_plain import made_plain
from janitor.diagnosis.handler.output_rules.contract import PRINTED, Printed
from janitor.diagnosis.handler.output_rules.rule import first_failure
from janitor.diagnosis.handler.python_repr import parse_repr
from janitor.diagnosis.handler.sdk_log import SdkLog
from janitor.diagnosis.handler.verdict import PASSED, Verdict, clipped, failing
from janitor.protocol.terms.reason_codes import ReasonCode

_RETURNED = re.compile(r"(?:\S{1,200} \| )?run_job return: (.*)")
_YIELDED = re.compile(r"(?:\S{1,200} \| )?(?:Async )?Generator output: (.*)")
_STARTED = re.compile(r"(?:\S{1,200} \| )?Started\.")
_ENDED = re.compile(r"(?:\S{1,200} \| )?(?:run_job return: |Finished running generator)")
_ERROR_AMID = "ERROR  | "
"""Behind a line that has no end, such as a progress bar."""
_BYTES = ("b'", 'b"')


def shows_returns(log: SdkLog) -> bool:
    """Whether the log says what a plain handler returned."""
    return any(_RETURNED.match(entry.message) for entry in log.entries)


def tells_of_jobs(log: SdkLog, number: int) -> bool:
    """Whether the log has come as far as the end of that many jobs, or at least their beginning where it hides ends."""
    if not any(entry.level == "DEBUG" for entry in log.entries):
        return log.is_silent or sum(_STARTED.fullmatch(entry.message) is not None for entry in log.entries) >= number
    return sum(_ENDED.match(entry.message) is not None for entry in log.entries) >= number


def returned_nothing(log: SdkLog) -> bool:
    """Whether the last handler that returned gave nothing, for which the API has no answer."""
    returned = [match.group(1) for entry in log.entries if (match := _RETURNED.match(entry.message))]
    return bool(returned) and returned[-1].strip() == "{}"


def judge_raw_outputs(log: SdkLog, bodies: Sequence[bytes] = ()) -> Verdict:
    """Whether everything that was returned or yielded can reach the platform.

    Args:
        log: Of a worker that served the API, without what bad input made it say.
        bodies: What the API answered, as JSON.
    """
    answers = _Answers(bodies)
    for entry in log.entries:
        # What was yielded comes first: a text may go on like any other line.
        if match := _YIELDED.match(entry.message):
            line, is_yield = match.group(1), True
        elif match := _RETURNED.match(entry.message):
            line, is_yield = match.group(1), False
        else:
            continue
        verdict = _judge(line, is_yield=is_yield)
        if verdict is None or answers.have(line):
            continue
        if not (is_yield and answers.are_texts and not line.startswith(_BYTES)):
            return verdict
    return _judge_made_plain(log, bodies)


def _judge_made_plain(log: SdkLog, bodies: Sequence[bytes]) -> Verdict:
    """Whether the API made plain JSON of an object. Only where every line has its answer, as each job has one."""
    messages = [entry.message for entry in log.entries]
    yielded = [match.group(1) for message in messages if (match := _YIELDED.match(message))]
    returned = [
        match.group(1) for message in messages if not _YIELDED.match(message) and (match := _RETURNED.match(message))
    ]
    answers = [answer for answer in map(_answer, bodies) if isinstance(answer, Mapping)]
    outputs = [answer.get("output") for answer in answers]
    pairs: list[tuple[str, object]] = []
    if len(returned) == len(answers):
        pairs = list(zip(returned, ({"output": output} for output in outputs), strict=True))
    elif yielded:
        parts = [part for output in outputs if isinstance(output, list) for part in output]
        pairs = list(zip(yielded, parts, strict=True)) if len(parts) == len(yielded) else []
    for line, answer in pairs:
        if name := made_plain(line, answer):
            reason = f"the SDK sends results as JSON, and this one holds {clipped(name, 60)}: {clipped(line, 120)}"
            return failing(ReasonCode.OUTPUT_NOT_JSON, reason)
    return PASSED


def _answer(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def judge_unanswered(log: SdkLog) -> Verdict:
    """The same where the API could make no answer of it. What a generator yielded before it raised isn't the cause."""
    raised = any(entry.level == "ERROR" or _ERROR_AMID in entry.message for entry in log.entries)
    entries = tuple(entry for entry in log.entries if not (raised and _YIELDED.match(entry.message)))
    return judge_raw_outputs(replace(log, entries=entries))


class _Answers:
    """What the API answered, for telling a text from what merely prints like it; read only when that is asked."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._bodies = bodies

    @cached_property
    def _outputs(self) -> list[object]:
        """What was returned or yielded, one by one."""
        outputs: list[object] = []
        for body in self._bodies:
            if (answer := _answer(body)) is None:
                continue
            output = answer.get("output") if isinstance(answer, dict) else None
            outputs += output if isinstance(output, list) else [output]
        return outputs

    @cached_property
    def _text(self) -> str:
        return "\n".join(output for output in self._outputs if isinstance(output, str))

    @cached_property
    def are_texts(self) -> bool:
        """Whether there are only texts: of what can't be sent, the API makes a text of bytes and of little else."""
        return bool(self._outputs) and all(isinstance(output, str) for output in self._outputs)

    def have(self, line: str) -> bool:
        """Whether it stands in a text: the log has the first line of a text, and of a long one the beginning."""
        return line in self._text


def _judge(line: str, *, is_yield: bool) -> Verdict | None:
    return first_failure(PRINTED.rules, Printed(parsed=parse_repr(line), is_yield=is_yield))
