"""`janitor notify`: what waits, what was sent, what a channel that fails makes of the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from janitor.cli.main import main
from janitor.domain.news.message import Channel
from janitor.domain.news.routes import Route
from janitor.domain.snapshot.alerts import AlertCode, alerts_of
from janitor.services.news.senders.file import messages_file
from janitor.services.snapshot.take import take_snapshot
from janitor.stores.database import transaction
from tests.support.channels import serving_mail
from tests.support.news import FILE, Fleet, failed, routes

NOBODY = Route(channel=Channel.EMAIL, address={"to": ["a@b.example"], "from": "j@b.example", "server": "127.0.0.1:9"})


@pytest.fixture
def notify(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(("notify", *arguments))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def test_a_dry_run_shows_what_would_be_sent_and_changes_nothing(fleet: Fleet, notify: Any) -> None:
    assert notify("--dry-run")[:2] == (0, "✓ No message waits.\n")
    run_id = fleet.begin("a")
    fleet.end(run_id, 0, failed("x is missing"))
    assert "No message waits" in notify("--dry-run")[1], "its run goes on"
    fleet.close(run_id)
    for _ in range(2):
        code, out, _ = notify("--dry-run")
        assert (code, "Newly broken: acme/worker-a" in out) == (0, True)
    (told,) = json.loads(notify("--dry-run", "--json")[1])["messages"]
    assert (told["channel"], told["kind"], told["title"]) == ("file", "open", "Newly broken: acme/worker-a")
    assert not messages_file(fleet.settings).exists()


def test_what_waits_is_sent_and_what_can_not_be_is_said(fleet: Fleet, notify: Any) -> None:
    Fleet(fleet.settings, routes(FILE, Route(channel=NOBODY.channel, address={**NOBODY.address, "secret": None}))).run(
        a=failed("x is missing")
    )
    code, out, _ = notify()
    assert code == 3
    assert "✓ file: Newly broken: acme/worker-a" in out
    assert "✗ email: Newly broken: acme/worker-a: the mail server 127.0.0.1 can't be used" in out
    assert notify()[:2] == (0, "Sending what waits\n✓ No message is due.\n")
    assert "tried 1 times: the mail server" in notify("--dry-run")[1]
    with transaction(fleet.settings.writer_url) as connection:
        connection.execute("update news_deliveries set given_up_at = now() where delivered_at is null")
    assert "given up, `janitor notify` tries it again" in notify("--dry-run")[1]
    assert "✗ email: Newly broken" in notify()[1]


def test_channels_are_tried(fleet: Fleet, notify: Any, tmp_path: Path) -> None:
    config = tmp_path / "workers.yaml"
    config.write_text("repositories:\n  - {name: a, organization: acme, prompt: go}\n")
    assert "The configuration names no channel" in notify("--test", "--config", str(config))[1]
    with config.open("a") as file:
        file.write("notifications:\n  email: [a@b.example]\n  email_from: j@b.example\n  email_server: 127.0.0.1:9\n")
    code, out, _ = notify("--test", "--config", str(config))
    assert (code, out) == (
        3,
        "Trying each channel\n✗ email: the mail server 127.0.0.1 can't be used (ConnectionRefusedError)\n",
    )


def test_what_an_alert_says_tries_the_channel_that_fails(fleet: Fleet, notify: Any) -> None:
    settings = fleet.settings
    address = {**NOBODY.address, "secret": None}
    Fleet(settings, routes(Route(channel=NOBODY.channel, address=address))).run(a=failed("x is missing"))
    notify()
    with transaction(settings.writer_url) as connection:
        connection.execute("update news_deliveries set attempts = 3 where delivered_at is null")
    alerts = alerts_of(take_snapshot(settings, ask_airflow=False))
    (alert,) = [one for one in alerts if one.code is AlertCode.NEWS_UNDELIVERED]
    assert "`make notify TEST=1 UNDELIVERED=1`" in alert.next_step
    said = "✗ email: the mail server 127.0.0.1 can't be used (ConnectionRefusedError)"
    assert notify("--test", "--undelivered")[:2] == (3, f"Trying each channel\n{said}\n")
    with serving_mail() as server, transaction(settings.writer_url) as connection:
        moved = Jsonb({**address, "server": f"127.0.0.1:{server.port}"})
        connection.execute("update news_deliveries set address = %s where delivered_at is null", (moved,))
        connection.commit()
        assert notify("--test", "--undelivered")[:2] == (0, "Trying each channel\n✓ email: a test\n")


@pytest.mark.parametrize(
    "arguments",
    [("--dry-run", "--test"), ("--config", "x.yaml"), ("--undelivered",), ("--test", "--undelivered", "--config", "x")],
)
def test_what_does_not_go_together_is_refused(notify: Any, arguments: tuple[str, ...]) -> None:
    code, _, err = notify(*arguments)
    assert code == 2
    assert "error:" in err
