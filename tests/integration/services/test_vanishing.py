"""What EC2 doesn't show in the right place: two looks, a red pass, and no end of many without a person's word."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from janitor.domain.errors import ConflictError, NotFoundError, WrongPlaceError
from janitor.domain.launch.owner import Owner
from janitor.domain.states import (
    InstanceOrigin,
    InstanceState,
    ReaperAction,
    ReapEvidence,
    TerminationReason,
    ValidationStatus,
)
from janitor.domain.watch.watching import Watched, WatchOutcome
from janitor.services.here import here
from janitor.services.ledger.abandon import abandon_place
from janitor.services.ledger.reconcile import observe_deployment
from janitor.services.provider import provider_of
from janitor.services.reap.passes import ReapReport
from janitor.services.result.record import record_validation
from janitor.services.watch.fleet_view import look_at_fleet
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from tests.integration.services.test_launching import eventually, latest, launch
from tests.integration.services.test_reap_passes import (
    events,
    gone,
    launched,
    quick,
    reap,
    row_of,
    second_pass,
)
from tests.support.rows import insert_run

__all__ = ["quick"]

_CONFIG = "repositories:\n" + "\n".join(
    f'  - {{name: worker-{number}, organization: acme, prompt: look, url: "file:///none/{number}"}}'
    for number in range(5)
)


def sql(settings: Settings, statement: str, *values: object) -> None:
    with transaction(settings.writer_url) as connection:
        connection.execute(statement.encode(), values)


def hide(settings: Settings, instance_id: str) -> str:
    """Have the row name an instance that EC2 doesn't know; returns that name. The real one is ended."""
    name = f"i-{instance_id.removeprefix('i-')[::-1]}"
    provider_of(settings).terminate([instance_id])
    sql(settings, "update instances set instance_id = %s where instance_id = %s", name, instance_id)
    return name


def let_an_interval_pass(settings: Settings) -> None:
    sql(
        settings,
        "update instances set missing_since = missing_since - %s where deployment = %s",
        settings.reap_interval,
        settings.deployment,
    )


def state_of(settings: Settings, instance_id: str) -> InstanceState:
    return row_of(settings, instance_id).state


def test_absence_takes_two_looks_and_both_passes_are_red(quick: Settings) -> None:
    _, instance_id = launched(quick)
    _, healthy = launched(quick)
    name = hide(quick, instance_id)
    for _ in range(2):  # looks in a row decide nothing
        report = reap(quick)
        assert (report.missing, report.vanished) == ((name,), ())
        assert any(name in problem and "Vanished instances" in problem for problem in report.problems)
        assert state_of(quick, name).is_live
    let_an_interval_pass(quick)
    report = reap(quick)
    assert (report.missing, report.vanished) == ((), (name,))
    assert any(name in problem for problem in report.problems)
    assert state_of(quick, name) is InstanceState.TERMINATED
    assert row_of(quick, name).termination_reason is TerminationReason.INSTANCE_LOST
    assert reap(quick).problems == ()
    assert [each for each in events(quick) if each[1] == name] == [
        (ReaperAction.MISSING, name),
        (ReaperAction.VANISHED, name),
    ]
    assert not gone(quick, healthy)


def test_a_look_that_shows_it_again_begins_anew(quick: Settings) -> None:
    first, instance_id = launched(quick)
    sql(quick, "update instances set missing_since = now() - interval '1 day' where instance_id = %s", instance_id)
    assert reap(quick).problems == ()
    assert latest(quick, first).missing_since is None


def test_one_that_was_seen_ending_needs_no_second_look(quick: Settings) -> None:
    first, instance_id = launched(quick)
    with transaction(quick.writer_url) as connection:
        ledger.observe_state(connection, latest(quick, first).ledger_id, InstanceState.SHUTTING_DOWN, place=here(quick))
    name = hide(quick, instance_id)
    assert reap(quick).problems == ()
    assert state_of(quick, name) is InstanceState.TERMINATED


