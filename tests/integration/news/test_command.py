"""`janitor notify`: what waits, what was sent, what a channel that fails makes of the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from janitor.cli.main import main
from janitor.domain.news.message import Channel
from janitor.domain.news.routes import Route
from janitor.services.news.senders.file import messages_file
from janitor.stores.database import transaction
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


@pytest.mark.parametrize("arguments", [("--dry-run", "--test"), ("--config", "x.yaml")])
def test_what_does_not_go_together_is_refused(notify: Any, arguments: tuple[str, ...]) -> None:
    code, _, err = notify(*arguments)
    assert code == 2
    assert "error:" in err
