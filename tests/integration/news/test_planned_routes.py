"""Who is told is what the run's configuration says when it is planned, also of a run that the budget refuses."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from janitor.domain.config.notifications import NotificationEvent
from janitor.domain.errors import BudgetRefusedError
from janitor.domain.identity import run_id_for
from janitor.domain.news.message import Channel
from janitor.domain.news.routes import Routes
from janitor.services.launch.plan import RunRequest, plan_run
from janitor.services.news.telling import write_messages
from janitor.settings import Settings
from janitor.settings.parts.deployment import StackKind
from janitor.stores.database import transaction
from tests.support.news import Fleet

TOPIC = "arn:aws:sns:us-east-1:123456789012:janitor-news-x"
CONFIG = f"""
repositories:
  - {{name: worker-a, organization: acme, prompt: go}}
badges: public
notifications:
  sns_topic_arn: {TOPIC}
  events: [newly_broken, budget_refused]
"""


def plan(settings: Settings, folder: Path, more: str = "") -> str:
    """Plan a run of this configuration; returns Airflow's id of it."""
    file = folder / "workers.yaml"
    file.write_text(CONFIG + more)
    request = RunRequest(airflow_run_id=f"test__{uuid4()}", trigger="manual", config_path=str(file))
    plan_run(settings, request)
    return request.airflow_run_id


def kept(settings: Settings, airflow_run_id: str) -> tuple[Routes, bool]:
    with transaction(settings.reader_url) as connection:
        row = connection.execute(
            "select news_routes, badges from validation_runs where run_id = %s",
            (run_id_for(settings.deployment, airflow_run_id),),
        ).fetchone()
    assert row is not None
    return Routes.from_dict(row["news_routes"]), row["badges"]


def test_a_run_keeps_who_is_told(settings: Settings, tmp_path: Path) -> None:
    routes, badges = kept(settings, plan(settings, tmp_path))
    assert badges
    assert routes.events == (NotificationEvent.NEWLY_BROKEN, NotificationEvent.BUDGET_REFUSED)
    assert [(each.channel, each.address) for each in routes.channels] == [(Channel.SNS, {"topic_arn": TOPIC})]


def test_a_local_stack_keeps_the_messages_in_a_file_as_well(settings: Settings, tmp_path: Path) -> None:
    local = settings.model_copy(update={"stack": StackKind.EMBEDDED})
    routes, _ = kept(settings, plan(local, tmp_path))
    assert [each.channel for each in routes.channels] == [Channel.FILE, Channel.SNS]


def test_who_wanted_the_run_is_told_that_it_was_refused(settings: Settings, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(BudgetRefusedError):
            plan(settings, tmp_path, "max_run_cost_usd: 0.0001\n")
    with transaction(settings.writer_url) as connection:
        write_messages(connection, settings)
    ((channel, kind, headline),) = Fleet(settings).messages()
    assert (channel, kind) == ("sns", "open")
    assert headline.startswith("Budget: a run was refused on ")