def test_one_that_ec2_has_forgotten_long_after_its_time_takes_two_looks_too(quick: Settings) -> None:
    """Airflow was down for hours; the killers in AWS ended it, and EC2 shows what is terminated for an hour."""
    _, instance_id = launched(quick)
    name = hide(quick, instance_id)
    sql(quick, "update instances set expires_at = now() - interval '1 hour' where instance_id = %s", name)
    assert reap(quick).missing == (name,)
    assert state_of(quick, name).is_live
    let_an_interval_pass(quick)
    assert reap(quick).problems == ()
    assert state_of(quick, name) is InstanceState.TERMINATED


def five(settings: Settings) -> list[str]:
    _, validations = insert_run(settings.writer_url, deployment=settings.deployment, config=_CONFIG)
    return [launch(settings, one) for one in validations]


def test_many_at_once_stay_until_a_person_says_so(quick: Settings) -> None:
    fleet = five(quick)
    names = sorted(hide(quick, one) for one in fleet[:3])
    assert reap(quick).missing == tuple(names)
    let_an_interval_pass(quick)
    for _ in range(2):
        report = reap(quick)
        assert (report.doubted, report.vanished) == (tuple(names), ())
        assert any("3 instances at once" in problem and "VANISHED=1" in problem for problem in report.problems)
        assert all(state_of(quick, name).is_live for name in names)
    report = reap(quick, believe_absence=True)
    assert (report.doubted, report.vanished) == ((), tuple(names))
    assert all(state_of(quick, name) is InstanceState.TERMINATED for name in names)
    assert not any(gone(quick, one) for one in fleet[3:])


def test_those_who_look_at_one_each_do_not_end_many_together(quick: Settings) -> None:
    fleet = five(quick)
    names = sorted(hide(quick, one) for one in fleet[:3])
    owners = {name: row_of(quick, name).owner for name in names}
    for _ in range(2):
        for name in names:
            owner = owners[name]
            assert owner is not None
            assert Watch(quick, owner.id).step() is None
            assert state_of(quick, name).is_live
        let_an_interval_pass(quick)


def test_a_watch_is_told_of_a_loss_after_two_looks(quick: Settings) -> None:
    first, instance_id = launched(quick)
    launched(quick)
    name = hide(quick, instance_id)
    watch = Watch(quick, first)
    assert watch.step() is None
    assert states(quick, watch.watched)[name].is_live
    let_an_interval_pass(quick)
    assert states(quick, watch.watched)[name] is InstanceState.TERMINATED
    assert Watch(quick, first).step() is WatchOutcome.INSTANCE_LOST


def states(settings: Settings, watched: Watched) -> dict[str, InstanceState]:
    """What the triggerer is shown."""
    return dict(look_at_fleet(settings, [watched]).states)


# Rows that EC2 contradicts


def end_row(settings: Settings, instance_id: str) -> None:
    """What a look in the wrong place did before rows were bound to theirs."""
    sql(
        settings,
        "update instances set state = 'terminated', ended_at = now() - interval '1 minute',"
        " termination_reason = 'instance_lost' where instance_id = %s",
        instance_id,
    )


def test_a_row_that_ec2_contradicts_is_reopened_with_its_owner(quick: Settings) -> None:
    first, instance_id = launched(quick)
    end_row(quick, instance_id)
    assert live_count(quick) == 0
    assert reap(quick, dry_run=True).reopened == (instance_id,)
    assert live_count(quick) == 0
    report = reap(quick)
    assert (report.reopened, report.marked, report.adopted) == ((instance_id,), (), ())
    record = latest(quick, first)
    assert (record.owner, record.origin, record.ended_at) == (Owner.validation(first), InstanceOrigin.LAUNCHED, None)
    assert record.state.is_live
    assert record.termination_reason is None
    assert live_count(quick) == 1
    assert second_pass(quick).terminated == ()
    assert not gone(quick, instance_id)
    assert (ReaperAction.REOPENED, instance_id) in events(quick)
    # Its validation goes on, and its end is seen as any other.
    assert Watch(quick, first).step() is None
    record_validation(quick, first)
    assert reap(quick).evidence == {instance_id: ReapEvidence.VALIDATION_OVER}


