"""Sequential runs as decisions: what follows on a turn, how long all may take, and which ERROR lines count."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from janitor.cli.render.runs.config import config_text
from janitor.domain.config.fields import Market
from janitor.domain.config.findings import SEQUENTIAL_KEYS
from janitor.domain.config.sequential import SequentialConfig, sequential_config_schema
from janitor.domain.config.workers import WorkersConfig, parse_as
from janitor.domain.deadlines import turn_deadline
from janitor.domain.error_lines import QUOTED, unexpected_errors
from janitor.domain.errors import ConfigError
from janitor.domain.launch.placement import candidates_of
from janitor.domain.states import TerminationReason
from janitor.domain.watch.sequential import LONGEST_RUN, MOST_INSTANCES, AfterTurn, after_turn, default_total
from janitor.domain.watch.watching import WatchOutcome

INFRA = Path(__file__).resolve().parents[3] / "infra"
NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
MINUTES = timedelta(minutes=1)
HEAD = "repositories:\n  - {name: a, organization: o, prompt: p}\n  - {name: b, organization: o, prompt: p}\n"


def after(outcome: WatchOutcome, **changes: object) -> AfterTurn:
    given = {"has_report": False, "reason_code": None, "turns": 1, "launched": 1}
    given |= {"now": NOW, "deadline_at": NOW + MINUTES, **changes}
    return after_turn(outcome, **given)  # type: ignore[arg-type]  # each test changes what it is about


def test_an_instance_goes_on_only_after_a_report_that_is_believed() -> None:
    assert after(WatchOutcome.COMMAND_FINISHED, has_report=True).keeps_instance
    kept = [
        outcome for outcome in WatchOutcome for has in (True, False) if after(outcome, has_report=has).keeps_instance
    ]
    assert kept == [WatchOutcome.COMMAND_FINISHED]


@pytest.mark.parametrize(
    ("outcome", "changes", "another"),
    [
        (WatchOutcome.INSTANCE_LOST, {}, True),
        (WatchOutcome.SPOT_INTERRUPTED, {}, True),
        (WatchOutcome.NO_SIGN_OF_LIFE, {}, True),
        (WatchOutcome.NEVER_ONLINE, {}, True),
        # Its own doing, or its verdict is there.
        (WatchOutcome.TIME_UP, {}, False),
        (WatchOutcome.COMMAND_FINISHED, {"reason_code": "validator_crashed"}, False),
        # The command never came to it.
        (WatchOutcome.COMMAND_FINISHED, {"reason_code": "machine_not_ready"}, True),
        (WatchOutcome.COMMAND_FINISHED, {"reason_code": "validator_unfetched"}, True),
        (WatchOutcome.INSTANCE_LOST, {"has_report": True}, False),
        # Enough was tried, or the time is over.
        (WatchOutcome.INSTANCE_LOST, {"turns": 2}, False),
        (WatchOutcome.INSTANCE_LOST, {"launched": MOST_INSTANCES}, False),
        (WatchOutcome.INSTANCE_LOST, {"deadline_at": NOW}, False),
    ],
)
def test_a_lost_instance_costs_the_repository_nothing_once(
    outcome: WatchOutcome, changes: dict[str, object], another: bool
) -> None:
    assert after(outcome, **changes).has_another_turn is another


def test_the_ledger_keeps_why_an_instance_was_given_up() -> None:
    assert after(WatchOutcome.TIME_UP).reason is TerminationReason.TIMEOUT
    assert after(WatchOutcome.SPOT_INTERRUPTED).reason is TerminationReason.SPOT_INTERRUPTED
    assert {after(outcome).reason for outcome in WatchOutcome} <= set(TerminationReason)


def test_a_turn_ends_with_its_own_limit_or_the_instance_s() -> None:
    assert turn_deadline(NOW, 5 * MINUTES, NOW + 60 * MINUTES) == NOW + 5 * MINUTES
    assert turn_deadline(NOW, 5 * MINUTES, NOW + 2 * MINUTES) == NOW + 2 * MINUTES


def test_all_together_may_take_as_long_as_each_of_them_and_twelve_hours_at_most() -> None:
    assert default_total([10 * MINUTES, 20 * MINUTES], 2 * MINUTES) == 34 * MINUTES
    assert default_total([300 * MINUTES] * 3, MINUTES) == LONGEST_RUN
    config = parse_as(SequentialConfig, HEAD + "total_timeout_minutes: 7", source="r.yaml")
    assert config.total_timeout([10 * MINUTES]) == 7 * MINUTES


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("total_timeout_minutes: 721", "total_timeout_minutes", "720"),
        ("expected_errors: ['(']", "expected_errors", "is no pattern of RE2"),
        # What takes longer than the line is long can't be said in RE2.
        (r"expected_errors: ['(a)\1']", "expected_errors", "is no pattern of RE2"),
        ("expected_error: ['a']", "expected_error", "unknown key"),
        ("default_timeout_minute: 1", "default_timeout_minute", "unknown key"),
    ],
)
def test_what_a_configuration_may_not_say(text: str, field: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_as(SequentialConfig, HEAD + text, source="r.yaml")
    (problem,) = caught.value.problems
    assert field in str(problem)
    assert message in str(problem)


def test_no_repository_has_a_machine_of_its_own() -> None:
    text = "repositories:\n  - {name: a, organization: o, prompt: p, instance_type: g6.xlarge, market: spot}\n"
    with pytest.raises(ConfigError) as caught:
        parse_as(SequentialConfig, text, source="r.yaml")
    assert [problem.field for problem in caught.value.problems] == ["instance_type", "market"]
    assert all("share one instance" in str(problem) for problem in caught.value.problems)


def test_a_workers_configuration_with_a_key_of_a_sequential_run_is_told_so() -> None:
    assert set(SEQUENTIAL_KEYS) == set(SequentialConfig.model_fields) - set(WorkersConfig.model_fields)
    with pytest.raises(ConfigError) as refused:
        parse_as(WorkersConfig, f"{HEAD}total_timeout_minutes: 120\nexpected_errors: []\n", source="repos.yaml")
    assert [problem.field for problem in refused.value.problems] == list(SEQUENTIAL_KEYS)
    for problem in refused.value.problems:
        assert problem.message == "unknown key"
        assert "check-config --sequential" in str(problem.hint)
        assert "make check-config REPOS_FILE=" in str(problem.hint)
    with pytest.raises(ConfigError, match="it belongs at the top level"):
        parse_as(SequentialConfig, HEAD.replace("prompt: p}", "prompt: p, expected_errors: []}", 1), source="r.yaml")


def test_check_config_says_that_they_run_in_turn() -> None:
    named = parse_as(SequentialConfig, f"{HEAD}total_timeout_minutes: 90\n", source="repos.yaml")
    assert config_text("repos.yaml", named).splitlines()[0] == (
        "repos.yaml: 2 repositories, in turn on one instance, 1 hour 30 minutes for all together, 2 minutes of grace"
    )
    by_default = parse_as(SequentialConfig, HEAD, source="repos.yaml")
    assert "in turn on one instance, 1 hour 4 minutes for all together" in config_text("repos.yaml", by_default)


def test_the_schema_has_the_keys_of_both() -> None:
    properties = sequential_config_schema()["properties"]
    assert {"repositories", "default_market", "total_timeout_minutes", "expected_errors"} <= properties.keys()


def test_the_published_schema_is_current_and_the_lists_are_right() -> None:
    kept = json.loads((INFRA / "repos.schema.json").read_text())
    assert kept == sequential_config_schema(), (
        "regenerate it: janitor check-config --sequential --schema > infra/repos.schema.json"
    )
    for name in ("repos.yaml", "local/repos.yaml"):
        text = (INFRA / name).read_text()
        config = parse_as(SequentialConfig, text, source=name, substitutions={"state_dir": "/state"})
        assert config.total_timeout([plan.timeout for plan in config.plan()]) <= LONGEST_RUN


LINES = [
    ("a", "INFO all is well"),
    ("a", "2026-01-01 ERROR the model is gone"),
    ("a", "ERRORS: 0, no TERROR, and an error in a sentence"),
    ("b", "[ERROR] the model is gone again"),
    ("b", "ERROR: pip's dependency resolver does not currently take into account all the packages"),
]


def test_error_lines_that_nobody_expects_are_counted_and_quoted() -> None:
    found = unexpected_errors(LINES, ["pip's dependency resolver"])
    assert found.count == 2
    assert found.quoted == ("a: 2026-01-01 ERROR the model is gone", "b: [ERROR] the model is gone again")
    assert unexpected_errors(LINES, ["the model is gone( again)?$", "resolver"]).count == 0
    assert unexpected_errors(LINES, []).count == 3


def test_what_the_validator_says_of_an_error_is_no_second_one() -> None:
    note = "12:00:02 note: errors_logged: an error was logged: ERROR the model is gone"
    assert unexpected_errors([("a", "12:00:01   | ERROR the model is gone"), ("a", note)], []).count == 1


def test_only_the_first_are_quoted_on_one_line_without_anything_harmful() -> None:
    found = unexpected_errors([("a", f"ERROR \x1b[31m{number}\nnext") for number in range(9)], [])
    assert (found.count, len(found.quoted)) == (9, QUOTED)
    assert all("\x1b" not in line and "\n" not in line for line in found.quoted)


def test_no_pattern_takes_longer_than_the_line_is_long() -> None:
    """Python's own `re` would take years for this one."""
    hostile = "ERROR " + "a" * 1_900
    began = time.monotonic()
    assert unexpected_errors([("a", hostile)] * 50, ["(a+)+$x", "(a|a)*b"]).count == 50
    assert time.monotonic() - began < 20


def test_the_subnets_of_the_cache_come_first_with_every_type() -> None:
    places = candidates_of(["g5", "g6"], Market.ON_DEMAND, ["x", "y", "z"], spread=0, first=("y",))
    assert [(each.instance_type, each.subnet_id) for each in places] == [
        *[("g5", "y"), ("g6", "y")],
        *[("g5", "x"), ("g5", "z"), ("g6", "x"), ("g6", "z")],
    ]
