"""Channels that never come to an end: each send has a bound as a whole, and nobody waits for another one's channel."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from janitor.domain.news.message import Channel
from janitor.domain.news.routes import Route
from janitor.domain.snapshot.alerts import alerts_of
from janitor.services.news.delivering import WITHIN, deliver
from janitor.services.news.senders.bounded import SEND_WITHIN
from janitor.services.news.senders.channels import SENDERS
from janitor.services.news.senders.file import messages_file
from janitor.services.news.senders.sending import Outgoing, ask_http
from janitor.services.snapshot.take import take_snapshot
from janitor.views.text.metrics import metrics_text
from tests.support.dripping import dripping
from tests.support.news import FILE, Fleet, failed, routes

EACH = timedelta(seconds=1)


@pytest.fixture
def mail_port() -> Iterator[int]:
    with dripping(b"", b"220-wait\r\n") as port:
        yield port


@pytest.fixture
def web_port() -> Iterator[int]:
    with dripping(b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n") as port:
        yield port


def mail(port: int) -> Route:
    address: dict[str, Any] = {
        "to": ["a@b.example"],
        "from": "j@b.example",
        "server": f"127.0.0.1:{port}",
        "secret": None,
    }
    return Route(channel=Channel.EMAIL, address=address)


def sending_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "janitor-send"]


def test_a_channel_that_drips_is_cut_and_no_other_waits_for_it(fleet: Fleet, mail_port: int, web_port: int) -> None:
    slack = Route(channel=Channel.SLACK_WEBHOOK, address={"secret": "x"})
    told = Fleet(fleet.settings, routes(mail(mail_port), slack, FILE))

    def post(_: Outgoing) -> str | None:
        ask_http("Slack", "POST", f"http://127.0.0.1:{web_port}/", body={})
        return None

    told.run(a=failed("x is missing"))
    began = time.monotonic()
    report = deliver(told.settings, each_within=EACH, senders={**SENDERS, Channel.SLACK_WEBHOOK: post})
    took = time.monotonic() - began
    assert report.sent == ["file: Newly broken: acme/worker-a"]
    assert sorted(report.failed) == [
        f"{channel}: Newly broken: acme/worker-a: it took longer than 1 s and was cut off"
        for channel in ("email", "slack_webhook")
    ]
    assert took < 10
    assert sending_threads() == [], "a cut connection ends its send"


def test_what_was_accepted_is_delivered_though_the_rest_of_the_answer_never_comes() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n") as port:
        began = time.monotonic()
        answer = ask_http("Slack", "POST", f"http://127.0.0.1:{port}/", body={}, enough=200)
    assert (answer.status, time.monotonic() - began < 5) == (200, True)


def test_what_can_not_be_cut_is_left_to_itself(fleet: Fleet) -> None:
    told, over = Fleet(fleet.settings, routes(mail(9), FILE)), threading.Event()

    def deaf(_: Outgoing) -> str | None:  # as a name server that doesn't answer
        over.wait(60)
        return None

    told.run(a=failed("x is missing"))
    pass_of_reaper = threading.Thread(
        target=deliver, args=(told.settings,), kwargs={"each_within": EACH, "senders": {**SENDERS, Channel.EMAIL: deaf}}
    )
    began = time.monotonic()
    pass_of_reaper.start()
    try:
        while not messages_file(told.settings).exists() and time.monotonic() - began < 30:
            time.sleep(0.02)
        assert pass_of_reaper.is_alive(), "the file was told while the other one hung"
        assert "\njanitor_news_undelivered 1\n" in metrics_of(told), "what hangs is seen at once"
        pass_of_reaper.join(30)
        assert not pass_of_reaper.is_alive()
    finally:
        over.set()
        pass_of_reaper.join()


def metrics_of(told: Fleet) -> str:
    snapshot = take_snapshot(told.settings, ask_airflow=False)
    return metrics_text(snapshot, alerts_of(snapshot))


def test_a_pass_has_its_bound_in_all_cases() -> None:
    assert WITHIN + SEND_WITHIN + timedelta(seconds=1) <= timedelta(seconds=45)
