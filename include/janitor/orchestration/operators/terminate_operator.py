"""`terminate` and `terminate_all`: the provider's EC2 operator, which finds its instances by tag and ledger.

Nothing here trusts XCom: an instance whose launch task died before it could say its id is found all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.providers.amazon.aws.operators.ec2 import EC2TerminateInstanceOperator

from janitor.cloud.failures import is_cloud_failure
from janitor.domain.errors import CloudError, JanitorError
from janitor.domain.identity import run_id_for
from janitor.domain.launch.owner import Owner
from janitor.domain.log_lines import LineLogger
from janitor.domain.states import TerminationReason
from janitor.orchestration.failures import as_airflow_failure
from janitor.orchestration.operators.ec2_hook import SharedEc2Hook
from janitor.orchestration.operators.pooled import is_pooled
from janitor.orchestration.wiring import settings_for, settings_for_run
from janitor.services.ending import terminate as terminating
from janitor.services.pool.release import release, release_run
from janitor.services.result.record import reason_to_terminate
from janitor.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

log = LineLogger(__name__)


class _TerminateScopeOperator(EC2TerminateInstanceOperator):
    """Terminate what a scope holds, and wait until EC2 says terminated.

    :param verify_for: How long to wait for EC2's word in this task.
    :param must_be_gone: Whether to fail (and be retried) when something is left after `verify_for`.
    """

    template_fields: Sequence[str] = ()
    aws_hook_class = SharedEc2Hook

    def __init__(self, *, verify_for: timedelta, must_be_gone: bool, **kwargs: Any) -> None:
        super().__init__(instance_ids=[], aws_conn_id=None, **kwargs)
        self.verify_for = verify_for
        self.must_be_gone = must_be_gone

    def _terminate(
        self, settings: Settings, scope: terminating.Scope, reason: TerminationReason, context: Context
    ) -> list[str]:
        ending = terminating.end_scope(
            settings,
            scope,
            reason,
            timeout=self.verify_for,
            terminate=lambda instance_ids: self._ask_provider(instance_ids, context),
        )
        if ending.kept:
            log.info("a debug lease keeps %s", ", ".join(ending.kept))
        if not ending.left:
            log.info("EC2 says that nothing is left of %s; terminated: %s", scope.name, ending.terminated)
            return list(ending.terminated)
        message = f"{scope.name}: not terminated after {self.verify_for}: {', '.join(ending.left)}"
        if self.must_be_gone:
            raise CloudError(f'{message}; see runbook "Instance left"')
        log.info("%s; terminate_all looks again", message)
        return list(ending.terminated)

    def _ask_provider(self, instance_ids: Sequence[str], context: Context) -> None:
        self.instance_ids = list(instance_ids)
        if not self.instance_ids:
            return
        try:
            super().execute(context)
        except Exception as exc:
            if is_cloud_failure(exc):
                raise CloudError(f"TerminateInstances {', '.join(instance_ids)}: {exc}") from exc
            raise


class TerminateValidationOperator(_TerminateScopeOperator):
    """Terminate the instance of one validation. It doesn't hold its worker for as long as AWS takes to shut down.

    :param planned: ``{"validation_id": …, "repository": …}``, an entry of what `plan` returned.
    """

    template_fields: Sequence[str] = ("planned",)

    def __init__(self, *, planned: Any, **kwargs: Any) -> None:
        super().__init__(verify_for=timedelta(seconds=15), must_be_gone=False, **kwargs)
        self.planned = planned

    def execute(self, context: Context) -> list[str]:
        """Terminate by the validation's tag."""
        context["repository"] = self.planned["repository"]
        validation_id = UUID(self.planned["validation_id"])
        try:
            settings = settings_for(self.planned)
            if is_pooled(self.planned):
                # Its machine is its pool's, and may be somebody else's by now.
                log.info("%s", release(settings, validation_id))
                return []
            reason = reason_to_terminate(settings, validation_id)
            return self._terminate(settings, terminating.scope_of(Owner.validation(validation_id)), reason, context)
        except JanitorError as exc:
            raise as_airflow_failure(exc) from exc


class TerminateRunOperator(_TerminateScopeOperator):
    """Terminate whatever is left of the run; fails, and is retried, until EC2 says that nothing is.

    :param reason: What the ledger keeps, where nobody has kept another one before.
    """

    def __init__(self, *, reason: TerminationReason = TerminationReason.RUN_TEARDOWN, **kwargs: Any) -> None:
        super().__init__(verify_for=timedelta(minutes=5), must_be_gone=True, **kwargs)
        self.reason = reason

    def execute(self, context: Context) -> list[str]:
        """Terminate by the run's tag."""
        try:
            settings = settings_for_run(context)
            run_id = run_id_for(settings.deployment, context["dag_run"].run_id)
            for validation_id in release_run(settings, run_id):
                log.info("the task of %s is over", validation_id)
            return self._terminate(settings, terminating.scope_of_run(run_id), self.reason, context)
        except JanitorError as exc:
            raise as_airflow_failure(exc) from exc
