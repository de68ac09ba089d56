"""Attempts to launch, one for each ledger row, and the breaker's view of them."""

from __future__ import annotations

from datetime import datetime

from janitor.domain.config.fields import Market
from janitor.domain.launch.breaker import EVERYTHING, LaunchOutcome, pool_of_scope, pool_scope
from janitor.domain.launch.owner import Owner
from janitor.domain.launch.placement import Attempt, Candidate, Try
from janitor.domain.launch.provider import Refusal
from janitor.domain.states import PlacementResult, TerminationReason
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries

_LONGEST_MESSAGE = 4_000
"""Of AWS's words: an encoded authorization message can't be decoded in part."""


def begin_attempt(connection: Connection, ledger_id: int, owner: Owner, attempt: Try) -> None:
    """Write that a candidate is about to be tried, together with its intent."""
    named_queries().insert_attempt(
        connection,
        ledger_id=ledger_id,
        owner_kind=owner.kind.value,
        owner_id=owner.id,
        round=attempt.round,
        position=attempt.position,
        instance_type=attempt.candidate.instance_type,
        market=attempt.candidate.market.value,
        subnet_id=attempt.candidate.subnet_id,
    )


def finish_attempt(
    connection: Connection,
    ledger_id: int,
    result: PlacementResult,
    *,
    aws_code: str | None = None,
    aws_message: str | None = None,
    availability_zone: str | None = None,
) -> None:
    """Keep what became of an attempt, with AWS's raw words."""
    named_queries().finish_attempt(
        connection,
        ledger_id=ledger_id,
        result=result.value,
        aws_code=aws_code,
        aws_message=aws_message[:_LONGEST_MESSAGE] if aws_message else None,
        availability_zone=availability_zone,
    )


def attempts_of(connection: Connection, owner: Owner) -> list[Attempt]:
    """Every attempt of an owner, oldest first, those under way included."""
    rows = named_queries().attempts_of_owner(connection, owner_kind=owner.kind.value, owner_id=owner.id)
    return [
        Attempt(
            candidate=Candidate(
                instance_type=row["instance_type"], market=Market(row["market"]), subnet_id=row["subnet_id"]
            ),
            round=row["round"],
            position=row["position"],
            result=PlacementResult(row["result"]),
            started_at=row["started_at"],
        )
        for row in rows
    ]


def refusals_of(connection: Connection, owner: Owner) -> list[Refusal]:
    """What an owner's attempts were refused with, oldest first, those that came to nothing else left out."""
    rows = named_queries().attempts_of_owner(connection, owner_kind=owner.kind.value, owner_id=owner.id)
    return [Refusal(code=row["aws_code"], message=row["aws_message"] or "") for row in rows if row["aws_code"]]


def recent_outcomes(connection: Connection, deployment: str, scope: str, since: datetime) -> list[LaunchOutcome]:
    """What became of a scope's launches since an instant, or since its breaker was closed by hand; newest first."""
    closed_at = named_queries().last_breaker_closure(connection, deployment=deployment, scope=scope)
    organization, _, name = scope.partition("/")
    pool = pool_of_scope(scope)
    is_of_repository = scope != EVERYTHING and pool is None
    rows = named_queries().recent_launch_outcomes(
        connection,
        deployment=deployment,
        since=max(since, closed_at) if closed_at else since,
        organization=organization if is_of_repository else None,
        repository_name=name if is_of_repository else None,
        pool=pool,
    )
    return [
        LaunchOutcome(
            result=PlacementResult(row["result"]),
            reason=TerminationReason(row["termination_reason"]) if row["termination_reason"] else None,
            detail=row["detail"],
            took_command=row["took_command"],
            is_live=row["is_live"],
            at=row["at"],
        )
        for row in rows
    ]


def close_breaker(connection: Connection, deployment: str, scope: str, closed_by: str) -> None:
    """Forget a scope's failures, on a person's word; the deployment's closes all."""
    named_queries().insert_breaker_closure(connection, deployment=deployment, scope=scope, closed_by=closed_by)


def scopes_launched_since(connection: Connection, deployment: str, since: datetime) -> list[str]:
    """The breakers that are about what was launched since an instant, but for the deployment's own."""
    rows = named_queries().scopes_launched_since(connection, deployment=deployment, since=since)
    return [
        pool_scope(row["pool"]) if row["pool"] else f"{row['organization']}/{row['repository_name']}" for row in rows
    ]
