"""One life of a worker's API: started, waited for on a clock of its own, asked case by case, ended."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from janitor.diagnosis.handler.bad_input import BAD_INPUT, BadAnswer
from janitor.diagnosis.handler.log_judge import cause, ended
from janitor.diagnosis.handler.raw_outputs import tells_of_jobs
from janitor.diagnosis.handler.sdk_log import BANNER, LOCAL_END, OWN_TEST_INPUT, read_sdk_log
from janitor.diagnosis.handler.verdict import Outcome, Verdict, failing
from janitor.guest.processes.capture import Captured
from janitor.guest.processes.supervisor import Outcome as ProcessOutcome
from janitor.inspection.documents.tests_file import TestCase
from janitor.protocol.progress import PROVOKED
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.checks.handler.api_client import (
    Answer,
    AnswerTimeoutError,
    ConnectionLostError,
    is_sdk_api,
    run_sync,
    wait_until_ready,
)
from janitor.validator.checks.handler.handler_facts import ApiFacts
from janitor.validator.checks.handler.log_limits import ONLY_THERE, asks_for_the_platform
from janitor.validator.context import CheckContext
from janitor.validator.engine import BuiltWorker, Server

READY_LIMIT = timedelta(minutes=20)
"""Model downloads are part of a cold start; the deadline comes first for most."""
NO_LIMIT = timedelta(days=1)
"""For a case that states no timeout: the spec's deadline bounds it, as it does the local mode."""
BAD_INPUT_LIMIT = timedelta(minutes=1)
_LEAST_OPTIONAL = timedelta(seconds=3)
_ARGUMENTS_REFUSED = re.compile(r"^(?!\+).*\brp_serve_api\b", re.MULTILINE)
"""Whatever a parser of arguments says of those that it doesn't know, it names them; a shell that tells what it runs
does so too, behind a plus."""
_DYING_LIMIT = timedelta(seconds=2)
_LAST_LINES_SECONDS = 0.1
"""For what the worker has printed to come through the pipe."""
_WORDS_LIMIT = timedelta(seconds=1)
"""For the same of a job that was answered well, which needs no reason."""
_SAID_CHARACTERS = 64 * 1024
"""Of a log that was too long to be kept whole: those at its end."""
_REPLACES_THE_PROCESS = "'stopPod': True"
"""What the SDK makes of `refresh_worker` in an answer, as it logs it."""
_SHORTEST_LIFE, _SHORTEST_AGAIN = timedelta(seconds=5), timedelta(seconds=5)
_PATIENCE = timedelta(minutes=1)
_SLOWER_AGAIN, _SLOWER_START = 20, 3
"""A second answer may take that many times the first one, or the worker's start: some load their model anew."""
_LATE_LINES_LIMIT = timedelta(seconds=5)
"""For the same where somebody in between, such as Docker's client, has other things to do."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One case, and what came of it."""

    case: TestCase
    answer: Answer | None
    problem: Verdict | None
    """What went wrong instead of an answer."""
    log: str = ""
    """What the worker had printed by then, where the answer is no good one."""
    said: str = ""
    """What it printed for this case, where it was answered."""


Judge = Callable[[Tried], Verdict]


@dataclass(frozen=True, kw_only=True)
class Again:
    """The same input sent to the same process once more, after all cases were answered well."""

    first: Tried
    """The case as it was answered before."""
    tried: Tried | None
    """The same again; None where there was no time to ask, or none for the answer."""
    unproven: str | None = None
    """Why it shows nothing."""


@dataclass
class Asking:
    """How the worker is asked to serve its API; what one session finds out holds for the next."""

    by_environment: bool = False


