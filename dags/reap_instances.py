"""# reap_instances

Compares EC2 with the launch ledger in both directions, every few minutes, and ends every instance that should not live.

| it finds | it does |
|---|---|
| an instance past its deadline and grace, or past its debug lease | looks again after a moment, then terminates it |
| an instance whose validation is over, or that belongs to no validation | marks it; the next pass terminates it |
| a stopped instance | the same: instances are never stopped, only terminated |
| an instance that the ledger doesn't know | takes it into the ledger first |
| a ledger row whose instance EC2 shows terminated | ends the row |
| a ledger row whose instance isn't shown, though nobody ended it | is red; a later pass ends the row, never many |
| an instance that lives though its row was ended | reopens the row |
| nothing, as the ledger's instances are in another account, region or cloud | is red, and changes nothing |
| an instance without its timer in AWS | sets the timer |
| a validation or a run that nobody works on any more | records it, with the report if there is one |
| a message that waits to be sent | sends it, after everything else; a channel that is dead makes nothing red |

An instance that is being validated and within its time is never touched, nor one that `janitor keep` holds.

The task is red when AWS could not be asked, when something could not be ended, when an instance is alive past its
bound, and when one isn't shown that should be; the next pass tries again. What to do about it is in runbook.md,
"Instance left", "Wrong place" and "Vanished instances". The same pass by hand: `janitor reap`, and with `--dry-run` it
only says what it would do. What it did is in the table `janitor.reaper_events`.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import dag

from janitor.orchestration.reap_tasks import reap, reap_params
from janitor.orchestration.wiring import parsing_settings


@dag(
    schedule=parsing_settings().reap_interval,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params=reap_params(),
    doc_md=__doc__,
    tags=["janitor"],
)
def reap_instances() -> None:
    """Wire the task: not retried, as the next pass comes soon, and before whatever else waits for a worker."""
    reap.override(retries=0, execution_timeout=timedelta(minutes=10), priority_weight=1000)()


reap_instances()
