"""Judges what handlers returned before the SDK's API made JSON of it, as the SDK logs it.

The API makes a list of a generator and a text of a date; the platform does neither, so its answers look better than
what a job would come to there.
"""

from __future__ import annotations

import re

from janitor.validator.handler.log_judge import not_sendable
from janitor.validator.handler.output_judge import UNFINISHED
from janitor.validator.handler.python_repr import Parsed, parse_repr
from janitor.validator.handler.sdk_log import SdkLog
from janitor.validator.handler.verdict import PASSED, Verdict, clipped, failing

_RETURNED = re.compile(r"(?:.{1,200}? \| )?run_job return: (.*)")
_YIELDED = re.compile(r"(?:.{1,200}? \| )?(?:Async )?Generator output: (.*)")


def shows_returns(log: SdkLog) -> bool:
    """Whether the log says what a plain handler returned."""
    return any(_RETURNED.match(entry.message) for entry in log.entries)


def returned_nothing(log: SdkLog) -> bool:
    """Whether the last handler that returned gave nothing, for which the API has no answer."""
    returned = [match.group(1) for entry in log.entries if (match := _RETURNED.match(entry.message))]
    return bool(returned) and returned[-1].strip() == "{}"


def judge_raw_outputs(log: SdkLog) -> Verdict:
    """Whether everything that was returned or yielded can reach the platform.

    Args:
        log: Of a worker that served the API, without what bad input made it say.
    """
    for entry in log.entries:
        if match := _RETURNED.match(entry.message):
            parsed = parse_repr(match.group(1))
            verdict = _unfinished(parsed) or not_sendable(parsed)
        elif match := _YIELDED.match(entry.message):
            verdict = not_sendable(parse_repr(match.group(1)))
        else:
            continue
        if verdict is not None:
            return verdict
    return PASSED


def _unfinished(parsed: Parsed) -> Verdict | None:
    found = next((item for item in parsed.objects if UNFINISHED.fullmatch(item)), None)
    if found is None:
        return None
    output = parsed.value.get("output") if parsed.is_literal and isinstance(parsed.value, dict) else None
    if output == found and not found.startswith("<coroutine"):
        return failing(
            "generator_returned",
            f"the handler returns {clipped(found, 80)} without being a generator, which the platform never iterates",
        )
    return failing(
        "unfinished_object", f"the result holds {clipped(found, 80)}, which the platform never iterates or awaits"
    )