@dataclass(frozen=True, kw_only=True)
class Session:
    """One server's life."""

    tried: tuple[Tried, ...]
    verdicts: tuple[Verdict, ...]
    """On each of them."""
    outcome: ProcessOutcome
    log: Captured
    """What it printed for the cases, without what bad input made it print."""
    not_ready: Verdict | None
    out_of_memory: bool
    bad_answer: BadAnswer | None
    ready_seconds: float = 0.0
    """How long it took to get ready."""
    again: Again | None = None
    """The same input once more; None where that wasn't wanted, or not all cases were answered well."""
    asking: Asking
    """How it was asked to serve."""


def run_session(
    context: CheckContext,
    facts: ApiFacts,
    command: str | None,
    cases: list[TestCase],
    asking: Asking,
    *,
    judge: Judge,
    asks_again: bool,
    with_bad_input: bool,
    ready_limit: timedelta = READY_LIMIT,
    answer_limit: timedelta = NO_LIMIT,
    variables: Mapping[str, str] | None = None,
) -> Session:
    """Start the worker and ask every case, until one gets no answer.

    Args:
        context: The validation.
        facts: The worker, and what its local mode has shown.
        command: Shell words that take CMD's place.
        cases: What to ask.
        asking: Kept from session to session.
        judge: Tells what came of a case.
        asks_again: Whether one of the cases is asked once more, where all were answered well.
        with_bad_input: Whether to end with input that no worker can want.
        ready_limit, answer_limit: Time to get ready, and for the answer to a case that states none.
        variables: For the worker, beside those of the tests.

    Raises:
        EngineError: The worker could not be started.
    """
    tried, verdicts = list[Tried](), list[Verdict]()
    bad_answer: BadAnswer | None = None
    log: Captured | None = None
    again: Again | None = None
    began = time.monotonic()
    with _serving(facts.worker, command, asking, ready_limit, variables or {}) as (server, ready):
        ready_seconds = time.monotonic() - began
        not_ready = _problem_of_start(facts, server, ready, ready_limit)
        if not_ready is None:
            tried = _try_all(server, cases, answer_limit)
            verdicts = [judge(each) for each in tried]
            if asks_again and tried and all(verdict.passes for verdict in verdicts):
                again = _ask_again(server, tried, context.interrupts.remaining(), ready_seconds)
        out_of_memory = server.out_of_memory()
        if not_ready is None and with_bad_input:
            log, bad_answer = _end_badly(context, server, tried, again)
        outcome = server.running.end()
    return Session(
        tried=tuple(tried),
        verdicts=tuple(verdicts),
        outcome=outcome,
        log=log or outcome.output,
        not_ready=not_ready,
        out_of_memory=out_of_memory,
        bad_answer=bad_answer,
        ready_seconds=ready_seconds,
        again=again,
        asking=asking,
    )


def _problem_of_start(facts: ApiFacts, server: Server, ready: bool, ready_limit: timedelta) -> Verdict | None:
    if not ready:
        return _why_not_ready(facts, server, ready_limit)
    if BANNER not in server.running.output_so_far() and not is_sdk_api(server.url):
        return failing(ReasonCode.SDK_NOT_STARTED, "what answers on the API's port is not the runpod SDK")
    return None


def _try_all(server: Server, cases: list[TestCase], answer_limit: timedelta) -> list[Tried]:
    tried: list[Tried] = []
    for case in cases:
        tried.append(_try(server, case, case.limit or answer_limit, answered=len(tried) + 1))
        if tried[-1].problem is not None:
            break  # it hangs or is gone; the next case would only say so again
    return tried


def _end_badly(
    context: CheckContext, server: Server, tried: list[Tried], again: Again | None
) -> tuple[Captured | None, BadAnswer | None]:
    """What a server that is idle had printed, and what it makes of bad input; one that isn't is not asked."""
    answers = [*tried, *([again.tried] if again is not None and again.tried is not None else [])]
    if (again is not None and again.unproven is not None) or any(each.problem is not None for each in answers):
        return None, None
    log = _captured(_last_words(server, len(answers)))
    return log, _ask_badly(context, server)


