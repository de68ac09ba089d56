"""What an instance is told of earlier builds: read from the evidence that those left in their reports."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from janitor.protocol.build import BuildSpec, EarlierBuild
from janitor.protocol.report import Check, Evidence, EvidenceKind
from janitor.protocol.statuses import Engine
from janitor.services.watch.build_history import earlier_builds
from janitor.stores.database import transaction
from tests.support.reports import History, check_of, conclusion_of, report_of


def shown(check: str, name: str, text: str) -> Check:
    evidence = Evidence(
        kind=EvidenceKind.VALUE,
        name=name,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        size_bytes=len(text),
        tail=text,
    )
    return replace(check_of(check), evidence=(evidence,))


def built(history: History, seconds: str, size: int) -> None:
    def end(validation_id: Any, run_id: Any) -> Any:
        report = report_of(
            validation_id,
            run_id,
            shown("image", "image", f"digest: sha256:1\nsize: 0.10 GiB ({size} bytes)\nlayers: 3"),
            shown("build_time", "build time", seconds),
            check_of("handler_local"),
        )
        return conclusion_of(replace(report, engine=Engine.DOCKER))

    history.run(end)


def known(history: History) -> BuildSpec:
    with transaction(history.settings.writer_url) as connection:
        return earlier_builds(connection, history.settings.deployment, "acme", "worker-a")


def test_without_builds_nothing_is_told(history: History) -> None:
    assert known(history) == BuildSpec()


def test_the_last_builds_and_the_last_image_are_told(history: History) -> None:
    built(history, "100.5 s, cache cold", 1000)
    built(history, "4.0 s, cache warm; median of the last 2: 4.1 s", 2000)
    told = known(history)
    assert told.earlier == (EarlierBuild(cache="warm", seconds=4.0), EarlierBuild(cache="cold", seconds=100.5))
    assert told.image_bytes == 2000


def test_what_cannot_be_read_is_left_out(history: History) -> None:
    built(history, "as long as ever", 3000)
    told = known(history)
    assert (told.earlier, told.image_bytes) == ((), 3000)
