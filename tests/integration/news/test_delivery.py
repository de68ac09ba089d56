"""Sending what was written: nothing is lost or said twice, whoever dies where, and a dead channel is seen."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from janitor.domain.news.message import Channel
from janitor.domain.news.routes import Route
from janitor.domain.snapshot.alerts import Alert, AlertCode, Severity, alerts_of
from janitor.services.news.delivering import deliver, retry_wait
from janitor.services.news.senders.channels import SENDERS
from janitor.services.news.senders.file import messages_file
from janitor.services.news.senders.sending import Outgoing, SendError
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.stores.database import transaction
from tests.support.channels import serving_mail
from tests.support.news import COMMITS, Fleet, failed, passed, routes

SNS = Route(channel=Channel.SNS, address={"topic_arn": "arn:aws:sns:us-east-1:123456789012:janitor-news-x"})


def let_time_pass(settings: Settings) -> None:
    """Leases are over and retries are due."""
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update news_deliveries set claimed_until = now(), due_at = now() where delivered_at is null"
        )


def told(settings: Settings) -> list[str]:
    """The headlines in the file, in their order."""
    file = messages_file(settings)
    lines = file.read_text().splitlines() if file.exists() else []
    return [line for before, line in itertools.pairwise(lines) if before.startswith("-- ")]


def undelivered(settings: Settings) -> list[Alert]:
    """The alerts about channels."""
    alerts = alerts_of(take_snapshot(settings, ask_airflow=False))
    return [one for one in alerts if one.code is AlertCode.NEWS_UNDELIVERED]


def test_what_is_written_is_sent_once(fleet: Fleet) -> None:
    settings = fleet.settings
    fleet.run(a=failed("x is missing"))
    assert deliver(settings).sent == ["file: Newly broken: acme/worker-a"]
    assert deliver(settings).sent == []
    fleet.run(a=passed(commit=COMMITS[1]))
    deliver(settings)
    assert told(settings) == ["Newly broken: acme/worker-a", "Fixed: acme/worker-a"]


def test_a_run_that_was_never_closed_is_told_when_the_reaper_closes_it(fleet: Fleet) -> None:
    run_id = fleet.begin("a")
    fleet.end(run_id, 0, failed("x is missing"))
    assert deliver(fleet.settings).sent == []
    with transaction(fleet.settings.writer_url) as connection:  # without its messages, as a version of before did
        connection.execute(
            "update validation_runs set status = 'error', completed_at = now() where run_id = %s", (run_id,)
        )
    assert deliver(fleet.settings).sent == ["file: Newly broken: acme/worker-a"]


@pytest.mark.parametrize("when", ["before it is sent", "after it was sent"])
def test_who_dies_while_sending_loses_nothing(fleet: Fleet, when: str) -> None:
    settings = fleet.settings
    fleet.run(a=failed("x is missing"))

    def dying(outgoing: Outgoing) -> str | None:
        if when == "after it was sent":
            SENDERS[Channel.FILE](outgoing)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver(settings, senders={Channel.FILE: dying})
    assert deliver(settings).sent == [], "the other one may still be at it"
    let_time_pass(settings)
    assert deliver(settings).sent == ["file: Newly broken: acme/worker-a"]
    assert deliver(settings).sent == []
    assert len(told(settings)) == (2 if when == "after it was sent" else 1)


def test_senders_at_once_send_each_message_once(fleet: Fleet) -> None:
    settings = fleet.settings
    for number in range(8):
        fleet.run(**{f"w{number}": failed(f"library {chr(97 + number) * 3} is missing")})
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: deliver(settings), range(4)))
    assert sum(len(report.sent) for report in reports) == len(told(settings)) == len(set(told(settings))) == 8


_CHILD = """
import sys, time
from pathlib import Path
from janitor.settings import load_settings
from janitor.domain.news.message import Channel
from janitor.services.news.delivering import deliver
from janitor.services.news.senders.channels import SENDERS