@contextmanager
def _serving(
    worker: BuiltWorker, command: str | None, asking: Asking, ready_limit: timedelta, variables: Mapping[str, str]
) -> Iterator[tuple[Server, bool]]:
    """A server and whether it got ready; one that the SDK's arguments don't reach is asked by a variable instead."""
    environment = {**worker.facts.test_environment, **variables}
    if not asking.by_environment:
        with worker.serve(environment, command=command, by_environment=False) as server:
            ready = wait_until_ready(server.url, limit=ready_limit, alive=_alive(server))
            if ready or not _ignores_arguments(_ended_output(server)):
                yield server, ready
                return
        asking.by_environment = True
    with worker.serve(environment, command=command, by_environment=True) as server:
        yield server, wait_until_ready(server.url, limit=ready_limit, alive=_alive(server))


def _ignores_arguments(text: str) -> bool:
    """Whether a worker refused the SDK's arguments, or kept them from the SDK and did its local job."""
    return bool(_ARGUMENTS_REFUSED.search(text)) or (_ran_its_local_mode(text) and OWN_TEST_INPUT not in text)


def _ran_its_local_mode(text: str) -> bool:
    return "test_input.json not found" in text or LOCAL_END in text


def _alive(server: Server) -> Callable[[], bool]:
    return lambda: server.running.exit_code is None


def _ended_output(server: Server) -> str:
    return server.running.end().output.text if server.running.exit_code is not None else server.running.output_so_far()


def _why_not_ready(facts: ApiFacts, server: Server, limit: timedelta) -> Verdict:
    code = server.running.exit_code
    text = _ended_output(server)
    # A program that gives the SDK a test input of its own, off the platform alone, may well serve there.
    is_other_job = facts.local is not None and facts.local.code == ReasonCode.OTHER_JOB and OWN_TEST_INPUT not in text
    if code == 0 and is_other_job:
        reason = "the program prints what the SDK prints, but neither did the job that it was given nor served the API"
        return failing(ReasonCode.SDK_NOT_STARTED, reason)
    if _ran_its_local_mode(text):
        # An SDK of another version, or a worker that keeps its arguments to itself: our way of asking is at fault.
        reason = "the worker ran its local mode instead of serving the API"
        return Verdict(outcome=Outcome.ERROR, code=ReasonCode.API_NOT_SERVED, reason=reason)
    if code == 0 and BANNER not in text and asks_for_the_platform(facts.worker.facts):
        reason = f"the program ended without starting the runpod SDK: {ONLY_THERE}"
        return Verdict(outcome=Outcome.ERROR, code=ReasonCode.PLATFORM_ONLY, reason=reason)
    if code is not None:
        return failing(ReasonCode.SERVER_EXITED, f"the worker {ended(code)} before its API was ready: {cause(text)}")
    # A limit of ours, and no promise of the repository's: a slow download looks the same.
    reason = f"the worker's API was not ready in {limit.total_seconds():g} s"
    return Verdict(outcome=Outcome.ERROR, code=ReasonCode.SERVER_NOT_READY, reason=reason)


def _try(server: Server, case: TestCase, limit: timedelta, *, answered: int) -> Tried:
    before = server.running.output_so_far()
    try:
        answer = run_sync(server.url, case.input, limit=limit)
        log = _last_words(server, answered, _WORDS_LIMIT if answer.status == 200 else _LATE_LINES_LIMIT)
        said = log.removeprefix(before) if log.startswith(before) else log[-_SAID_CHARACTERS:]
        return Tried(case=case, answer=answer, problem=None, log="" if answer.status == 200 else log, said=said)
    except AnswerTimeoutError:
        milliseconds = limit.total_seconds() * 1000
        problem = failing(ReasonCode.TEST_TIMEOUT, f"no answer in {milliseconds:.0f} ms")
    except ConnectionLostError as exc:
        server.running.wait(_DYING_LIMIT)
        code = server.running.exit_code
        how = f"the worker {ended(code)}" if code is not None else str(exc)
        problem = failing(ReasonCode.SERVER_DIED, f"the worker broke off its answer: {how}")
    return Tried(case=case, answer=None, problem=problem)


