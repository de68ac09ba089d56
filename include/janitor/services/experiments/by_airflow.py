"""Experiments on instances: each is a run of the DAG that validates, under the fleet's limits of money and places.

Invariant: an experiment is one row, one Airflow run and one Janitor run, whose names follow from its id. Whoever asks
again, after a crash at any point, finds what there is and asks for the rest.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from janitor.domain.errors import AirflowError, BudgetRefusedError, ConflictError, NotFoundError
from janitor.domain.experiment.experiment import Experiment, Observation
from janitor.domain.experiment.observe import inconclusive, observation_of
from janitor.domain.identity import run_id_for
from janitor.domain.states import RunStatus
from janitor.protocol.report import Report, ReportError
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.services.launch.plan import RunRequest, check_request
from janitor.services.money.budget import refusal_of
from janitor.settings import Settings
from janitor.stores import costs
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.maintenance import experiments
from janitor.stores.maintenance.experiments import AskedExperiment, ExperimentRun

_TRIGGER: Final = "manual"
"""As Airflow calls what its REST API starts."""
_AROUND = timedelta(hours=2)
"""Beside the hard limit: for a place, an instance and the end of it."""
_PAUSE = timedelta(seconds=2)
_REACH = timedelta(minutes=5)
"""So long Airflow may be away: it is restarted, or deployed anew."""


def airflow_run_id_of(experiment_id: UUID) -> str:
    """The Airflow run that carries out an experiment."""
    return f"experiment__{experiment_id}"


class AirflowLaboratory:
    """Has experiments carried out by the DAG `validate_workers`.

    Args:
        settings: Of the environment.
        asked_by: A shard, or the key of a search.
        patience: How long `observe` waits for one. Default: its plan's hard limit and two hours. What is not over by
            then goes on within its own limits, and is found by whoever asks again.
        pause: Between two looks.
        reach: How long `observe` tries to have one begun where Airflow can't be reached.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        asked_by: str,
        patience: timedelta | None = None,
        pause: timedelta = _PAUSE,
        reach: timedelta = _REACH,
    ) -> None:
        self._settings = settings
        self._asked_by = asked_by
        self._patience = patience
        self._pause = pause
        self._reach = reach

    def observe(self, experiment: Experiment) -> Observation:
        """See `Laboratory`.

        Raises:
            AirflowError: Airflow can't be reached, and the experiment was not asked for.
        """
        patience = self._patience or experiment.repeated.plan.timeout + _AROUND
        began = time.monotonic()
        deadline, reach_by = began + patience.total_seconds(), began + self._reach.total_seconds()
        is_asked, trouble = False, ""
        while True:
            try:
                if not is_asked:
                    self.ask(experiment)
                    is_asked = True
                if (observed := self.outcome(experiment)) is not None:
                    return observed
            except (ConflictError, NotFoundError) as exc:
                return inconclusive(f"it can't be carried out: {exc}")
            except AirflowError as exc:
                if not is_asked and time.monotonic() >= reach_by:
                    raise
                trouble = f"; the last look failed: {exc}"
            else:
                trouble = ""
            if time.monotonic() + self._pause.total_seconds() >= deadline:
                return inconclusive(
                    f"it was not over after {patience.total_seconds():.0f} s; it goes on as Airflow's run"
                    f" {airflow_run_id_of(experiment.experiment_id)}{trouble}"
                )
            time.sleep(self._pause.total_seconds())

    def ask(self, experiment: Experiment) -> None:
        """Have an experiment begun, unless it was; returns at once.

        Raises:
            BudgetRefusedError: The budget doesn't allow it, now or when its run was planned.
            ConflictError: Another experiment has its id, or what it repeats can't be repeated.
            NotFoundError: What it repeats isn't known.
            AirflowError: Airflow can't be reached or refused; ask again.
            DatabaseError: Postgres can't be used.
        """
        airflow_run_id = airflow_run_id_of(experiment.experiment_id)
        asked = AskedExperiment(
            experiment_id=experiment.experiment_id,
            deployment=self._settings.deployment,
            purpose=experiment.purpose,
            repeated_validation_id=experiment.repeated.validation_id,
            patch=experiment.patch,
            asked_by=self._asked_by,
            airflow_run_id=airflow_run_id,
        )
        with transaction(self._settings.reader_url) as connection:
            if experiments.repeatable(connection, asked.deployment, asked.repeated_validation_id) is None:
                raise NotFoundError(f"there is no validation {asked.repeated_validation_id} that has ended")
        with transaction(self._settings.writer_url) as connection:
            kept = experiments.keep(connection, asked)
            run = experiments.run_of(connection, self._run_id(experiment))
        if kept is None or replace(kept, asked_by=asked.asked_by) != asked:
            raise ConflictError(f"experiment {asked.experiment_id} is another one; give this one an id of its own")
        if run is not None:
            return
        self._refuse_if_refused(airflow_run_id)
        request = RunRequest(
            airflow_run_id=airflow_run_id, trigger=_TRIGGER, config_path="", experiment=experiment.experiment_id
        )
        check_request(self._settings, request)
        with AirflowClient(self._settings) as airflow:
            airflow.trigger(airflow_run_id, {"experiment": str(experiment.experiment_id)})

    def outcome(self, experiment: Experiment) -> Observation | None:
        """What came of an experiment that was asked for; None while it goes on.

        Raises:
            BudgetRefusedError: The budget refused its run.
            NotFoundError: Airflow doesn't know its run, and nothing is recorded of it.
            AirflowError: Airflow can't be reached, and nothing is recorded yet.
            DatabaseError: Postgres can't be used.
        """
        with transaction(self._settings.reader_url) as connection:
            run = experiments.run_of(connection, self._run_id(experiment))
        if run is None:
            return self._unplanned(experiment)
        if run.run_status is RunStatus.RUNNING:
            return None  # its instance may still cost something
        return self._ended(experiment, run)

    def _unplanned(self, experiment: Experiment) -> Observation | None:
        airflow_run_id = airflow_run_id_of(experiment.experiment_id)
        self._refuse_if_refused(airflow_run_id)
        with AirflowClient(self._settings) as airflow:
            state = airflow.state(airflow_run_id)
        if not state.is_final:
            return None
        with transaction(self._settings.reader_url) as connection:
            if experiments.run_of(connection, self._run_id(experiment)) is not None:
                return None  # planned between the two looks
        self._refuse_if_refused(airflow_run_id)
        how = "failed" if state is AirflowRunState.FAILED else "ended"
        return inconclusive(f"its run {airflow_run_id} {how} before it was planned; see the log of `plan` in Airflow")

    def _ended(self, experiment: Experiment, run: ExperimentRun) -> Observation:
        run_id = self._run_id(experiment)
        with transaction(self._settings.reader_url) as connection:
            conclusion = None if run.validation_id is None else store.kept_conclusion(connection, run.validation_id)
            cost = costs.costs_of_runs(connection, [run_id]).get(run_id)
        spent = None if cost is None else cost.usd
        if conclusion is None:
            how = f"its run ended ({run.run_status.value}) without a verdict"
            return inconclusive(how, validation_id=run.validation_id, cost_usd=spent)
        return observation_of(
            _report(run),
            experiment=experiment,
            conclusion=conclusion,
            validation_id=run.validation_id,
            cost_usd=spent,
        )

    def _refuse_if_refused(self, airflow_run_id: str) -> None:
        if (message := refusal_of(self._settings, airflow_run_id)) is not None:
            raise BudgetRefusedError(message)

    def _run_id(self, experiment: Experiment) -> UUID:
        return run_id_for(self._settings.deployment, airflow_run_id_of(experiment.experiment_id))


def _report(run: ExperimentRun) -> Report | None:
    """As it was kept, after it was read strictly once; None where there is none, or this version reads it no more."""
    try:
        return None if run.report is None else Report.from_dict(run.report)
    except ReportError:
        return None
