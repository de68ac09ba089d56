"""What an instance is told of earlier builds: what those measured, as their reports have it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg

from janitor.protocol.order.build import BuildSpec, EarlierBuild
from janitor.protocol.report import Check
from janitor.protocol.terms.statuses import Engine
from janitor.protocol.values import Place
from janitor.services.watch.build_history import earlier_builds
from janitor.stores.database import transaction
from tests.support.reports import History, check_of, conclusion_of, report_of


def measured(check: str, **values: Any) -> Check:
    return replace(check_of(check), measurements=values)


def built(history: History, time: dict[str, Any], size: Any) -> UUID:
    def end(validation_id: Any, run_id: Any) -> Any:
        report = report_of(
            validation_id,
            run_id,
            measured("image", image_bytes=size, layers=3),
            measured("build_time", **time),
            check_of("handler_local"),
        )
        return conclusion_of(replace(report, engine=Engine.DOCKER))

    return history.run(end)


def known(history: History) -> BuildSpec:
    with transaction(history.settings.writer_url) as connection:
        return earlier_builds(connection, history.settings.deployment, "acme", "worker-a")


def test_without_builds_nothing_is_told(history: History) -> None:
    assert known(history) == BuildSpec()


def test_the_last_builds_and_the_last_image_are_told(history: History) -> None:
    built(history, {"build_seconds": 100.5, "cache": "cold"}, 1000)
    built(history, {"build_seconds": 4, "cache": "warm", "usual_seconds": 4.1}, 2000)
    told = known(history)
    assert told.earlier == (EarlierBuild(cache="warm", seconds=4.0), EarlierBuild(cache="cold", seconds=100.5))
    assert told.image_bytes == 2000


def test_what_no_spec_may_say_is_left_out(history: History) -> None:
    built(history, {"build_seconds": 7.0, "cache": "warm"}, 3000)
    built(history, {"build_seconds": 10.0**9, "cache": "warm"}, "3 GB")
    built(history, {"build_seconds": 5.0, "cache": "lukewarm"}, -1)
    built(history, {"build_seconds": "long"}, 2.5)
    told = known(history)
    assert told == BuildSpec(earlier=(EarlierBuild(cache="warm", seconds=7.0),), image_bytes=3000)
    assert BuildSpec.read(told.to_dict(), Place("", ValueError)) == told


def test_a_report_of_version_1_measured_nothing(history: History) -> None:
    built(history, {"build_seconds": 7.0, "cache": "warm"}, 3000)
    second = built(history, {"build_seconds": 8.0, "cache": "warm"}, 4000)
    with psycopg.connect(history.settings.writer_url) as connection:
        connection.execute(
            "update janitor.validation_reports set report = jsonb_set(report, '{checks}', (select jsonb_agg("
            "c - 'measurements') from jsonb_array_elements(report -> 'checks') c)) where validation_id = %s",
            (second,),
        )
    assert known(history) == BuildSpec(earlier=(EarlierBuild(cache="warm", seconds=7.0),), image_bytes=3000)