def _ask_again(server: Server, tried: list[Tried], remaining: timedelta, ready_seconds: float) -> Again | None:
    """Ask the case that was answered soonest again. An answer that doesn't come is a fault where there was time for it;
    the deadline is never made to come by it. A job that asked to be the last of its process is none to ask again."""
    if any(_REPLACES_THE_PROCESS in each.said for each in tried):
        return None
    first = min(tried, key=lambda each: each.answer.seconds if each.answer is not None else 0.0)
    seconds = first.answer.seconds if first.answer is not None else 0.0
    room, patience = remaining / 3, timedelta(seconds=max(seconds * _SLOWER_AGAIN, ready_seconds * _SLOWER_START))
    patience = max(patience, _PATIENCE)
    if room < max(_SHORTEST_AGAIN, timedelta(seconds=2 * seconds)):
        left = f"{remaining.total_seconds():.0f} s before the deadline there was no time to send the input again"
        return Again(first=first, tried=None, unproven=left)
    limit = min(room, patience, first.case.limit or patience)
    again = _try(server, first.case, limit, answered=len(tried) + 1)
    is_timeout = again.problem is not None and again.problem.code == ReasonCode.TEST_TIMEOUT
    if is_timeout and limit == room:
        left = f"sent again, the input got no answer in the {limit.total_seconds():.0f} s that there were for it"
        return Again(first=first, tried=None, unproven=left)
    if again.problem is None and (code := server.running.exit_code) is not None:
        again = replace(again, problem=failing(ReasonCode.SERVER_DIED, f"the worker {ended(code)} after its answer"))
    return Again(first=first, tried=again)


def _last_words(server: Server, answered: int, limit: timedelta = _LATE_LINES_LIMIT) -> str:
    """What the worker has printed, with what is still on its way: all that the SDK says of the jobs that were answered.

    A log that ends too early is one of a handler that did something else.
    """
    ends = time.monotonic() + limit.total_seconds()
    while True:
        time.sleep(_LAST_LINES_SECONDS)
        text = server.running.output_so_far()
        if tells_of_jobs(read_sdk_log(text), answered) or time.monotonic() >= ends:
            return text


def optional_time(context: CheckContext) -> timedelta:
    """How long an optional step may take: never so long that the deadline makes a time-out of a good worker."""
    return min(BAD_INPUT_LIMIT, context.interrupts.remaining() / 4)


def room_for_another(context: CheckContext, usual: timedelta) -> timedelta | None:
    """How long another life of the worker may take, so that enough is left before the deadline for the rest.

    Args:
        context: The validation.
        usual: What it takes by what was seen before; None is returned where there is less.
    """
    room = context.interrupts.remaining() / 3
    return None if room < max(_SHORTEST_LIFE, usual) else room


def _ask_badly(context: CheckContext, server: Server) -> BadAnswer | None:
    limit = optional_time(context)
    if limit < _LEAST_OPTIONAL:
        return None
    context.journal.say(PROVOKED)
    payload: dict[str, Any] = BAD_INPUT
    status, content, problem = None, b"", None
    try:
        answer = run_sync(server.url, payload, limit=limit)
        status, content = answer.status, answer.body
    except AnswerTimeoutError as exc:
        problem = str(exc)
    except ConnectionLostError as exc:
        problem = f"the worker broke off: {exc}"
    # One that is about to end says its last words first.
    is_alive = not server.running.wait(timedelta(seconds=_LAST_LINES_SECONDS))
    return BadAnswer(status=status, body=content, problem=problem, is_alive=is_alive)


def _captured(text: str) -> Captured:
    content = text.encode("utf-8", errors="replace")
    return Captured(content=content, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
