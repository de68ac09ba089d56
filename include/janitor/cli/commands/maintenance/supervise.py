"""Carries maintenance runs out: one in this process, or several in processes of their own that are shown live."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from uuid import UUID

from janitor.cli.exit_codes import ExitCode
from janitor.cli.render.maintenance.shards import (
    EDGE_WORDS,
    answer_text,
    discovered_dict,
    discovered_text,
    left_dict,
    shard_dict,
    shard_line,
)
from janitor.cli.render.reports.culprit import step_text
from janitor.cli.session import Session
from janitor.cli.supervision import watcher_for
from janitor.cli.terminal.console import Console
from janitor.domain.errors import ConflictError, NotFoundError
from janitor.domain.repair.discovery import Discovered
from janitor.services.experiments.repeated import repeated_validation
from janitor.services.maintenance.discovering import find_work
from janitor.services.maintenance.parts import workshop_of
from janitor.services.maintenance.processes import start_run
from janitor.services.maintenance.room import room_of
from janitor.services.maintenance.running import RunOrder, carry_out
from janitor.services.maintenance.sqlite_export import sqlite_of
from janitor.services.maintenance.supervising import SupervisedRun, Supervision
from janitor.services.maintenance.sweeping import sweep_all
from janitor.services.maintenance.workshop import Edge, Workshop
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.settings import Settings
from janitor.stores import shards as store
from janitor.stores.database import transaction
from janitor.views.document import as_json
from janitor.views.text.marks import BAD, GOOD


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the command was asked to carry out."""

    run_ids: tuple[str, ...]
    workers: int | None
    """None: as many as there is room for."""
    repositories: tuple[str, ...]
    """Empty: all of them."""
    validation_run: UUID | None
    """None: the last one."""
    max_cost_usd: Decimal | None
    per_run_sqlite: bool

    @property
    def options(self) -> list[str]:
        """The words by which the process of a run is told the same."""
        words = ["--repositories", ",".join(self.repositories)] if self.repositories else []
        words += ["--validation-run", str(self.validation_run)] if self.validation_run else []
        words += ["--max-cost-usd", str(self.max_cost_usd)] if self.max_cost_usd is not None else []
        return [*words, *(["--per-run-sqlite"] if self.per_run_sqlite else [])]


def foresee(settings: Settings, console: Console, work: Work, *, as_json_text: bool) -> ExitCode:
    """Say what would be done."""
    found = _look(settings, work)
    console.result(as_json(discovered_dict(found)) if as_json_text else discovered_text(found))
    return ExitCode.OK


def run_here(session: Session, settings: Settings, console: Console, work: Work, *, as_json_text: bool) -> ExitCode:
    """Carry one run out in this process."""
    (run_id,) = work.run_ids
    order = RunOrder(run_id=run_id, validation_run=work.validation_run, only=work.repositories)
    shop = workshop_of(
        settings,
        max_cost_usd=work.max_cost_usd,
        reached=_teller(console),
        on_step=lambda step: console.progress(f"  {step_text(step)}"),
    )
    session.on_interrupt = f"Run {order.run_id} has given back what it held; its shards are ended."
    try:
        answer = carry_out(shop, order)
    finally:
        if work.per_run_sqlite:
            _leave_sqlite(shop, order.run_id)
    plain = {
        "run_id": answer.run_id,
        "shards": [shard_dict(each) for each in answer.shards],
        "left_alone": [left_dict(each) for each in answer.left_alone],
        "left_to_others": [each.repository for each in answer.left_to_others],
    }
    console.result(as_json(plain) if as_json_text else answer_text(answer, datetime.now(timezone.utc)))
    return ExitCode.NOT_SUCCESSFUL if answer.failed else ExitCode.OK


def supervise(session: Session, settings: Settings, console: Console, work: Work, *, as_json_text: bool) -> ExitCode:
    """Carry runs out side by side."""
    workers = _allowed(settings, work, _look(settings, work))
    session.on_interrupt = "The runs were ended, and nothing is leased any more; `janitor shards list` says how far."
    with watcher_for(console) as watcher:
        supervision = Supervision(
            runs=[SupervisedRun(run_id=run_id) for run_id in work.run_ids],
            workers=workers,
            start=lambda run_id: start_run(settings, run_id, work.options),
            watcher=watcher,
        )
        try:
            supervision.watch()
        finally:
            # Whoever had to be killed could give nothing back.
            sweep_all(WorkspaceManager.of(settings))
    return _tell(settings, console, supervision.runs, as_json_text=as_json_text)


def _tell(settings: Settings, console: Console, ended: Sequence[SupervisedRun], *, as_json_text: bool) -> ExitCode:

    answers, lines = [], []
    with transaction(settings.reader_url) as connection:
        for run in ended:
            shards = store.of_run(connection, settings.deployment, run.run_id)
            answers.append(
                {"run_id": run.run_id, "exit_code": run.exit_code, "shards": [shard_dict(each) for each in shards]}
            )
            mark = GOOD if run.exit_code == 0 else BAD
            lines += [f"{mark} run {run.run_id}: exit code {run.exit_code}"]
            lines += [f"  {shard_line(each, datetime.now(timezone.utc))}" for each in shards]
    console.result(as_json({"runs": answers}) if as_json_text else "\n".join(lines))
    codes = {run.exit_code for run in ended}
    if codes <= {0}:
        return ExitCode.OK
    return ExitCode.NOT_SUCCESSFUL if codes <= {0, 1} else ExitCode.INFRASTRUCTURE


def _look(settings: Settings, work: Work) -> Discovered:
    return find_work(settings, work.run_ids[0], validation_run=work.validation_run, only=work.repositories)


def _allowed(settings: Settings, work: Work, found: Discovered) -> int:
    """How many runs at once; more than there is room for are refused."""

    room = room_of(WorkspaceManager.of(settings), _checked_out(settings, found))
    runs = len(work.run_ids)
    wanted = work.workers or max(1, min(runs, room.most_workers))
    refusal = room.refusal(wanted)
    if refusal is not None:
        raise ConflictError(refusal)
    return min(wanted, runs)


def _checked_out(settings: Settings, found: Discovered) -> list[tuple[str, str]]:
    """Address and commit of what may be checked out; what can't be repeated is its shard's trouble, not the room's."""
    wanted = []
    for planned in found.shards:
        with contextlib.suppress(NotFoundError, ConflictError):
            repeated = repeated_validation(settings, planned.validation_id)
            wanted.append((repeated.plan.url, repeated.commit_sha))
    return wanted


def _teller(console: Console) -> Callable[[str, Edge], None]:

    def reached(shard_id: str, edge: Edge) -> None:
        repository = "/".join(shard_id.split("/")[-3:-1])
        console.progress(f"{repository}: {EDGE_WORDS[edge]}")

    return reached


def _leave_sqlite(shop: Workshop, run_id: str) -> None:
    """Leave the run's shards as a SQLite file in its folder."""

    with transaction(shop.settings.reader_url) as connection:
        shards = store.of_run(connection, shop.settings.deployment, run_id)
    folder = shop.manager.run(run_id)
    folder.write(folder.path / f"{folder.path.name}.db", sqlite_of(shards))
