"""`handler_api`: the handler answers every test case through the SDK's API, judged by the body of each answer.

The only test that counts for a generator, and the one that tests.json asks for. Getting ready has a clock of its own,
so that a cold start isn't charged to the first case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from janitor.protocol.report import Evidence
from janitor.validator.bench import Bench, given
from janitor.validator.engines.base import EngineError, Server
from janitor.validator.engines.excuses import excuse
from janitor.validator.findings import Finding, errored, failed, passed, skipped
from janitor.validator.handler.api_client import (
    Answer,
    AnswerTimeoutError,
    ConnectionLostError,
    run_sync,
    wait_until_ready,
)
from janitor.validator.handler.api_judge import generator_was_iterated, judge_answer
from janitor.validator.handler.log_judge import cause, ended
from janitor.validator.handler.verdict import PASSED, Outcome, Verdict, failing
from janitor.validator.processes.supervisor import Outcome as ProcessOutcome
from janitor.validator.repository.python_source import HandlerKind
from janitor.validator.repository.tests_file import TestCase

READY_LIMIT = timedelta(minutes=20)
"""Model downloads are part of a cold start; the deadline comes first for most."""
DEFAULT_LIMIT = timedelta(minutes=10)
"""For a case that states no timeout."""
_MOST_BODIES = 10
_EXCUSE_CHARACTERS = 12_000
_ARGUMENTS_REFUSED = re.compile(r"unrecognized arguments: .*--rp_serve_api|[Nn]o such option: --rp_serve_api")
_DYING_LIMIT = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True)
class _Tried:
    """One case, and what came of it."""

    case: TestCase
    answer: Answer | None
    problem: Verdict | None
    """What went wrong instead of an answer."""


@dataclass(frozen=True, kw_only=True)
class _Session:
    """One server's life."""

    tried: tuple[_Tried, ...]
    outcome: ProcessOutcome
    not_ready: Verdict | None
    out_of_memory: bool


@dataclass
class _Asking:
    """How the worker is asked to serve its API; what one session finds out holds for the next."""

    by_environment: bool = False


def check_handler_api(bench: Bench) -> Finding:
    """Run the test cases through the API, if the local mode doesn't suffice."""
    known = bench.known
    local_passed = known.local_verdict is not None and known.local_verdict.outcome is Outcome.PASS
    if known.load_balancer and known.handler_kind is HandlerKind.UNKNOWN:
        return skipped("load_balancer", "a load-balanced worker has no handler to test", required=True)
    cases = _cases(bench, local_passed)
    if not cases:
        if local_passed:
            return skipped("not_needed", "a plain handler without tests.json is tested by its local mode")
        return skipped("no_test_input", "there is neither test_input.json nor tests.json to test with", required=True)
    verdicts: list[tuple[str, Verdict]] = []
    evidence: list[Evidence] = []
    last: ProcessOutcome | None = None
    asking = _Asking()
    for command, group in groupby(cases, key=lambda case: case.command):
        try:
            session = _run_session(bench, command, list(group), asking)
        except EngineError as exc:
            return errored("engine_trouble", str(exc), *evidence)
        last = session.outcome
        known.handler_logs.append(("handler, API", last.output))
        evidence.append(bench.evidence.log("handler, API", last))
        bodies = [(tried.case.name, tried.answer) for tried in session.tried if tried.answer is not None]
        evidence += [bench.evidence.http(name, answer.body) for name, answer in bodies[:_MOST_BODIES]]
        if session.out_of_memory:
            reason = "the kernel killed the worker for want of memory"
            return errored("out_of_memory", reason, *evidence[:30], outcome=last)
        found = _judge(bench, session)
        verdicts += found
        if any(verdict is not PASSED for _, verdict in found):
            break
    return _conclude(bench, cases, verdicts, evidence[:30], given(last))


def _cases(bench: Bench, local_passed: bool) -> list[TestCase]:
    """The cases of tests.json, and the test input unless it has passed already."""
    known = bench.known
    cases = list(known.plan.cases) if known.plan is not None else []
    if known.test_input is not None and not local_passed:
        wanted = known.test_input["input"]
        if all(case.input != wanted for case in cases):
            cases.append(TestCase(name="test_input", input=wanted, limit=None))
    return cases


@contextmanager
def _serving(bench: Bench, command: str | None, asking: _Asking) -> Iterator[tuple[Server, bool]]:
    """A server and whether it got ready; one that refuses the SDK's arguments is asked by a variable instead."""
    engine = given(bench.known.engine)
    environment = bench.known.plan.environment if bench.known.plan else {}
    if not asking.by_environment:
        with engine.serve(environment, command=command, by_environment=False) as server:
            ready = wait_until_ready(server.url, limit=READY_LIMIT, alive=_alive(server))
            if ready or not _ARGUMENTS_REFUSED.search(_ended_output(server)):
                yield server, ready
                return
        asking.by_environment = True
    with engine.serve(environment, command=command, by_environment=True) as server:
        yield server, wait_until_ready(server.url, limit=READY_LIMIT, alive=_alive(server))


