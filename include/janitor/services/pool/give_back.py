"""Giving a task back whose machine was lost, or whose host was in its way: nobody is blamed, and another worker has it.

How often is bounded by the turns that a validation may have: a repository that takes every machine down with it comes
to an end, with the end of its last turn.
"""

from __future__ import annotations

from datetime import datetime, timezone

from janitor.domain.launch.replacing import is_worth_another_host
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.states import TaskState
from janitor.domain.watch.sequential import after_turn
from janitor.domain.watch.watching import WatchOutcome
from janitor.services.pool.release import Leaving, leave
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger, validations
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import passes, tasks
from janitor.stores.pool.records import Held, owner_of_worker
from janitor.stores.pool.tasks import POISON

MOST_TURNS = 3
"""Of a validation, on workers: as many as a task may have attempts."""

log = LineLogger(__name__)


def goes_to_another(settings: Settings, watch: Watch, outcome: WatchOutcome) -> bool:
    """Whether a pooled validation goes on with another worker after its watching ended so; its task waits again then.

    Raises:
        CloudError: AWS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    validation_id = watch.validation.validation_id
    with transaction(settings.writer_url) as connection:
        validation = validations.get_validation(connection, validation_id)
        task = tasks.of_validation(connection, validation_id)
        turns = passes.turns_begun(connection, validation_id)
    if validation.status.is_final or validation.run_status.is_final or task is None or task.state.is_final:
        return False
    held = task.held
    if held is not None and not _is_on(settings, held, watch.ledger_id):
        return True  # a pass saw it first, and another worker has it
    expected = watch.conclude().conclusion
    if held is None:
        return expected.report is None  # a pass saw it first; what was handed in counts all the same
    follows = after_turn(
        outcome,
        has_report=expected.report is not None,
        reason_code=expected.reason_code,
        turns=turns,
        launched=1,
        now=datetime.now(timezone.utc),
        deadline_at=watch.watched.deadline_at,
        further_turns=MOST_TURNS - 1,
    )
    if not follows.has_another_turn and not (turns == 1 and is_worth_another_host(outcome, expected)):
        return False
    leaving = Leaving.UNCLEAN if outcome is WatchOutcome.COMMAND_FINISHED else Leaving.LOST
    with transaction(settings.writer_url) as connection:
        # As for a validation with a machine of its own: its own end, as long as no other worker has it.
        validations.keep_watch_outcome(connection, validation_id, watch.ledger_id, outcome)
        is_given = give_back(connection, held, leaving)
    log.warning("%s: %s; another worker is to take over", watch.watched.instance_id, outcome.value)
    return is_given


def give_back(connection: Connection, held: Held, leaving: Leaving) -> bool:
    """Give a claim back that came to nothing, or end its task where it has had every turn.

    Returns:
        Whether it waits again.
    """
    task = tasks.get(connection, held.task_id)
    if task is None or task.held != held:
        return False
    validation_id = task.validation_id
    if validation_id is not None and passes.turns_begun(connection, validation_id) >= MOST_TURNS:
        tasks.finish(connection, held, TaskState.FAILED, reason_code=POISON)
        leave(connection, held, leaving)
        return False
    is_given = tasks.give_back(connection, held, is_blamed=False)
    leave(connection, held, leaving)
    return is_given


def _is_on(settings: Settings, held: Held, ledger_id: int) -> bool:
    """Whether the claim's machine is this one."""
    with transaction(settings.writer_url) as connection:
        machine = ledger.latest_of(connection, owner_of_worker(held.worker_id))
    return machine is not None and machine.ledger_id == ledger_id
