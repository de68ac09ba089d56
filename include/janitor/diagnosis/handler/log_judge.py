"""Judges a run of the SDK's local mode by its log and exit code.

The exit code alone is worthless: the SDK ends with 0 when a generator was never iterated, when an error hides below
the top of the result, and when the handler returned None. Source: runpod-python, serverless/modules/rp_local.py and
rp_job.py, versions 1.7.7 and 1.12.0, and logs of both.
"""

from __future__ import annotations

import json
import re

from janitor.diagnosis.handler.error_texts import tells_of_an_error
from janitor.diagnosis.handler.output_judge import judge_output
from janitor.diagnosis.handler.output_rules.author import Asked
from janitor.diagnosis.handler.output_rules.contract import PRINTED, Printed
from janitor.diagnosis.handler.output_rules.given import Given
from janitor.diagnosis.handler.output_rules.objects import UNFINISHED
from janitor.diagnosis.handler.output_rules.rule import first_failure
from janitor.diagnosis.handler.python_repr import Parsed, error_in_tokens, parse_repr
from janitor.diagnosis.handler.sdk_log import LOCAL_END, read_sdk_log
from janitor.diagnosis.handler.stated_errors import texts_in
from janitor.diagnosis.handler.verdict import Outcome, Verdict, clipped, failing, inconclusive
from janitor.protocol.terms.reason_codes import ReasonCode

_STARTED = re.compile(r"(?:.{1,200} \| )?Started\.")
_COMPLETED = re.compile(r"Job (.{1,200}?) completed successfully\.")
_FAILED = re.compile(r"Job .{1,200}? failed with error: (.*)", re.DOTALL)
_RESULT = "Job result: "
_BEFORE_1_0 = re.compile(r"^INFO\s*\| Processing job ", re.MULTILINE)
"""What only those SDKs said of a job, which had no first line yet."""
_CAPTURED = re.compile(r"(?:.{1,200} \| )?Captured Handler Exception")
_ERROR_TYPE = re.compile(r"""\"error_type\": \"<class '([^']+)'>\"""")
_ERROR_MESSAGE = re.compile(r"""\"error_message\": \"((?:[^\"\\]|\\.)*)\"""")
_TRUNCATED = re.compile(r"\n\.\.\.TRUNCATED \d+ CHARACTERS\.\.\.$", re.M)
_NOT_ASKED = Asked()
_IN_OUTPUT = 2
"""Brackets around what stands at the top of an output."""
_EXCEPTION_LINE = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?[A-Za-z_]\w*(?:Error|Exception|Exit|Interrupt|Warning)\b.*$", re.M
)


def judge_local_run(text: str, exit_code: int, job_id: str | None = None, asked: Asked = _NOT_ASKED) -> Verdict:
    """Whether a run of the local mode shows that the handler works.

    Args:
        text: Everything that the process printed.
        exit_code: Its exit code; negative for a signal.
        job_id: Of the job that it was given; the completed line must name it. None where that isn't known.
        asked: The job's input, and what its author says of a good answer.

    Returns:
        `PASS` only for an exit code of 0, the completed line, and a whole result without generator, error or void.
        `INCONCLUSIVE` where the API could tell; `ERROR` where the test's own input was refused.
    """
    log = read_sdk_log(text)
    messages = [entry.message for entry in log.entries]
    if not log.started_sdk:
        if LOCAL_END in text and _BEFORE_1_0.search(text):
            reason = "the SDK is older than 1.0: this validator knows neither its log nor its API"
            return Verdict(outcome=Outcome.ERROR, code=ReasonCode.SDK_TOO_OLD, reason=reason)
        if exit_code == 0:
            return failing(ReasonCode.SDK_NOT_STARTED, "the program ended without starting the runpod SDK")
        return failing(
            ReasonCode.START_FAILED, f"the program {ended(exit_code)} before the runpod SDK started: {cause(text)}"
        )
    if any(message.startswith("test_input.json not found") for message in messages):
        return inconclusive(
            ReasonCode.TEST_INPUT_NOT_FOUND, "the worker left its folder: the SDK found no test_input.json"
        )
    completed = [match for message in messages if (match := _COMPLETED.match(message))]
    is_ours = job_id is None or any(match.group(1) == job_id for match in completed)
    # After the SDK's own lines of a failure no job is completed: such lines are then what the worker says itself.
    is_done = exit_code == 0 and bool(completed) and is_ours
    if not is_done and (failure := _failure(messages)):
        return failure
    if exit_code != 0:
        started = any(_STARTED.match(message) for message in messages)
        if not started and "JSONDecodeError" in text:
            return Verdict(
                outcome=Outcome.ERROR, code=ReasonCode.INPUT_REJECTED, reason="the SDK could not read the test input"
            )
        return failing(ReasonCode.HANDLER_EXITED, f"the worker {ended(exit_code)} in its handler: {cause(text)}")
    if not completed:
        if log.is_silent:
            return inconclusive(ReasonCode.LOG_SILENT, "the worker has the SDK log errors alone: its log doesn't tell")
        return failing(ReasonCode.NOT_COMPLETED, "the worker ended with exit code 0, but its job was never completed")
    if not is_ours:
        named = clipped(completed[-1].group(1), 80)
        return inconclusive(
            ReasonCode.OTHER_JOB, f"the log tells of a job {named}, which is not the one that was given"
        )
    return _judge_result(messages, asked)