def slowly(outgoing):
    print("sending", flush=True)
    time.sleep(0.05)
    SENDERS[Channel.FILE](outgoing)
    print("sent", flush=True)
    time.sleep(0.05)

deliver(load_settings("local", project_root=Path(sys.argv[1])), senders={Channel.FILE: slowly})
"""


@pytest.mark.parametrize("word", ["sending", "sent"])
def test_a_killed_sender_loses_nothing(fleet: Fleet, environment: dict[str, str], word: str) -> None:
    settings = fleet.settings
    for number in range(4):
        fleet.run(**{f"w{number}": failed(f"library {chr(97 + number) * 3} is missing")})
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(settings.project_root)],
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        seen = 0
        for line in child.stdout:
            seen += line.strip() == word
            if seen == 2:
                os.kill(child.pid, signal.SIGKILL)
                break
    finally:
        child.kill()
        child.wait(120)
    assert child.returncode == -signal.SIGKILL
    deliver(settings)
    let_time_pass(settings)
    deliver(settings)
    heard = told(settings)
    assert len(set(heard)) == 4
    assert len(heard) <= 5, "no more than the one that was on its way is told twice"


def test_a_dead_channel_stops_no_other_and_is_an_alert(fleet: Fleet) -> None:
    settings = fleet.settings
    both = Fleet(settings, routes(SNS, Route(channel=Channel.FILE, address={})))

    def dead(_: Outgoing) -> str | None:
        raise SendError("SNS: nobody answers", retry_after=timedelta(seconds=5))

    senders = {**SENDERS, Channel.SNS: dead}
    both.run(a=failed("x is missing"), b=failed("y is broken"))
    report = deliver(settings, senders=senders)
    assert len(report.sent) == 2
    assert report.failed == ["sns: Newly broken: acme/worker-a: SNS: nobody answers"], "once in a pass is enough"
    assert undelivered(settings) == []
    both.run(a=passed(commit=COMMITS[1]), b=failed("y is broken"))
    for _ in range(2):
        let_time_pass(settings)
        deliver(settings, senders=senders)
    (alert,) = undelivered(settings)
    assert (alert.subject, alert.severity) == ("sns", Severity.WARNING)
    assert "SNS: nobody answers" in alert.message
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update news_deliveries set first_tried_at = now() - interval '25 hours', attempts = 9"
            " where channel = 'sns'"
        )
    for _ in range(3):
        let_time_pass(settings)
        deliver(settings, senders=senders)
    (alert,) = undelivered(settings)
    assert (alert.severity, "3 of them given up" in alert.message) == (Severity.CRITICAL, True)
    with transaction(settings.writer_url) as connection:
        connection.execute("update news_deliveries set given_up_at = now() - interval '3 days' where channel = 'sns'")
    assert undelivered(settings)[0].severity is Severity.CRITICAL, "it isn't forgotten with the day"
    assert deliver(settings, senders=senders).failed == []
    well = {**SENDERS, Channel.SNS: lambda _: "id"}
    assert len(deliver(settings, senders=well, given_up_too=True).sent) == 3
    assert undelivered(settings) == []


def test_an_outage_of_days_gives_nothing_up(fleet: Fleet) -> None:
    settings = fleet.settings
    fleet.run(a=failed("x is missing"))
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update news_deliveries set created_at = now() - interval '30 hours' where delivered_at is null"
        )

    def dead(_: Outgoing) -> str | None:
        raise SendError("not now")

    def pass_of_the_reaper() -> int:
        let_time_pass(settings)
        deliver(settings, senders={Channel.FILE: dead})
        with transaction(settings.reader_url) as connection:
            row = connection.execute(
                "select count(*) as n from news_deliveries join news using (news_id)"
                " where deployment = %s and given_up_at is not null",
                (settings.deployment,),
            ).fetchone()
        return int(row["n"]) if row is not None else -1

    assert pass_of_the_reaper() == 0, "it waited, and nobody tried it"
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update news_deliveries set first_tried_at = now() - interval '30 hours' where delivered_at is null"
        )
    assert [pass_of_the_reaper() for _ in range(4)] == [0, 0, 0, 1], "not before several tries"


def test_what_was_given_up_is_not_said_after_its_end(fleet: Fleet) -> None:
    settings = fleet.settings
    fleet.run(a=failed("x is missing"))
    with transaction(settings.writer_url) as connection:
        connection.execute("update news_deliveries set given_up_at = now() where delivered_at is null")
    fleet.run(a=passed(commit=COMMITS[1]))
    deliver(settings)
    deliver(settings, given_up_too=True)
    assert told(settings) == ["Fixed: acme/worker-a"]
    assert undelivered(settings) == []


def test_nothing_overtakes_what_its_news_said_before(fleet: Fleet) -> None:
    settings = fleet.settings
    fleet.run(a=failed("x is missing"))
    fleet.run(a=passed(commit=COMMITS[1]))
    order: list[str] = []

    def failing_once(outgoing: Outgoing) -> str | None:
        if not order:
            order.append("failed")
            raise SendError("not now")
        order.append(outgoing.kind.value)
        return None

    for _ in range(3):
        deliver(settings, senders={Channel.FILE: failing_once})
        let_time_pass(settings)
    assert order == ["failed", "open", "close"]


def test_a_refused_recipient_is_tried_again_alone(fleet: Fleet) -> None:
    settings = fleet.settings
    with serving_mail() as server:
        address = {"to": ["a@x.example", "b@x.example"], "from": "j@x.example", "secret": None}
        mail = Route(channel=Channel.EMAIL, address={**address, "server": f"127.0.0.1:{server.port}"})
        told_by_mail = Fleet(settings, routes(mail))
        server.refused[b"b@x.example"] = b"550 5.1.1 secret-in-an-answer\r\n"
        told_by_mail.run(a=failed("x is missing"))
        (line,) = deliver(settings).failed
        assert line.endswith("the mail server 127.0.0.1 refused b@x.example (550); the others have it")
        # What follows doesn't wait for whoever is refused, and is for everybody.
        told_by_mail.run(a=passed(commit=COMMITS[1]))
        assert len(deliver(settings).failed) == 1
        let_time_pass(settings)
        assert all("refused b@x.example (550)" in one for one in deliver(settings).failed), "nobody else is asked"
        let_time_pass(settings)
        deliver(settings)
        (alert,) = undelivered(settings)
        assert "refused b@x.example (550)" in alert.message
        server.refused.clear()
        let_time_pass(settings)
        assert len(deliver(settings).sent) == 2
        assert deliver(settings).sent == []
    assert server.recipients == [[b"a@x.example"], [b"a@x.example"], [b"b@x.example"], [b"b@x.example"]]
    opened, closed = server.mails[0], server.mails[1]
    assert [one["Message-ID"] for one in server.mails[2:]] == [opened["Message-ID"], closed["Message-ID"]]
    assert all(one["In-Reply-To"] == opened["Message-ID"] for one in (closed, server.mails[3]))


def test_a_defect_of_a_sender_is_kept_without_its_words(fleet: Fleet) -> None:
    fleet.run(a=failed("x is missing"))

    def defective(_: Outgoing) -> str | None:
        raise ValueError("https://hooks.slack.com/services/secret")

    (line,) = deliver(fleet.settings, senders={Channel.FILE: defective}).failed
    assert line.endswith("the sender failed (ValueError)")


def test_taking_messages_ends_in_time(fleet: Fleet) -> None:
    for number in range(3):
        fleet.run(**{f"w{number}": failed(f"library {chr(97 + number) * 3} is missing")})

    def slow(_: Outgoing) -> str | None:
        time.sleep(0.2)
        return None

    report = deliver(fleet.settings, within=timedelta(seconds=0.1), senders={Channel.FILE: slow})
    assert len(report.sent) == 1
    assert len(deliver(fleet.settings).sent) == 2


def test_the_pauses_grow_to_an_hour() -> None:
    minutes = [retry_wait(number).total_seconds() / 60 for number in (1, 2, 3, 7, 50)]
    assert minutes == [1, 2, 4, 60, 60]
