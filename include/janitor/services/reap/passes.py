"""One pass of the reaper: compare EC2 with the ledger in both directions, and end what should not live.

A pass may be cut off anywhere and made again: marks are kept in Postgres, a reason is kept before an instance is ended,
and an instance that was ended twice is ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import datetime, timedelta, timezone

from janitor.domain.errors import CloudError, DatabaseError, WrongPlaceError
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.pool import Provider
from janitor.domain.reap.reaping import Mark, ReapDecision, ReapStep, is_new
from janitor.domain.states import ReaperAction, ReapEvidence
from janitor.domain.watch.waits import waiting
from janitor.services.ending import external_timer
from janitor.services.ending.external_notices import take_notices
from janitor.services.here import here, require_here
from janitor.services.ledger.reconcile import Absent, observe_deployment
from janitor.services.ledger.seen import keep_ending
from janitor.services.outbox.writing import keep_leak
from janitor.services.provider import at_provider, at_provider_of, has_runpod, provider_of, runpod_of
from janitor.services.reap.pass_report import ReapError, ReapReport, problems_of
from janitor.services.reap.pass_view import Candidate, look
from janitor.services.reap.pods import sweep_pods
from janitor.services.result.settle import settle_abandoned
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import reaping as store
from janitor.stores.database import Connection, transaction
from janitor.stores.records import InstanceRecord
from janitor.stores.standing import snapshot as store_snapshot
from janitor.stores.validations import note_ended_since

__all__ = ["ReapError", "ReapReport", "reap_once"]

log = LineLogger(__name__)

RECHECK_PAUSE = timedelta(seconds=2)
_WORD_WAITS = timedelta(minutes=2)
"""How long a person's word waits for a pass that doesn't know it."""
_WORD_POLL = timedelta(seconds=1)
_VERIFY_FOR = timedelta(seconds=10)
_VERIFY_POLL = timedelta(seconds=1)


def reap_once(
    settings: Settings,
    *,
    dry_run: bool = False,
    believe_absence: bool = False,
    recheck_pause: timedelta = RECHECK_PAUSE,
) -> ReapReport:
    """Make one pass; where another one is under way, return at once.

    Args:
        settings: Of the environment.
        dry_run: Change nothing anywhere; the report says what would be done.
        believe_absence: A person's word that what EC2 doesn't show in its place is gone, however much that is.
        recheck_pause: Between the two looks that both have to say that an instance is to be ended.

    Raises:
        WrongPlaceError: The live rows are in another place; nothing was changed.
        ReapError: AWS could not be asked.
        DatabaseError: Postgres can't be used.
    """
    if dry_run:
        return _Pass(settings, dry_run=True).run(recheck_pause)
    give_up_at = time.monotonic() + (_WORD_WAITS.total_seconds() if believe_absence else 0)
    while True:
        with _sweeping(settings), store.pass_lock(settings.writer_url, settings.deployment) as free:
            if free:
                return _Pass(settings, dry_run=False, believe_absence=believe_absence).run(recheck_pause)
        if time.monotonic() >= give_up_at:
            _require_here_at_least(settings)
            return ReapReport(busy=True, notes=("another pass of the reaper is under way",))
        with waiting("waiting for another pass of the reaper to end", _WORD_WAITS):
            time.sleep(_WORD_POLL.total_seconds())


@contextmanager
def _sweeping(settings: Settings) -> Iterator[None]:
    """A database that is away is no reason to leave pods: RunPod has no timer, and no function of ours ends them."""
    try:
        yield
    except DatabaseError:
        try:
            swept = sweep_pods(settings)
        except CloudError as exc:
            log.warning("nor can RunPod's pods be swept: %s", exc)
        else:
            for pod, evidence in swept.ended.items():
                log.warning("pod %s was ended without the ledger: %s", pod, evidence.value)
        raise


def _require_here_at_least(settings: Settings) -> None:
    """Who looks elsewhere is told so even while another pass, in the right place perhaps, is under way."""
    try:
        require_here(settings)
    except WrongPlaceError:
        raise
    except CloudError as exc:
        log.warning("place: %s", exc)


class _Pass:
    """One pass; each step may fail alone."""

    def __init__(self, settings: Settings, *, dry_run: bool, believe_absence: bool = False) -> None:
        self._settings = settings
        self._dry_run = dry_run
        self._believe_absence = believe_absence
        self._did: dict[ReaperAction, list[str]] = {action: [] for action in ReaperAction}
        self._evidence: dict[str, ReapEvidence] = {}
        self._looked_at = 0
        self._alive: set[str] | None = None
        """What EC2 showed; None: it could not be asked."""
        self._unknown = 0
        """Of those, how many have no row after all that was done about it."""
        self._doubted: tuple[str, ...] = ()
        self._untaken: list[str] | None = None
        """Notices that lie in S3 and can't be taken; None: it could not be asked."""
        self._timers_removed: list[str] = []
        self._still_alive: set[str] = set()
        self._notes: list[str] = []
        self._problems: list[str] = []
        self._outages: list[str] = []

    def run(self, recheck_pause: timedelta) -> ReapReport:
        with self._step("place"):
            self._require_here()
        with self._step("notices"):
            self._take_notices()
        if not self._dry_run:
            with self._step("ledger"):
                self._keep_absent(observe_deployment(self._settings, believe_absence=self._believe_absence))
        with self._step("instances"):
            self._reap(recheck_pause)
        with self._step("pods"):
            self._reap_pods(recheck_pause)
        with self._step("external timers"):
            self._arm_timers()
            self._remove_timers()
        with self._step("abandoned work"):
            settled = settle_abandoned(self._settings, dry_run=self._dry_run)
            self._did[ReaperAction.VALIDATION_SETTLED] += [str(one) for one in settled.settled]
            self._did[ReaperAction.RUN_CLOSED] += [str(one) for one in settled.runs_closed]
            self._notes += settled.notes
            self._problems += settled.problems
        if not self._dry_run:
            with transaction(self._settings.writer_url) as connection:
                note_ended_since(connection, self._settings.deployment)
                self._keep_what_was_seen(connection)
        report = self._report()
        if self._outages:
            raise ReapError("the reaper could not ask AWS: " + "; ".join(self._outages), report)
        return report

    def _take_notices(self) -> None:
        untaken: list[str] = []
        taken = take_notices(self._settings, dry_run=self._dry_run, untaken=untaken)
        self._did[ReaperAction.NOTICE_TAKEN] += taken
        self._untaken = untaken

    def _keep_what_was_seen(self, connection: Connection) -> None:
        """For the faces: that there was a pass, and whether EC2 and the ledger hold the same instances alive."""
        store_snapshot.keep_pass(
            connection,
            self._settings.deployment,
            in_ec2=None if self._alive is None else len(self._alive - set(self._did[ReaperAction.TERMINATED])),
            unknown_to_ledger=self._unknown,
            missing_in_ec2=len({*self._did[ReaperAction.MISSING], *self._doubted}),
            untaken_notices=None if self._untaken is None else len(self._untaken),
        )

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Let the pass go on without AWS's answer to one step; it ends with an error all the same."""
        try:
            yield
        except WrongPlaceError:
            raise
        except CloudError as exc:
            log.warning("%s: %s", name, exc)
            self._problems.append(f"{name}: {exc}")
            self._outages.append(f"{name}: {exc}")

    def _require_here(self) -> None:
        for key in require_here(self._settings):
            self._problems.append(
                f'some live rows are in {key}: nothing can be said of them from here; see runbook "Wrong place"'
            )

    def _keep_absent(self, absent: Absent) -> None:
        """Tell of what EC2 doesn't show: that is unusual, so the pass is red for it."""
        self._did[ReaperAction.MISSING] += absent.missing
        self._did[ReaperAction.VANISHED] += absent.vanished
        self._doubted = absent.doubted
        at = here(self._settings)
        events = [(ReaperAction.MISSING, name) for name in absent.first_missed]
        events += [(ReaperAction.VANISHED, name) for name in absent.vanished]
        with transaction(self._settings.writer_url) as connection:
            for action, name in events:
                is_instance = name.startswith("i-")
                store.add_event(
                    connection,
                    self._settings.deployment,
                    action,
                    instance_id=name if is_instance else None,
                    subject=None if is_instance else name,
                    detail=at.key,
                )
        self._problems += problems_of(absent, at)

    def _reap(self, recheck_pause: timedelta) -> None:
        candidates = look(self._settings)
        self._looked_at, self._alive = len(candidates), {one.instance_id for one in candidates}
        candidates = [self._reopened(self._with_row(one)) for one in candidates]
        self._unknown = sum(
            one.ledger is None and not is_new(one.facts, _now(), self._settings.consistency) for one in candidates
        )
        with transaction(self._settings.writer_url) as connection:
            marks = store.marks_of(connection, self._settings.deployment)
        decisions = {one.instance_id: one.decide(self._settings, marks.get(one.instance_id)) for one in candidates}
        self._keep_marks(candidates, decisions, marks)
        doomed = {name for name, decision in decisions.items() if decision.step is ReapStep.TERMINATE}
        if doomed:
            time.sleep(recheck_pause.total_seconds())
            again = [one for one in look(self._settings) if one.instance_id in doomed]
            decisions = {one.instance_id: one.decide(self._settings, marks.get(one.instance_id)) for one in again}
            self._terminate([one for one in again if decisions[one.instance_id].step is ReapStep.TERMINATE], decisions)
        self._verify(candidates)

    def _with_row(self, candidate: Candidate) -> Candidate:
        """Adopt an instance that the ledger lacks, once it can't be one whose id is just being kept."""
        if candidate.ledger is not None or is_new(candidate.facts, _now(), self._settings.consistency):
            return candidate
        self._did[ReaperAction.ADOPTED].append(candidate.instance_id)
        if self._dry_run:
            return candidate
        adoption = candidate.adoption(self._settings, here(self._settings))
        with transaction(self._settings.writer_url) as connection:
            record = store.adopt(connection, self._settings.deployment, adoption)
            if record is None:
                return candidate
            self._event(connection, ReaperAction.ADOPTED, candidate, detail=candidate.repository)
            keep_leak(
                connection,
                self._settings.deployment,
                candidate.instance_id,
                instance_type=adoption.instance_type,
                repository=candidate.repository,
            )
        return Candidate(seen=candidate.seen, ledger=store.LedgerFact(record=record, owner_is_over=False))

    def _reopened(self, candidate: Candidate) -> Candidate:
        """Take the end of a row back whose instance lives: it counts, it costs, and somebody may be at work on it."""
        record = candidate.record
        if record is None or not candidate.is_contradicted(_now(), self._settings.consistency):
            return candidate
        if record.place is not None and record.place != here(self._settings):
            return candidate
        self._did[ReaperAction.REOPENED].append(candidate.instance_id)
        if self._dry_run:
            return candidate
        with transaction(self._settings.writer_url) as connection:
            ledger.lock_places(connection, self._settings.deployment)
            reopened = ledger.reopen(connection, record.ledger_id, candidate.seen.state, here(self._settings))
            if reopened is None:
                return candidate
            why = record.termination_reason.value if record.termination_reason else "unknown"
            detail = f"its row had ended: {why}"
            self._event(connection, ReaperAction.REOPENED, candidate, detail=detail)
            facts = store.facts_of(connection, self._settings.deployment, [candidate.instance_id])
        fact = next(one for one in facts if one.record.instance_id == candidate.instance_id)
        return Candidate(seen=candidate.seen, ledger=fact)

    def _reap_pods(self, recheck_pause: timedelta) -> None:
        """The same for RunPod's pods, where a key is set: neither provider's trouble is the other's."""
        if not has_runpod(self._settings):
            return
        pods = copy(self)  # what was done and told is shared, what was seen isn't
        pods._settings = at_provider(self._settings, Provider.RUNPOD)
        try:
            pods._require_here()
        except WrongPlaceError as exc:
            self._problems.append(str(exc))
            return
        if not self._dry_run:
            pods._keep_absent(observe_deployment(pods._settings, believe_absence=self._believe_absence))
            ended = runpod_of(self._settings).end_duplicates(self._settings.deployment)
            self._notes += [f"pod {pod} was one too many of its intent, and was ended" for pod in ended]
        pods._reap(recheck_pause)
        strangers = runpod_of(self._settings).strangers(self._settings.deployment)
        self._notes += [f"pod {one.instance_id} bears a name of ours, and isn't ours: look at it" for one in strangers]
        self._looked_at += pods._looked_at
        self._unknown += pods._unknown
        self._doubted += pods._doubted
        self._still_alive |= pods._still_alive
        if self._alive is not None and pods._alive is not None:
            self._alive |= pods._alive

    def _keep_marks(
        self, candidates: Sequence[Candidate], decisions: dict[str, ReapDecision], marks: Mapping[str, Mark]
    ) -> None:
        noted = {ReapStep.MARK: ReaperAction.MARKED, ReapStep.CLEAR: ReaperAction.CLEARED}
        for one in candidates:
            decision = decisions[one.instance_id]
            if decision.step in noted:
                self._did[noted[decision.step]].append(one.instance_id)
            if decision.evidence is not None:
                self._evidence[one.instance_id] = decision.evidence
        if self._dry_run:
            return
        with transaction(self._settings.writer_url) as connection:
            # Those of another provider's instances are another look's.
            own = self._settings.instances_from
            others = [name for name in marks if at_provider_of(self._settings, name).instances_from is not own]
            alive = [one.instance_id for one in candidates]
            store.clear_marks_except(connection, self._settings.deployment, [*alive, *others])
            for one in candidates:
                decision = decisions[one.instance_id]
                if decision.step is ReapStep.CLEAR:
                    store.clear_mark(connection, self._settings.deployment, one.instance_id)
                elif decision.evidence is not None:
                    store.keep_mark(connection, self._settings.deployment, one.instance_id, decision.evidence)
                if decision.step in noted:
                    self._event(connection, noted[decision.step], one, evidence=decision.evidence)

    def _terminate(self, doomed: Sequence[Candidate], decisions: dict[str, ReapDecision]) -> None:
        if self._dry_run:
            self._did[ReaperAction.WOULD_TERMINATE] += [one.instance_id for one in doomed]
            return
        claimed = [one for one in doomed if self._keep_reason(one, decisions[one.instance_id])]
        failed = provider_of(self._settings).terminate([one.instance_id for one in claimed])
        self._problems += [f"{name}: {word}" for name, word in failed.items()]
        accepted = [one for one in claimed if one.instance_id not in failed]
        keep_ending(self._settings, [one.instance_id for one in accepted])
        self._did[ReaperAction.TERMINATED] += [one.instance_id for one in accepted]
        with transaction(self._settings.writer_url) as connection:
            for one in accepted:
                evidence = decisions[one.instance_id].evidence
                self._event(connection, ReaperAction.TERMINATED, one, evidence=evidence, detail=one.repository)

    def _keep_reason(self, doomed: Candidate, decision: ReapDecision) -> bool:
        """Keep why, before it is done; False where a debug lease came in between."""
        if doomed.record is None:
            return True
        with transaction(self._settings.writer_url) as connection:
            if not store.claim_for_end(connection, doomed.record.ledger_id, _now()):
                return False
            evidence = decision.evidence.value if decision.evidence else ""
            ledger.intend_termination(
                connection, doomed.record.ledger_id, decision.reason, f"the reaper: {evidence.replace('_', ' ')}"
            )
        return True

    def _verify(self, alive: Sequence[Candidate]) -> None:
        """Have EC2 say what became of it: nothing that was ended, or is past its bound, may still be alive."""
        asked = set(self._did[ReaperAction.TERMINATED])
        give_up_at = time.monotonic() + _VERIFY_FOR.total_seconds()
        while True:
            alive = look(self._settings) if asked else alive
            bound = _now() - self._settings.reap_interval
            late = {one.instance_id for one in alive if one.may_live_until < bound}
            self._still_alive = (asked & {one.instance_id for one in alive}) | late
            if not self._still_alive or not asked or time.monotonic() >= give_up_at:
                break
            time.sleep(_VERIFY_POLL.total_seconds())
        if asked:
            observe_deployment(self._settings)  # frees their places

    def _arm_timers(self) -> None:
        """Give a timer in AWS to every live instance that lacks one, for what a task left undone."""
        at = here(self._settings)
        rows = [row for row in self._live_rows() if row.place == at]
        gone = {*self._did[ReaperAction.TERMINATED], *self._did[ReaperAction.WOULD_TERMINATE]}
        gone |= {*self._did[ReaperAction.MISSING], *self._doubted}
        wanting = [row for row in rows if row.instance_id not in gone and row.may_live_until > _now()]
        for row in external_timer.unarmed(self._settings, wanting):
            assert row.instance_id is not None
            if not self._dry_run:
                try:
                    external_timer.arm_external_timer(self._settings, row.instance_id, row.may_live_until)
                except CloudError as exc:
                    self._problems.append(str(exc))
                    continue
                with transaction(self._settings.writer_url) as connection:
                    store.add_event(connection, row.deployment, ReaperAction.TIMER_ARMED, instance_id=row.instance_id)
            self._did[ReaperAction.TIMER_ARMED].append(row.instance_id)

    def _remove_timers(self) -> None:
        """Take the timers away of what was ended by somebody who leaves them: the function, the guest, AWS."""
        if self._alive is None:
            return
        for instance_id in external_timer.left_behind(self._settings, self._live_rows, self._alive):
            if not self._dry_run:
                try:
                    external_timer.disarm_external_timer(self._settings, instance_id)
                except CloudError as exc:
                    self._problems.append(str(exc))
                    return
            self._timers_removed.append(instance_id)

    def _live_rows(self) -> list[InstanceRecord]:
        with transaction(self._settings.writer_url) as connection:
            return ledger.live_of_deployment(connection, self._settings.deployment)

    def _event(
        self,
        connection: Connection,
        action: ReaperAction,
        candidate: Candidate,
        *,
        evidence: ReapEvidence | None = None,
        detail: str | None = None,
    ) -> None:
        store.add_event(
            connection,
            self._settings.deployment,
            action,
            instance_id=candidate.instance_id,
            evidence=evidence,
            detail=detail,
        )

    def _report(self) -> ReapReport:
        did = {action: tuple(names) for action, names in self._did.items()}
        return ReapReport(
            dry_run=self._dry_run,
            looked_at=self._looked_at,
            marked=did[ReaperAction.MARKED],
            cleared=did[ReaperAction.CLEARED],
            adopted=did[ReaperAction.ADOPTED],
            terminated=did[ReaperAction.TERMINATED],
            would_terminate=did[ReaperAction.WOULD_TERMINATE],
            still_alive=tuple(sorted(self._still_alive)),
            missing=did[ReaperAction.MISSING],
            vanished=did[ReaperAction.VANISHED],
            doubted=self._doubted,
            reopened=did[ReaperAction.REOPENED],
            evidence=dict(self._evidence),
            timers_armed=did[ReaperAction.TIMER_ARMED],
            timers_removed=tuple(self._timers_removed),
            notices_taken=did[ReaperAction.NOTICE_TAKEN],
            settled=did[ReaperAction.VALIDATION_SETTLED],
            runs_closed=did[ReaperAction.RUN_CLOSED],
            notes=tuple(self._notes),
            problems=tuple(self._problems),
        )


def _now() -> datetime:
    return datetime.now(timezone.utc)
