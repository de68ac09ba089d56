"""The agent with scripted models: its limits hold, its evidence is real, and it may lower a verdict only."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic_ai import TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel

from janitor.protocol.agent.policy import conclude
from janitor.protocol.agent.work import AgentAnswer, AgentState, VerdictStatus
from janitor.protocol.terms.statuses import CheckStatus
from tests.unit.agent.conftest import KEY, command, finding, scripted, verdict

TOOLS = ["run_command", "read_file", "list_files"]


def test_pass_after_a_look(ask, transcript_path):
    script = scripted(
        [ToolCallPart("list_files", {})],
        [command("cat handler.py")],
        [ToolCallPart("read_file", {"path": "README.md"})],
        [verdict(findings=[finding("hello from the handler", "info", file="handler.py", line=2)])],
    )
    answer = ask(script, checks=[{"name": "build", "status": "pass", "evidence": [{"name": "log", "tail": "done"}]}])
    assert (answer.state, answer.status) == (AgentState.COMPLETED, VerdictStatus.PASS), answer
    assert (answer.usage.turns, answer.usage.tool_calls, answer.usage.looks) == (4, 3, 3)
    assert answer.findings[0].verified
    assert (answer.findings[0].file, answer.findings[0].line) == ("handler.py", 2)
    assert "handler.py" in script.messages[1]
    assert '"name": "build"' in script.messages[0].replace("\\n", "\n")
    assert answer.usage.cost_usd is None
    assert "no price is known" in answer.notes[0]
    assert conclude(answer).status is CheckStatus.PASS
    lines = [json.loads(line) for line in transcript_path.read_text().splitlines()]
    assert [line["kind"] for line in lines] == [
        *("start", "response", "result", "response", "result", "response", "result", "response", "verdict", "end")
    ]
    assert transcript_path.stat().st_mode & 0o777 == 0o600


def test_fault_with_proof_fails(ask):
    found = finding("ZeroDivisionError: division by zero", file="handler.py", line=1)
    answer = ask(scripted([command("python3 -c 'print(1/0)'")], [verdict("fail", "it divides by zero", [found])]))
    conclusion = conclude(answer)
    assert (conclusion.status, conclusion.reason_code) == (CheckStatus.FAIL, "agent_found_fault")
    assert conclusion.reason == "handler.py:1: it divides by zero"


def test_invented_evidence_is_sent_back_and_then_blames_nobody(ask):
    bad = [verdict("fail", "out of memory", [finding("CUDA out of memory. Tried to allocate")])]
    answer = ask(scripted([command("echo fine")], bad))
    assert (answer.state, answer.usage.turns, answer.findings[0].verified) == (AgentState.COMPLETED, 4, False)
    assert conclude(answer).reason_code == "agent_without_proof"


@pytest.mark.parametrize(
    "steps",
    [
        [[command("echo 'CUDA out of memory. Tried to allocate'")]],
        [[command("echo 'CUDA out of memory. Tried to allocate' > log")], [command("cat log")]],
    ],
)
def test_evidence_of_the_models_own_making_is_none(ask, steps):
    answer = ask(scripted(*steps, [verdict("fail", "no memory", [finding("CUDA out of memory. Tried to allocate")])]))
    assert not answer.findings[0].verified
    assert conclude(answer).status is CheckStatus.ERROR


def test_pass_without_a_look_is_an_error(ask):
    answer = ask(scripted([verdict()]))
    assert (conclude(answer).status, conclude(answer).reason_code) == (CheckStatus.ERROR, "agent_did_not_look")


def test_failed_looks_are_no_looks(ask, transcript_path):
    script = scripted(
        [ToolCallPart("read_file", {"path": "absent"}), ToolCallPart("list_files", {"path": "-x"})], [verdict()]
    )
    answer = ask(script)
    assert (answer.usage.tool_calls, answer.usage.looks) == (2, 0)
    assert conclude(answer).reason_code == "agent_did_not_look"


def test_tools_are_withdrawn_at_the_limit_of_attempts(ask):
    script = scripted([command("true")], [command("false")], [verdict("inconclusive", "out of tools")])
    answer = ask(script, tool_calls=2)
    assert script.offered == [TOOLS, TOOLS, []]
    assert conclude(answer).reason_code == "agent_inconclusive"


def test_failed_attempts_count_too(ask):
    script = scripted([ToolCallPart("run_command", {"cmd": "ls"})], [ToolCallPart("rm", {})], [verdict()])
    answer = ask(script, tool_calls=2)
    assert (answer.usage.tool_calls, answer.usage.looks) == (2, 0)
    assert script.offered[-1] == []


def test_burst_of_calls_runs_none_of_them(ask, checkout, transcript_path):
    answer = ask(scripted([command(f"touch burst{number}") for number in range(100)]), tool_calls=2)
    assert (answer.state, answer.usage.looks) == (AgentState.LIMIT_EXCEEDED, 0)
    assert conclude(answer).reason_code == "agent_limit"
    assert '"kind": "result"' not in transcript_path.read_text()


@pytest.mark.parametrize("calls", [3, 18])
def test_calls_of_one_response_beyond_the_limit_are_refused(ask, transcript_path, calls):
    burst = [command(f"echo number{number}") for number in range(calls)]
    answer = ask(scripted(burst, [verdict()]), tool_calls=2)
    assert (answer.state, answer.usage.tool_calls, answer.usage.looks) == (AgentState.COMPLETED, calls, 2)
    results = [line for line in transcript_path.read_text().splitlines() if '"kind": "result"' in line]
    assert [("number" in line, "limit of tool calls" in line) for line in sorted(results)].count((True, False)) == 2


def test_endless_model_stops_at_its_turns(ask):
    answer = ask(scripted([command("true")]), turns=5)
    assert (answer.state, answer.usage.turns) == (AgentState.LIMIT_EXCEEDED, 5)
    assert conclude(answer).status is CheckStatus.ERROR


def test_tokens_are_limited(ask):
    answer = ask(scripted([command("seq 1 5000")]), tokens=10_000, cost_usd=None)
    assert answer.state is AgentState.LIMIT_EXCEEDED
    # Versions of the library look at the sum before or after the response that exceeds it.
    assert answer.usage.turns in (4, 5)
    assert answer.notes == ()


def test_wall_clock_ends_a_running_command(ask, checkout):
    began = time.monotonic()
    answer = ask(scripted([command("sleep 60", timeout_seconds=99)], [verdict()]), wall_clock=timedelta(seconds=2))
    assert time.monotonic() - began < 45
    assert conclude(answer).status in (CheckStatus.ERROR, CheckStatus.PASS)
    assert answer.state is AgentState.TIMED_OUT or answer.usage.looks == 1


def test_wall_clock_ends_a_slow_model(ask):
    async def slow(_messages, _info):
        await asyncio.sleep(60)

    answer = ask(FunctionModel(slow), wall_clock=timedelta(seconds=1))
    assert (answer.state, conclude(answer).reason_code) == (AgentState.TIMED_OUT, "agent_timed_out")


def test_answer_of_a_wrong_form_is_an_error(ask):
    bad = [ToolCallPart("submit_verdict", {"status": "great"})]
    answer = ask(scripted(bad))
    assert (answer.state, conclude(answer).reason_code) == (AgentState.INVALID_OUTPUT, "agent_invalid_output")


def test_plain_words_are_sent_back(ask):
    answer = ask(scripted([TextPart("all good!")], [command("true")], [verdict()]))
    assert (answer.state, answer.usage.turns) == (AgentState.COMPLETED, 3)


def test_characters_that_no_report_can_hold_are_left_out(ask):
    odd = finding("hello\0 from", "info", file="\0")
    answer = ask(scripted([command("cat handler.py")], [verdict(summary="odd \0 end", findings=[odd])]))
    assert AgentAnswer.from_json(answer.to_json()) == answer
    assert answer.summary == "odd  end"
    assert answer.findings[0].file is None


def test_mistake_of_a_library_keeps_the_record(ask):
    """Half a surrogate pair is more than the library can serialise."""
    answer = ask(scripted([command("true")], [verdict(summary="odd \ud800 end")]))
    assert AgentAnswer.from_json(answer.to_json()) == answer
    assert (answer.state, answer.reason_code, answer.usage.looks) == (AgentState.CRASHED, "agent_crashed", 1)


def test_keys_stay_out_of_transcript_and_answer(ask, transcript_path):
    quoted = finding(f"key {KEY} and more", "info")
    answer = ask(scripted([command(f"printf 'key %s' {KEY}")], [verdict(summary=f"saw {KEY}", findings=[quoted])]))
    assert KEY not in transcript_path.read_text()
    assert KEY not in answer.to_json()


def test_transcript_has_an_end(tmp_path):
    from janitor.agent.transcript import Transcript
    from janitor.guest.redaction import Redactor

    path = tmp_path / "transcript"
    transcript = Transcript(path, Redactor(), limit=20_000)
    for _ in range(10):
        transcript.write("result", text="x" * 1_000_000)
    transcript.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert path.stat().st_size <= 20_000
    assert lines[-1]["kind"] == "cut"
    assert "characters left out" in lines[0]["text"]
    with pytest.raises(FileExistsError):
        Transcript(path, Redactor())


def test_cost_limit_needs_a_price(ask):
    answer = ask(scripted([command("true")], [verdict()]), cost_usd=Decimal("0.5"))
    assert answer.usage.cost_usd is None
    assert "limit of $0.5 was not enforced" in answer.notes[0]