def test_one_whose_validation_has_a_successor_is_adopted(quick: Settings) -> None:
    first, instance_id = launched(quick)
    end_row(quick, instance_id)
    successor = launch(quick, first)
    report = reap(quick)
    assert report.reopened == (instance_id,)
    assert report.evidence == {instance_id: ReapEvidence.UNKNOWN_OWNER}
    row = row_of(quick, instance_id)
    assert (row.origin, row.owner) == (InstanceOrigin.ADOPTED, None)
    assert row.run_id is not None
    assert live_count(quick) == 2
    assert second_pass(quick).terminated == (instance_id,)
    assert not gone(quick, successor)
    assert latest(quick, first).instance_id == successor


def test_one_whose_row_was_just_ended_is_left_for_a_moment(quick: Settings) -> None:
    """EC2 may show an earlier moment."""
    patient = quick.model_copy(update={"consistency": timedelta(minutes=5)})
    _, instance_id = launched(patient)
    end_row(patient, instance_id)
    assert reap(patient).reopened == ()


def test_money_that_was_settled_meanwhile_is_settled_anew(quick: Settings) -> None:
    first, instance_id = launched(quick)
    record_validation(quick, first)
    sql(
        quick,
        "insert into budget_reservations (deployment, kind, run_id, owner_kind, owner_id, validation_id, day,"
        " reserved_usd, spent_usd, released_at)"
        " select deployment, 'launch', run_id, owner_kind, owner_id, validation_id, now()::date, 9, 0, now()"
        " from instances where instance_id = %s",
        instance_id,
    )
    end_row(quick, instance_id)
    report: ReapReport = reap(quick)
    assert report.reopened == (instance_id,)
    assert reservation(quick, first) == (None, None)
    provider_of(quick).terminate([instance_id])
    sql(quick, "update instances set expires_at = now() - interval '1 hour' where instance_id = %s", instance_id)

    def is_settled() -> bool:
        reap(quick)
        return reservation(quick, first)[0] is not None

    eventually(is_settled)
    spent, released = reservation(quick, first)
    assert spent is not None
    assert spent > 0
    assert released is not None


def reservation(settings: Settings, validation_id: UUID) -> tuple[object, object]:
    with transaction(settings.writer_url) as connection:
        (row,) = connection.execute(
            "select spent_usd, released_at from budget_reservations where validation_id = %s", (validation_id,)
        ).fetchall()
    return row["spent_usd"], row["released_at"]


def live_count(settings: Settings) -> int:
    with transaction(settings.writer_url) as connection:
        return ledger.count_live(connection, settings.deployment)


# A place that is no more

LOST = "localcloud-0123456789abcdef/123456789012/us-east-1"


def test_a_place_that_is_no_more_is_left_by_its_name(quick: Settings) -> None:
    first, instance_id = launched(quick)
    sql(quick, "update instances set place = %s where instance_id = %s", LOST, instance_id)
    with pytest.raises(WrongPlaceError, match=LOST):
        reap(quick)
    with pytest.raises(WrongPlaceError):
        record_validation(quick, first)
    with pytest.raises(NotFoundError, match=LOST):
        abandon_place(quick, "aws/123456789012/us-east-1")
    with pytest.raises(ConflictError, match="where this looks"):
        abandon_place(quick, here(quick).key)
    assert live_count(quick) == 1
    assert abandon_place(quick, LOST) == (instance_id,)
    assert live_count(quick) == 0
    assert record_validation(quick, first).status is ValidationStatus.ERROR
    assert observe_deployment(quick).missing == ()
