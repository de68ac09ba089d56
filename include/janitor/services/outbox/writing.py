"""Keeping what is new, in the transaction that makes it so: verdicts, refusals, leaks.

Invariant: nothing here talks to anybody. What a transaction writes is told after it, or, where it is undone, never.

Only what is conclusive and not flaky breaks or mends a repository. What could not be told, again and again, makes it
stale. A cause is one piece of news, however many repositories it hits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from janitor.domain.config.notifications import NotificationEvent
from janitor.domain.evidence.cause import cause_key
from janitor.domain.news.message import news_key_of_cause
from janitor.domain.news.routes import Routes
from janitor.domain.result.outcome import Conclusion
from janitor.domain.result.report_diff import Change, Difference, Outcome
from janitor.domain.states import ValidationStatus
from janitor.services.outbox.silence import Known, was_acknowledged_since, what_is_known
from janitor.stores import budget
from janitor.stores.database import Connection
from janitor.stores.records import ValidationRecord
from janitor.stores.standing import news as store
from janitor.stores.standing.report_history import signature_of_validation

STALE_AFTER = 2
"""So many validations in a row that say nothing of a repository make it stale."""


def keep_verdict_news(
    connection: Connection, validation: ValidationRecord, conclusion: Conclusion, difference: Difference
) -> None:
    """Keep what a validation's end means for whoever is told of its repository.

    Call it in the transaction that writes the end, after `keep_history`, which holds the repository against others.
    """
    if conclusion.status is ValidationStatus.CANCELLED:
        return
    if difference.change is Change.INCONCLUSIVE:
        _keep_inconclusive(connection, validation)
        return
    store.end_news(connection, validation.deployment, NotificationEvent.STALE, validation.repository)
    if difference.outcome is Outcome.FAILED:
        _keep_failure(connection, validation, conclusion, difference)
    elif not store.leave(connection, validation):
        _keep_unannounced_fix(connection, validation, difference)


def _keep_unannounced_fix(connection: Connection, validation: ValidationRecord, difference: Difference) -> None:
    """A repository passes again, and nobody was told that it broke: there were no messages then, or it was known."""
    if difference.change is not Change.FIXED or difference.flaky:
        return
    event, key = NotificationEvent.NEWLY_FIXED, f"run/{validation.run_id}"
    news_id = store.open_news(connection, validation.deployment, event, key, run_id=validation.run_id)
    store.join_as_fixed(connection, news_id, validation, title="passes again")


def _keep_failure(
    connection: Connection, validation: ValidationRecord, conclusion: Conclusion, difference: Difference
) -> None:
    signature, title = signature_of_validation(connection, validation.validation_id)
    title = title or conclusion.summary or conclusion.status.value
    repository = validation.repository
    known = what_is_known(
        connection,
        validation,
        difference,
        key=cause_key(signature, repository, title),
        commit_sha=conclusion.report.repository.commit_sha if conclusion.report is not None else None,
        now=datetime.now(timezone.utc),
    )
    told = store.standing_of(connection, validation)
    if told is not None:
        store.name_cause(connection, told.news_id, told.validation_id, signature=signature, title=title)
        store.hand_over(connection, told.news_id, validation)
        before = cause_key(told.signature, repository, told.title)
        is_news = difference.cause_changed or was_acknowledged_since(connection, validation, before, told.joined_at)
        if is_news and known is not Known.HOLDS and not difference.flaky:
            store.tell_again(connection, told, validation.run_id)
        return
    # Whoever said that it is known was the last one to be told: what comes back, and another cause, is new to them.
    is_new = difference.change is Change.NEW or difference.cause_changed or known is Known.OVER
    if not is_new or difference.flaky or known is Known.HOLDS:
        return
    key = news_key_of_cause(signature) if signature else f"{repository}/{conclusion.failing_check or 'verdict'}"
    news_id = store.open_news(
        connection, validation.deployment, NotificationEvent.NEWLY_BROKEN, key, run_id=validation.run_id
    )
    store.join(connection, news_id, validation, signature=signature, title=title)


def _keep_inconclusive(connection: Connection, validation: ValidationRecord) -> None:
    if store.inconclusive_in_a_row(connection, validation, STALE_AFTER) < STALE_AFTER:
        return
    store.open_news(
        connection,
        validation.deployment,
        NotificationEvent.STALE,
        validation.repository,
        run_id=validation.run_id,
        facts={
            "repository": validation.repository,
            "validation_id": str(validation.validation_id),
            "times": STALE_AFTER,
        },
    )


def keep_refused(
    connection: Connection, deployment: str, airflow_run_id: str, message: str, routes: Routes | None
) -> None:
    """Keep that the budget refused a run; a day's refusals are one piece of news."""
    facts: Mapping[str, Any] = {"run": airflow_run_id, "message": message}
    day = budget.today(connection)
    store.open_news(
        connection, deployment, NotificationEvent.BUDGET_REFUSED, day.isoformat(), routes=routes, facts=facts
    )


def keep_leak(
    connection: Connection, deployment: str, instance_id: str, *, instance_type: str, repository: str | None
) -> None:
    """Keep that an instance was found that the ledger didn't know."""
    store.open_news(
        connection,
        deployment,
        NotificationEvent.LEAK_FOUND,
        instance_id,
        facts={"instance_type": instance_type, "repository": repository},
    )