def _alive(server: Server) -> Callable[[], bool]:
    return lambda: server.running.exit_code is None


def _ended_output(server: Server) -> str:
    return server.running.end().output.text if server.running.exit_code is not None else server.running.output_so_far()


def _run_session(bench: Bench, command: str | None, cases: list[TestCase], asking: _Asking) -> _Session:
    tried: list[_Tried] = []
    not_ready: Verdict | None = None
    with _serving(bench, command, asking) as (server, ready):
        if not ready:
            not_ready = _why_not_ready(server)
        else:
            for case in cases:
                tried.append(_try(server, case))
                if tried[-1].problem is not None:
                    break  # it hangs or is gone; the next case would only say so again
        out_of_memory = server.out_of_memory()
        outcome = server.running.end()
    return _Session(tried=tuple(tried), outcome=outcome, not_ready=not_ready, out_of_memory=out_of_memory)


def _why_not_ready(server: Server) -> Verdict:
    code = server.running.exit_code
    text = _ended_output(server)
    if "test_input.json not found" in text or "Local testing complete" in text:
        # An SDK of another version, or a worker that keeps its arguments to itself: our way of asking is at fault.
        reason = "the worker ran its local mode instead of serving the API"
        return Verdict(outcome=Outcome.ERROR, code="api_not_served", reason=reason)
    if code is not None:
        return failing("server_exited", f"the worker {ended(code)} before its API was ready: {cause(text)}")
    return failing("server_not_ready", f"the worker's API was not ready in {READY_LIMIT.total_seconds():g} s")


def _try(server: Server, case: TestCase) -> _Tried:
    limit = case.limit or DEFAULT_LIMIT
    try:
        return _Tried(case=case, answer=run_sync(server.url, case.input, limit=limit), problem=None)
    except AnswerTimeoutError:
        milliseconds = limit.total_seconds() * 1000
        problem = failing("test_timeout", f"no answer in {milliseconds:.0f} ms")
    except ConnectionLostError as exc:
        server.running.wait(_DYING_LIMIT)
        code = server.running.exit_code
        how = f"the worker {ended(code)}" if code is not None else str(exc)
        problem = failing("server_died", f"the worker broke off its answer: {how}")
    return _Tried(case=case, answer=None, problem=problem)


def _judge(bench: Bench, session: _Session) -> list[tuple[str, Verdict]]:
    if session.not_ready is not None:
        return [("start", session.not_ready)]
    log = session.outcome.output.text
    verdicts = []
    for tried in session.tried:
        verdict = tried.problem
        if verdict is None and tried.answer is not None:
            verdict = judge_answer(tried.case, tried.answer.status, tried.answer.body, log)
        verdicts.append((tried.case.name, verdict or PASSED))
    local = bench.known.local_verdict
    expected_generator = bench.known.handler_kind.is_generator or (
        local is not None and local.code == "generator_not_iterated"
    )
    passed_all = all(verdict is PASSED for _, verdict in verdicts)
    if expected_generator and passed_all and not generator_was_iterated(log):
        reason = "the handler returns a generator without being one, which the platform never iterates"
        verdicts.append(("generator", failing("generator_returned", reason)))
    return verdicts


def _conclude(
    bench: Bench,
    cases: list[TestCase],
    verdicts: list[tuple[str, Verdict]],
    evidence: list[Evidence],
    outcome: ProcessOutcome,
) -> Finding:
    lines = [
        f"{name}: {'pass' if verdict is PASSED else f'{verdict.code}: {verdict.reason}'}" for name, verdict in verdicts
    ]
    summary = bench.evidence.value("cases", "\n".join([*lines, f"{len(cases)} cases in all"]))
    bad = [(name, verdict) for name, verdict in verdicts if verdict is not PASSED]
    if not bad:
        return passed(summary, *evidence, outcome=outcome)
    name, verdict = bad[0]
    reason = f"{name}: {verdict.reason}"
    if verdict.outcome is Outcome.ERROR:
        return errored(verdict.code or "unknown", reason, summary, *evidence, outcome=outcome)
    # Another output than expected has nothing to do with what is in the log.
    text = "" if verdict.code == "output_mismatch" else outcome.output.text[-_EXCUSE_CHARACTERS:]
    trouble = excuse(text, given(bench.known.engine).place)
    if trouble is not None:
        return errored(trouble.code, f"{reason}; {trouble.reason}", summary, *evidence, outcome=outcome)
    return failed(verdict.code or "unknown", reason, summary, *evidence, outcome=outcome)
