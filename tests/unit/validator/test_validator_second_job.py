"""The same input twice to one process: what is a fault of the worker, what shows nothing, and what is not owed."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from janitor.diagnosis.host_conditions import Place
from janitor.guest.interrupts import Interrupts
from janitor.guest.processes.supervisor import start
from janitor.inspection.documents.tests_file import TestCase
from janitor.inspection.python.sdk_use import Refresh, SdkUse
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.checks.handler.api_session import Asking, Session, run_session
from janitor.validator.checks.handler.handler_facts import ApiFacts
from janitor.validator.checks.handler.session_judge import judge_again, judge_tried
from janitor.validator.context import CheckContext
from janitor.validator.engine import BuiltWorker, Server

# Speaks as the SDK's API does; ANSWER gives what the job of that number comes to.
SERVER = """\
import http.server, json, os, sys, threading, time
print("--- Starting Serverless Worker |  Version 1.12.0 ---", flush=True)
jobs = []

def answer(number, wanted):
{answer}

class Api(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply({{"paths": {{"/runsync": {{}}}}}})

    def do_POST(self):
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        jobs.append(wanted)
        print("INFO   | a | Started.", flush=True)
        output = answer(len(jobs), wanted)
        print("DEBUG  | a | run_job return: " + repr({{"output": output}}), flush=True)
        self.reply({{"id": "a", "status": "COMPLETED", "output": output}})

    def reply(self, document):
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
"""
PLACE = Place(has_gpu=False, gaps=(), in_image=lambda _path: True, is_image=True)
GOOD = 'return {"words": 2}'
ASK = Callable[..., Session]


@dataclass(frozen=True)
class Scripted:
    """A worker whose API is the program above."""

    folder: Path
    answer: str
    facts: Any = field(default_factory=lambda: SimpleNamespace(test_environment={}))

    @contextlib.contextmanager
    def serve(self, environment: Any, *, command: str | None, by_environment: bool) -> Iterator[Server]:
        del command, by_environment
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        program = SERVER.format(answer=textwrap.indent(self.answer, "    "))
        argv = [sys.executable, "-u", "-c", program, str(port)]
        env = {"PATH": os.environ["PATH"], **environment}
        with start(argv, cwd=self.folder, env=env, confined=False) as running:
            yield Server(url=f"http://127.0.0.1:{port}", running=running, out_of_memory=lambda: False)


@pytest.fixture
def ask(tmp_path: Path) -> ASK:
    """Runs a session with a case, and asks it again."""

    def run(answer: str, *, seconds: float = 600, case: TestCase | None = None) -> Session:
        interrupts = Interrupts(datetime.now(timezone.utc) + timedelta(seconds=seconds))
        context = cast("CheckContext", SimpleNamespace(interrupts=interrupts))
        facts = ApiFacts(cast("BuiltWorker", Scripted(tmp_path, answer)), None, None)
        cases = [case or TestCase(name="one", input={"text": "a b"}, limit=None)]
        return run_session(
            context, facts, None, cases, Asking(), judge=judge_tried, asks_again=True, with_bad_input=False
        )

    return run


def test_a_worker_that_goes_on_passes(ask: ASK) -> None:
    session = ask(GOOD)
    verdict = judge_again(session, PLACE, SdkUse())
    assert verdict is not None
    assert verdict.passes
    assert verdict.remarks == ()
    assert session.log.text.count("Started.") == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('return {"words": 2} if number == 1 else {"error": "no weights"}', "no weights"),
        ('return {"words": 2} if number == 1 else None', "returned nothing"),
        ('number == 1 or os._exit(3)\nreturn {"words": 2}', "ended with exit code 3"),
        ('number == 2 and threading.Timer(0.02, os._exit, (4,)).start()\nreturn {"words": 2}', "after its answer"),
    ],
)
def test_one_that_does_a_single_job_fails(ask: ASK, answer: str, words: str) -> None:
    verdict = judge_again(ask(answer), PLACE, SdkUse())
    assert verdict is not None
    assert verdict.code == ReasonCode.ONE_JOB_ONLY
    assert words in (verdict.reason or ""), verdict.reason


def test_the_time_that_a_case_states_holds_for_the_second_job_too(ask: ASK) -> None:
    case = TestCase(name="one", input={"text": "a"}, limit=timedelta(seconds=1))
    verdict = judge_again(ask('number == 1 or time.sleep(20)\nreturn {"words": 1}', case=case), PLACE, SdkUse())
    assert verdict is not None
    assert verdict.code == ReasonCode.ONE_JOB_ONLY


@pytest.mark.parametrize(
    ("seconds", "answer", "words"),
    [
        (8, GOOD, "no time to send the input again"),
        (18, 'number == 1 or time.sleep(20)\nreturn {"words": 1}', "no answer in the"),
    ],
)
def test_too_little_time_shows_nothing(ask: ASK, seconds: float, answer: str, words: str) -> None:
    session = ask(answer, seconds=seconds)
    assert session.again is not None
    assert words in (session.again.unproven or "")
    assert judge_again(session, PLACE, SdkUse()) is None


def test_a_job_that_asks_for_a_new_process_is_the_last_of_its_own(ask: ASK) -> None:
    said = """print("DEBUG  | a | run_job return: {'output': 1, 'stopPod': True}")"""
    assert ask(f'{said}\nreturn {{"words": 1}}').again is None


def test_nothing_is_asked_again_where_a_case_failed(ask: ASK) -> None:
    assert ask('return {"error": "no weights"}').again is None


@pytest.mark.parametrize(
    ("place", "sdk"),
    [
        (PLACE, SdkUse(refresh=Refresh.MAYBE)),
        (replace(PLACE, killed_for_memory=True), SdkUse()),
    ],
)
def test_what_may_not_be_its_own_is_a_note(ask: ASK, place: Place, sdk: SdkUse) -> None:
    verdict = judge_again(ask('return {"words": 2} if number == 1 else None'), place, sdk)
    assert verdict is not None
    assert verdict.passes
    assert [remark.code for remark in verdict.remarks] == [ReasonCode.SECOND_JOB_UNCLEAR]


def test_the_expected_output_is_that_of_the_first_job(ask: ASK) -> None:
    case = TestCase(name="one", input={"text": "a"}, limit=None, has_expected=True, expected={"jobs": 1})
    verdict = judge_again(ask('return {"jobs": number}', case=case), PLACE, SdkUse())
    assert verdict is not None
    assert verdict.passes
    assert [remark.code for remark in verdict.remarks] == [ReasonCode.ANOTHER_ANSWER]
    bad = judge_again(ask('return {"jobs": 1} if number == 1 else {"error": "x"}', case=case), PLACE, SdkUse())
    assert bad is not None
    assert bad.code == ReasonCode.ONE_JOB_ONLY
