"""The gauges by Airflow's own metrics: datagrams as StatsD reads them, on a socket of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk._shared.observability.metrics.statsd_logger import SafeStatsdLogger
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils

from janitor.orchestration.metrics import count_verdict, tell_gauges
from janitor.settings import Settings
from tests.support.reports import History, check_of, reporting


class Datagrams:
    """What Airflow's logger wants of a client, over UDP. Source: github.com/statsd/statsd, "Metric Types"."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._address = address

    def gauge(self, stat: str, value: float, rate: float, delta: bool) -> None:
        assert (rate, delta) == (1, False)
        self._send(f"{stat}:{value}|g")

    def incr(self, stat: str, count: int, rate: float) -> None:
        assert rate == 1
        self._send(f"{stat}:{count}|c")

    def timing(self, stat: str, took: timedelta) -> None:
        self._send(f"{stat}:{took.total_seconds() * 1000:.0f}|ms")

    def _send(self, text: str) -> None:
        self._socket.sendto(text.encode(), self._address)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket of a StatsD that Airflow's metrics go to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        client = Datagrams(listener.getsockname())
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
        stats.initialize(factory=lambda: SafeStatsdLogger(client), export_legacy_names=False)  # type: ignore[arg-type]
        yield listener
        stats.initialize(factory=NoStatsLogger, export_legacy_names=False)
        client.close()


def heard(listener: socket.socket, last: str) -> list[str]:
    """All datagrams up to one that begins so."""
    found: list[str] = []
    while not (found and found[-1].startswith(last)):
        found.append(listener.recv(1_000).decode())
    return found


def test_the_gauges_of_a_pass(settings: Settings, statsd: socket.socket) -> None:
    History(settings).run(reporting(check_of("handler_local")))
    tell_gauges(settings)
    gauges = heard(statsd, "janitor.news_undelivered")
    assert {"janitor.repositories.ok:1.0|g", "janitor.alerts.critical:0.0|g"} <= set(gauges)
    assert all(line.startswith("janitor.") for line in gauges)


def test_the_gauges_count_what_isn_t_well_with_airflow(settings: Settings, statsd: socket.socket) -> None:
    tell_gauges(settings.model_copy(update={"airflow_url": "http://127.0.0.1:9"}))
    assert "janitor.alerts.critical:1.0|g" in heard(statsd, "janitor.news_undelivered")


def test_the_gauges_by_the_client_that_airflow_makes_itself(
    settings: Settings, statsd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = statsd.getsockname()
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", host)
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(port))
    # As a task's runner does it.
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
    History(settings).run(reporting(check_of("handler_local")))
    tell_gauges(settings)
    gauges = heard(statsd, "airflow.janitor.news_undelivered")
    assert "airflow.janitor.repositories.ok:1.0|g" in gauges


def test_a_verdict_is_counted(settings: Settings, statsd: socket.socket) -> None:
    validation_id = History(settings).run(reporting(check_of("handler_local")))
    count_verdict(settings, validation_id)
    counted, took = heard(statsd, "janitor.validation_time")
    assert counted == "janitor.validations.success:1|c"
    assert took.endswith("|ms")


def test_nothing_is_asked_where_metrics_are_off(
    settings: Settings, statsd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "False")
    tell_gauges(settings)
    statsd.settimeout(0.1)
    with pytest.raises(TimeoutError):
        statsd.recv(1_000)