def _failure(messages: list[str]) -> Verdict | None:
    if any(message.startswith("Job has no input parameter") for message in messages):
        return failing(ReasonCode.NO_INPUT, "the SDK refused test_input.json: it has no `input`")
    for index, message in enumerate(messages):
        if _CAPTURED.match(message):
            details = messages[index + 1] if index + 1 < len(messages) else ""
            return failing(ReasonCode.HANDLER_RAISED, f"the handler raised {_exception(details)}")
    for message in messages:
        if match := _FAILED.match(message):
            return failing(ReasonCode.HANDLER_ERROR, f"the handler returned an error: {clipped(match.group(1))}")
    return None


def printed_result(text: str) -> str | None:
    """The last result that the SDK printed, in a log; None if there is none."""
    return _last_result([entry.message for entry in read_sdk_log(text).entries])


def _last_result(messages: list[str]) -> str | None:
    return next((message[len(_RESULT) :] for message in reversed(messages) if message.startswith(_RESULT)), None)


def _judge_result(messages: list[str], asked: Asked) -> Verdict:
    text = _last_result(messages)
    if text is None:
        return inconclusive(ReasonCode.RESULT_MISSING, "the job was completed, but its result is not in the log")
    cut = _TRUNCATED.search(text)
    # Of a result that was cut only the beginning can be read: what is left of the end may begin within a string. A
    # whole one is one line, and those after it are the worker's own.
    parsed = parse_repr(text[: cut.start()] if cut else text.split("\n", 1)[0])
    if refused := not_sendable(parsed):
        return refused
    if cut:
        if error := _sure_error(parsed, asked):
            return failing(ReasonCode.NESTED_ERROR, f"the result holds {error}: {clipped(text)}")
        return inconclusive(
            ReasonCode.RESULT_TRUNCATED, "the result is too long for the log, which shows only a part of it"
        )
    if parsed.is_literal and isinstance(parsed.value, dict):
        output = parsed.value.get("output")
        if isinstance(output, str) and output in parsed.objects and UNFINISHED.fullmatch(output):
            if output.startswith("<coroutine"):
                return failing(ReasonCode.UNFINISHED_OBJECT, f"the handler returned {output}, which nobody awaited")
            return inconclusive(
                ReasonCode.GENERATOR_NOT_ITERATED, f"the local mode never iterated {clipped(output, 80)}"
            )
        return judge_output(output, asked)
    for item in parsed.objects:
        if UNFINISHED.fullmatch(item):
            return failing(
                ReasonCode.UNFINISHED_OBJECT, f"the result holds {clipped(item, 80)}, which nobody iterated or awaited"
            )
    if error := _sure_error(parsed, asked):
        return failing(ReasonCode.NESTED_ERROR, f"the result holds {error}: {clipped(text)}")
    return inconclusive(ReasonCode.RESULT_UNREAD, f"the result can't be read back from the log: {clipped(text, 120)}")


def not_sendable(parsed: Parsed) -> Verdict | None:
    """The failure of a result that is no JSON; an object that nobody iterated has a verdict of its own."""
    if any(UNFINISHED.fullmatch(item) for item in parsed.objects):
        return None
    return first_failure(PRINTED.rules, Printed(parsed=parsed))


def _sure_error(parsed: Parsed, asked: Asked) -> str | None:
    """The name of an error in a result of which only pieces can be read, where they suffice; else the API tells."""
    found = error_in_tokens(parsed.tokens)
    if found is None or asked.is_settled_by_author or Given(asked.given).holds(found.value):
        return None
    is_plain = found.depth <= _IN_OUTPUT or found.value is None
    return found.name if is_plain or any(map(tells_of_an_error, texts_in(found.value))) else None


def ended(exit_code: int) -> str:
    """How a process ended, in words."""
    return f"was ended by signal {-exit_code}" if exit_code < 0 else f"ended with exit code {exit_code}"


def cause(text: str) -> str:
    """The last line of a log that names an exception, else its last line."""
    if found := _EXCEPTION_LINE.findall(text):
        return clipped(found[-1])
    lines = [line for line in text.splitlines() if line.strip()]
    return clipped(lines[-1]) if lines else "it printed nothing"


def _exception(details: str) -> str:
    # Not by json.loads: the SDK cuts long messages in the middle.
    kind, message = _ERROR_TYPE.search(details), _ERROR_MESSAGE.search(details)
    if kind is None or message is None:
        return clipped(details) or "an exception"
    try:
        text = str(json.loads(f'"{message.group(1)}"'))
    except ValueError:
        text = message.group(1)
    return f"{kind.group(1)}: {clipped(text)}"
