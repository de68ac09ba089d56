"""What messages are tested with: runs whose verdicts are written as the product writes them, and what they made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from janitor.domain.config.notifications import NotificationEvent
from janitor.domain.config.workers import parse_workers_config
from janitor.domain.identity import run_id_for, validation_id_for
from janitor.domain.news.message import Channel
from janitor.domain.news.routes import Route, Routes
from janitor.domain.result.outcome import Conclusion
from janitor.domain.states import RunStatus
from janitor.protocol.terms.provenance import BaseImage, Provenance
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.news.telling import write_messages
from janitor.services.outbox.writing import keep_verdict_news
from janitor.services.report.history import keep_history
from janitor.settings import Settings
from janitor.stores import validations as store
from janitor.stores.database import transaction
from tests.support.reports import check_of, conclusion_of, report_of, trouble

FILE = Route(channel=Channel.FILE, address={})
COMMITS = [f"{number:040x}" for number in range(1, 20)]


def routes(*channels: Route, events: Sequence[NotificationEvent] = tuple(NotificationEvent)) -> Routes:
    """Who is told; by default a file of everything."""
    return Routes(events=tuple(events), channels=channels or (FILE,))


def failed(cause: str = "build says fail", *, commit: str = COMMITS[0], base: str | None = None) -> Any:
    """An end by this cause, of a build on this base image."""
    image = BaseImage(reference=base, stage="0", digest=None, resolved_by=None) if base is not None else None
    return lambda validation_id, run_id, repository: conclusion_of(
        report_of(
            validation_id,
            run_id,
            check_of("build", CheckStatus.FAIL, reason=cause),
            repository=repository,
            commit=commit,
            provenance=Provenance(base_images=(image,)) if image is not None else None,
        )
    )


def passed(*, commit: str = COMMITS[0]) -> Any:
    """A success."""
    return lambda validation_id, run_id, repository: conclusion_of(
        report_of(validation_id, run_id, check_of("handler_local"), repository=repository, commit=commit)
    )


def untold() -> Any:
    """An end that says nothing of the repository."""
    return lambda validation_id, run_id, repository: trouble("not_launched", "no instance")


class Fleet:
    """Repositories acme/worker-<name>, validated run after run.

    Args:
        settings: Of the deployment.
        told: Who is told of its runs; default: a file of everything.
    """

    def __init__(self, settings: Settings, told: Routes | None = None) -> None:
        self.settings = settings
        self.told: Routes | None = routes() if told is None else told

    def begin(self, *names: str) -> UUID:
        """A run of these repositories that goes on."""
        airflow_run_id = f"test__{uuid4()}"
        run_id = run_id_for(self.settings.deployment, airflow_run_id)
        config = "repositories:\n" + "".join(
            f"  - {{name: worker-{name}, organization: acme, prompt: look at it}}\n" for name in names
        )
        plans = parse_workers_config(config, source="test.yaml").plan()
        run = store.NewRun(
            run_id=run_id,
            deployment=self.settings.deployment,
            airflow_run_id=airflow_run_id,
            trigger="manual",
            config_file_path="test.yaml",
            config_sha256="0" * 64,
            total_repositories=len(plans),
            timeout=timedelta(minutes=30),
            max_concurrent_instances=4,
            news_routes=None if self.told is None else self.told.to_dict(),
        )
        validations = [
            store.NewValidation(
                validation_id=validation_id_for(run_id, index),
                repository_index=index,
                repository_name=plan.name,
                organization=plan.organization,
                url=plan.url,
                ref=None,
                prompt=plan.prompt,
                gpu_required=False,
                required_proof=None,
                timeout=plan.timeout,
                grace=timedelta(minutes=2),
                plan=plan.to_dict(),
            )
            for index, plan in enumerate(plans)
        ]
        with transaction(self.settings.writer_url) as connection:
            store.insert_plan(connection, run, validations)
        return run_id

    def end(self, run_id: UUID, index: int, how: Any) -> None:
        """Write a verdict as `record` does: everything in one transaction."""
        validation_id = validation_id_for(run_id, index)
        with transaction(self.settings.writer_url) as connection:
            validation = store.get_validation(connection, validation_id)
            conclusion: Conclusion = how(
                validation_id, run_id, f"{validation.organization}/{validation.repository_name}"
            )
            assert store.finish_validation(connection, validation_id, conclusion)
            if conclusion.report is not None:
                store.insert_report(
                    connection, validation_id, conclusion.report, ledger_id=None, storage_key="k", sha256="s"
                )
            difference = keep_history(connection, validation, conclusion)
            keep_verdict_news(connection, validation, conclusion, difference.verdict)

    def close(self, run_id: UUID) -> None:
        """End the run as `verdict` does, with its messages."""
        with transaction(self.settings.writer_url) as connection:
            store.finish_run(connection, run_id, RunStatus.FAILED, None)
            write_messages(connection, self.settings)

    def run(self, **ends: Any) -> UUID:
        """A whole run: a verdict for each repository."""
        run_id = self.begin(*ends)
        for index, how in enumerate(ends.values()):
            self.end(run_id, index, how)
        self.close(run_id)
        return run_id

    def messages(self) -> list[tuple[str, str, str]]:
        """What was written: channel, kind, headline."""
        with transaction(self.settings.reader_url) as connection:
            rows = connection.execute(
                "select d.channel, d.kind, d.message from news_deliveries d join news n using (news_id)"
                " where n.deployment = %s order by d.delivery_id",
                (self.settings.deployment,),
            ).fetchall()
        return [(row["channel"], row["kind"], str(row["message"]["headline"][0])) for row in rows]

    def headlines(self) -> list[tuple[str, str]]:
        """The same without the channel."""
        return [(kind, headline) for _, kind, headline in self.messages()]
