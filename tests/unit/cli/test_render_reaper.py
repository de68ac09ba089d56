"""The answers of `reap`, `keep` and `breaker`, and what `instances` and the emergency stop say of leases."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import click
import pytest

from janitor.cli.commands.instances.keep import Span
from janitor.cli.main import main
from janitor.cli.render.instances.breaker import breaker_dicts, breaker_text
from janitor.cli.render.instances.instances import instances_text
from janitor.cli.render.instances.keep import ended_text, kept_dicts, kept_text, lease_dict, lease_text
from janitor.cli.render.instances.kill import kill_text
from janitor.cli.render.instances.reap import reap_text
from janitor.domain.launch.breaker import BreakerState
from janitor.domain.states import ReapEvidence
from janitor.services.deployment import LiveInstance
from janitor.services.reap.keep import EndedLease, GuestTimer, KeptInstance, Lease
from janitor.services.reap.passes import ReapReport
from janitor.views.document import as_json
from janitor.views.text.marks import UNKNOWN

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
RUN = UUID("550e8400-e29b-41d4-a716-446655440000")
LEASE = Lease(
    instance_id="i-1",
    repository="acme/worker-a",
    run_id=RUN,
    region="us-east-1",
    keep_until=NOW + timedelta(minutes=30),
    is_extension=False,
    price_usd_hour=Decimal("1.006"),
    reserved_usd=Decimal("0.5"),
    guest_timer=GuestTimer.MOVED,
    guest_ends_at=NOW + timedelta(minutes=5),
    external_timer_moved=True,
)


def test_a_pass_that_found_nothing() -> None:
    assert reap_text(ReapReport(looked_at=1)) == "Looked at 1 instance; 0 terminated."
    assert "under way" in reap_text(ReapReport(busy=True))


def test_a_pass_says_what_and_why() -> None:
    report = ReapReport(
        looked_at=3,
        marked=("i-2",),
        adopted=("i-2",),
        terminated=("i-1",),
        still_alive=("i-3",),
        evidence={"i-1": ReapEvidence.OVERDUE, "i-2": ReapEvidence.UNKNOWN_OWNER},
        settled=("v-1",),
        runs_closed=("r-1",),
        problems=("i-3: OperationNotPermitted\x1b[31m",),
    )
    assert reap_text(report).splitlines() == [
        f"{UNKNOWN} i-2: not in the ledger, taken into it",
        "⏳ i-2: marked, a later pass terminates it: no validation is known that it works for",
        "✓ i-1: terminated: past its deadline and grace",
        "✗ i-3: still alive",
        "✓ validation v-1: recorded",
        "✓ run r-1: closed",
        "✗ i-3: OperationNotPermitted",
        "Looked at 3 instances; 1 terminated.",
    ]
    assert json.loads(as_json(asdict(report)))["evidence"] == {"i-1": "overdue", "i-2": "unknown_owner"}


def test_a_dry_run_says_would() -> None:
    text = reap_text(ReapReport(dry_run=True, looked_at=2, would_terminate=("i-1",), marked=("i-2",)))
    assert "i-1: would be terminated" in text
    assert "i-2: would be marked" in text
    assert text.endswith("1 would be terminated; dry run.")


def test_every_evidence_has_words() -> None:
    for evidence in ReapEvidence:
        assert ": terminated: " in reap_text(ReapReport(terminated=("i-1",), evidence={"i-1": evidence}))


def test_a_lease_says_until_when_the_cost_and_how_to_get_in() -> None:
    assert lease_text(LEASE, "dev").splitlines() == [
        "✓ acme/worker-a: i-1 is kept until 2026-01-01 12:30:00 UTC",
        "Cost: at most $0.50 beyond its validation's own, at $1.01 an hour",
        "Connect: aws ssm start-session --target i-1 --region us-east-1",
        "End it early: janitor keep --repo acme/worker-a --end --env dev",
    ]
    offline = replace(LEASE, guest_timer=GuestTimer.AGENT_OFFLINE, price_usd_hour=None)
    assert "powers itself off at 2026-01-01 12:05:00 UTC" in lease_text(offline, "dev")
    assert "Cost: unknown" in lease_text(offline, "dev")
    assert lease_dict(offline)["guest_timer"] == "agent_offline"
    assert "janitor reap" in ended_text(EndedLease(instance_id="i-1", repository="acme/worker-a", run_id=RUN))


def test_leases_are_visible() -> None:
    kept = [
        KeptInstance(
            instance_id="i-1",
            repository="worker-a",
            run_id=RUN,
            keep_until=NOW + timedelta(minutes=30),
            price_usd_hour=Decimal("1.006"),
        )
    ]
    line = "⏳ worker-a: i-1 until 2026-01-01 12:30:00 UTC (30 minutes remaining, $1.01 an hour)"
    assert kept_text(kept, NOW).splitlines() == ["Kept for debugging:", line]
    assert kept_text([], NOW) == ""
    assert kept_dicts(kept)[0]["keep_until"] == "2026-01-01T12:30:00+00:00"
    live = LiveInstance(
        instance_id="i-1", state="running", run_id=None, validation_id=None, repository="a", deadline_at=None
    )
    assert "kept until" not in instances_text([live])
    assert "kept until 2026" in instances_text([replace(live, keep_until="2026-01-01T12:30:00+00:00")])
    assert "i-1: terminated (worker-a, adopted)" in kill_text(["i-1"], [], [], {"i-1": "worker-a, adopted"})


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30m", timedelta(minutes=30)),
        ("45", timedelta(minutes=45)),
        ("1h30m", timedelta(minutes=90)),
        ("90s", timedelta(seconds=90)),
        ("1.5h", timedelta(minutes=90)),
        ("8h", timedelta(hours=8)),
        ("9h", None),
        ("30s", None),
        ("", None),
        ("m", None),
        ("-5m", None),
        ("1d", None),
        ("9" * 19, None),
        ("30m; reboot", None),
    ],
)
def test_durations(text: str, span: timedelta | None) -> None:
    if span is None:
        with pytest.raises(click.BadParameter):
            Span().convert(text, None, None)
    else:
        assert Span().convert(text, None, None) == span


@pytest.mark.parametrize(
    "words",
    [
        ["keep", "--repo", "a"],
        ["keep", "--repo", "a", "--for", "30m", "--end"],
        ["keep", "--for", "30m"],
        ["breaker", "--scope", "acme/a"],
        ["breaker", "--close", "--scope", "a"],
    ],
)
def test_usage_errors(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "error:" in capsys.readouterr().err


def state(**values: object) -> BreakerState:
    plain = BreakerState(
        scope="acme/a", failures_in_a_row=1, paused_until=None, last_failure=None, trial_under_way=False
    )
    return replace(plain, **values)


def test_the_breaker() -> None:
    assert breaker_text([], NOW) == "✓ Launches are not paused."
    assert breaker_text([state()], NOW).splitlines()[0] == f"{UNKNOWN} acme/a: not paused, 1 launch in a row failed"
    paused = state(scope="*", failures_in_a_row=3, paused_until=NOW + timedelta(minutes=15), last_failure="no quota")
    assert breaker_text([paused], NOW).splitlines() == [
        "✗ all repositories: launches are paused until 2026-01-01 12:15:00 UTC (15 minutes remaining),"
        " 3 launches in a row failed; last: no quota",
        "Once the cause is gone: janitor breaker --close",
    ]
    trial = state(paused_until=NOW, trial_under_way=True)
    assert "one launch is under way as a trial" in breaker_text([trial], NOW)
    assert [each["paused"] for each in breaker_dicts([paused, trial], NOW)] == [True, False]


def test_reap_says_what_lives_though_its_row_had_ended() -> None:
    text = reap_text(ReapReport(looked_at=1, reopened=("i-1",)))
    assert text.splitlines()[0].endswith("i-1: alive though its row had ended; reopened")
    assert "would be reopened" in reap_text(ReapReport(dry_run=True, reopened=("i-1",)))
