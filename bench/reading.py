"""`make bench`, on the database alone: what the faces read of a fleet's history, with costs that are kept and without.

Both are asked of the same rows on the same server, one after the other: first every cost is reckoned from its instance,
as it was before any was kept.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.fleet import DEPLOYMENT, Fleet, write_fleet
from janitor.stores import costs as store
from janitor.stores.database import transaction
from janitor.stores.migrate import migrate
from tests.support.postgres import TestDatabase, running_postgres

SIZES = (Fleet(repositories=200, runs=60), Fleet(repositories=2_000, runs=30))
QUESTIONS: Mapping[str, str] = {
    "summaries of the last 60 runs": "select * from run_summary where deployment = %(deployment)s"
    " order by started_at desc limit 60",
    "one run with costs": "select * from validation_overview where run_id = (select run_id from validation_runs"
    " where deployment = %(deployment)s order by started_at desc limit 1)",
    "health of every repository": "select * from repository_health where deployment = %(deployment)s",
    "health of one repository": "select * from repository_health where deployment = %(deployment)s"
    " and organization = 'acme' and repository_name = 'worker-0007'",
    "waste of the last week": "select * from waste where deployment = %(deployment)s"
    " and launched_at > now() - interval '7 days' and unexplained_seconds > 0",
    "costs by day and repository, a week": "select * from cost_by_day_and_repository where deployment = %(deployment)s"
    " and day > (now() - interval '7 days')::date",
    "waste of all time": "select * from waste where deployment = %(deployment)s and unexplained_seconds > 0",
}
"""What is asked; the last one is no page's, and says what a month's question costs in ten years."""
_TRIES = 3
_LIMIT = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How long one question took, the best of some tries."""

    reckoned: timedelta
    kept: timedelta


def measure_reading(fleet: Fleet) -> dict[str, Answer]:
    """Write a fleet into a server of its own and ask it everything, before and after its costs are kept."""
    with (
        tempfile.TemporaryDirectory(prefix="janitor-bench-") as folder,
        running_postgres(Path(folder)) as database,
    ):
        migrate(database.owner_url)
        write_fleet(database.owner_url, fleet)
        reckoned = {name: _best_of(database, question) for name, question in QUESTIONS.items()}
        _keep_all(database)
        return {
            name: Answer(reckoned=reckoned[name], kept=_best_of(database, question))
            for name, question in QUESTIONS.items()
        }


def reading_table(answers: Mapping[Fleet, Mapping[str, Answer]]) -> str:
    """A line for each question and fleet; a ratio below 1 means that keeping costs pays."""
    lines = ["question | fleet | reckoned ms | kept ms | ratio", "---|---|---|---|---"]
    for fleet, answered in answers.items():
        for question, answer in answered.items():
            lines.append(
                f"{question} | {fleet.repositories} x {fleet.runs} | {answer.reckoned.total_seconds() * 1000:.1f} |"
                f" {answer.kept.total_seconds() * 1000:.1f} | {answer.kept / answer.reckoned:.2f}"
            )
    return "\n".join(lines)


def _best_of(database: TestDatabase, question: str) -> timedelta:
    took = []
    for _ in range(_TRIES):
        with transaction(database.reader_url, within=_LIMIT) as connection:
            began = time.perf_counter()
            connection.execute(question.encode(), {"deployment": DEPLOYMENT}).fetchall()
            took.append(time.perf_counter() - began)
    return timedelta(seconds=min(took))


def _keep_all(database: TestDatabase) -> None:
    while True:
        with transaction(database.writer_url, within=_LIMIT) as connection:
            if not store.keep_costs(connection, DEPLOYMENT, count=1_000):
                break
    with transaction(database.owner_url, within=_LIMIT) as connection:
        connection.execute("analyze")
