"""Experiments on this machine: the validator's artefact as an instance runs it, in a process of its own.

Nothing is written to Postgres and nothing is launched; the report, proven by a key of its own, is kept beside the
validator's log. A machine is none of an instance type: what it says holds against what was observed on it alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from janitor.domain.experiment.experiment import Experiment, Observation
from janitor.domain.experiment.observe import inconclusive, observation_of
from janitor.domain.result.binding import Ordered
from janitor.domain.result.outcome import Evidence, conclude
from janitor.domain.watch.watching import CommandStatus, WatchOutcome
from janitor.guest.processes.supervisor import Outcome, ProcessStartError, run
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.report import REPORT_MAX_BYTES, Report, ReportError
from janitor.protocol.terms.proof import is_proven, new_key
from janitor.protocol.terms.statuses import EngineChoice
from janitor.settings.process import inheritable, process_environment, search_path
from janitor.validator.packaging import build_artefact

_GRACE = timedelta(seconds=60)
"""After its deadline a validator still cleans up and hands in its report."""
_OVERDUE = timedelta(seconds=60)
"""After the grace it is ended: its own deadline has not held."""
_REPORT, _KEY, _LOG = "report.json", "report.key", "validator.log"
_TRAVERSABLE = 0o711
"""The repository's processes, which may be another user's, reach what is theirs by its name."""


class LocalLaboratory:
    """Runs validations as processes of this machine, one at a time for each call.

    Args:
        folder: Where reports and logs are kept, a folder for each experiment: one that is asked for again is taken
            from there. It is made, and may be removed when nobody asks any more.
        engine: What repositories are built and run in. Default: what the repeated report used, else what there is.
        environment: Of the validator, which hands on by name what it needs. Default: this process's.
        limit: Hard limit of each. Default: the plan's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        engine: EngineChoice | None = None,
        environment: Mapping[str, str] | None = None,
        limit: timedelta | None = None,
    ) -> None:
        self._folder = folder
        self._engine = engine
        self._limit = limit
        self._environment = inheritable(process_environment(environment))

    @cached_property
    def _artefact(self) -> Path:
        self._folder.mkdir(mode=_TRAVERSABLE, parents=True, exist_ok=True)
        return build_artefact(self._folder).path

    def observe(self, experiment: Experiment) -> Observation:
        """See `Laboratory`; no budget is asked, as nothing is launched.

        Raises:
            OSError: The folder can't be written.
        """
        if experiment.repeated.plan.secrets:
            return inconclusive("it needs secrets, and this machine gives a repository none; try it on an instance")
        kept = self._folder / str(experiment.experiment_id)
        if (observed := self._kept(experiment, kept)) is not None:
            return observed
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        key, limit = new_key(), self._limit or experiment.repeated.plan.timeout
        with TemporaryDirectory(prefix="janitor-experiment-", dir=self._environment.get("TMPDIR")) as scratch:
            place = Path(scratch)
            place.chmod(_TRAVERSABLE)
            report_path = place / _REPORT
            spec = self._spec(experiment, key, limit, report_path)
            try:
                outcome = self._run(spec, place, limit)
            except ProcessStartError as exc:
                return inconclusive(f"the validator can't be started on this machine: {exc}")
            (kept / _LOG).write_text(outcome.output.text)
            content = _read(report_path)
            if content is not None:
                (kept / _KEY).write_bytes(key)
                _write(kept / _REPORT, content)
        return self._observed(experiment, content, key, outcome)

    def _kept(self, experiment: Experiment, kept: Path) -> Observation | None:
        """What was observed before, by this process or by one that is gone."""
        content = _read(kept / _REPORT)
        return None if content is None else self._observed(experiment, content, (kept / _KEY).read_bytes(), None)

    def _spec(self, experiment: Experiment, key: bytes, limit: timedelta, report_path: Path) -> ValidationSpec:
        repeated, identity = experiment.repeated, str(experiment.experiment_id)
        return ValidationSpec(
            validation_id=identity,
            run_id=identity,
            repository=replace(repeated.plan.repository, ref=repeated.commit_sha),
            prompt=repeated.plan.prompt,
            gpu_required=repeated.plan.gpu_required,
            engine=self._engine_for(experiment),
            deadline=datetime.now(timezone.utc) + limit,
            grace=_GRACE,
            report_path=str(report_path),
            proof_key=key.hex(),
            patch=experiment.patch,
        )

    def _engine_for(self, experiment: Experiment) -> EngineChoice:
        used = experiment.repeated.report.engine
        return self._engine or (EngineChoice.AUTO if used is None else EngineChoice(used.value))

    def _run(self, spec: ValidationSpec, place: Path, limit: timedelta) -> Outcome:
        scratch = place / "work"
        scratch.mkdir(mode=_TRAVERSABLE)
        environment = {
            **self._environment,
            "PATH": search_path(self._environment),
            "TMPDIR": str(scratch),
        }
        argv = [sys.executable, "-I", str(self._artefact.resolve()), "run", "--spec", "-"]
        longest = limit + _GRACE + _OVERDUE
        given = spec.to_json().encode()
        return run(argv, cwd=place, env=environment, limit=longest, confined=False, given=given)

    def _observed(
        self, experiment: Experiment, content: bytes | None, key: bytes, outcome: Outcome | None
    ) -> Observation:
        report, problem = _report(content)
        plan, identity = experiment.repeated.plan, experiment.experiment_id
        evidence = Evidence(
            validation_id=identity,
            outcome=WatchOutcome.TIME_UP
            if outcome is not None and outcome.timed_out
            else WatchOutcome.COMMAND_FINISHED,
            command_status=CommandStatus.SUCCESS if outcome is None or outcome.exit_code == 0 else CommandStatus.FAILED,
            exit_code=None if outcome is None else outcome.exit_code,
            report=report,
            report_problem=problem,
            launch_failure=None,
            was_launched=True,
            run_cancelled=False,
            showed_life=True,
            proven=None if content is None else is_proven(content, key),
            ordered=self._ordered(experiment, identity),
            required_proof=plan.required_proof,
        )
        conclusion = conclude(evidence)
        return observation_of(conclusion.report, experiment=experiment, conclusion=conclusion)

    def _ordered(self, experiment: Experiment, identity: UUID) -> Ordered:
        plan, patch = experiment.repeated.plan, experiment.patch
        return Ordered(
            run_id=identity,
            name=plan.name,
            organization=plan.organization,
            url=plan.url,
            ref=experiment.repeated.commit_sha,
            prompt=plan.prompt,
            gpu_required=plan.gpu_required,
            engine=self._engine_for(experiment),
            patch_sha256=None if patch is None else patch.sha256,
        )


def _read(path: Path) -> bytes | None:
    """A report's document, or more than one has; None where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(REPORT_MAX_BYTES + 1)
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes) -> None:
    """As a whole or not at all."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(content)
    temporary.replace(path)


def _report(content: bytes | None) -> tuple[Report | None, str | None]:
    """The report, and why it can't be read."""
    try:
        return (None if content is None else Report.from_json(content)), None
    except ReportError as exc:
        return None, f"the report is refused: {exc}"
