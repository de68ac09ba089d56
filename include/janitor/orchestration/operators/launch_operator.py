"""`launch`: the provider's EC2 operator, made safe to repeat.

The provider's operator sends no client token, so a second try launches a second instance, and it cleans up after one
kind of error alone. Here the intent is committed first, the token derives from it, and whatever is there is adopted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.providers.amazon.aws.operators.ec2 import EC2CreateInstanceOperator

from janitor.domain.errors import CloudError, JanitorError, LaunchRefusedError
from janitor.domain.log_lines import LineLogger
from janitor.orchestration.failures import as_airflow_failure
from janitor.orchestration.operators.ec2_hook import SharedEc2Hook
from janitor.orchestration.operators.pooled import await_worker, is_pooled
from janitor.orchestration.place_trigger import PlaceTrigger
from janitor.orchestration.wiring import current_settings, settings_for
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.launch import advance as launching
from janitor.services.launch.advance import Launched, NoPlace, NotYet
from janitor.services.launch.orderer import Orderer, ValidationOrderer
from janitor.services.ledger.reconcile import observe_deployment
from janitor.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

log = LineLogger(__name__)

PLACE_POLL = timedelta(seconds=2)
PLACE_WAIT_LIMIT = timedelta(hours=48)
"""From the run's start; as long as the longest hard limit, after which every place was free once."""
_SAME_TOKEN_PAUSE = timedelta(seconds=2)
_SAME_TOKEN_TRIES = 4


class LaunchValidationOperator(EC2CreateInstanceOperator):
    """Launch the instance of one validation, or adopt it.

    :param planned: ``{"validation_id": …, "repository": …}``, an entry of what `plan` returned.
    """

    template_fields: Sequence[str] = ("planned",)
    aws_hook_class = SharedEc2Hook

    def __init__(self, *, planned: Any, **kwargs: Any) -> None:
        super().__init__(
            image_id="",
            aws_conn_id=None,
            wait_for_completion=False,
            **kwargs,
        )
        self.planned = planned

    def execute(self, context: Context) -> list[str]:
        """Take a place, launch or adopt; defers while every place is held or launches are paced.

        Raises:
            TaskFailed: AWS refused in a way that another try can't mend.
        """
        self._name(context)
        try:
            return [self._launch(self._settings(context), context)]
        except Exception as exc:
            self._keep_problem(context, exc)
            raise as_airflow_failure(exc) from exc

    def _settings(self, context: Context) -> Settings:
        """Those of the environment that the run was planned for."""
        return settings_for(self.planned)

    def _name(self, context: Context) -> None:
        context["repository"] = self.planned["repository"]

    def execute_complete(self, context: Context, event: dict[str, Any]) -> list[str]:
        """There may be a place now."""
        log.info("asking again: %s", event.get("reason"))
        return self.execute(context)

    def _orderer(self, settings: Settings, context: Context) -> Orderer:
        """Whose instance it is."""
        return ValidationOrderer(UUID(self.planned["validation_id"]))

    def _launch(self, settings: Settings, context: Context) -> str:
        if is_pooled(self.planned):
            return await_worker(self, settings, UUID(self.planned["validation_id"]))
        orderer = self._orderer(settings, context)
        defer_at = time.monotonic() + settings.place_wait.total_seconds()
        unanswered = 0
        while True:
            try:
                step = launching.advance_launch(
                    settings,
                    orderer,
                    lambda parameters: self._ask_provider(parameters, context),
                )
            except CloudError as exc:
                unanswered += 1
                if unanswered >= _SAME_TOKEN_TRIES:
                    raise
                log.warning("%s", exc)
                time.sleep(_SAME_TOKEN_PAUSE.total_seconds() * unanswered)
                continue
            if isinstance(step, Launched):
                log.info("%s %s", "adopting" if step.adopted else "launched", step.instance_id)
                return step.instance_id
            self._wait(settings, step, defer_at, context["dag_run"].start_date, orderer.owner.id)

    def _wait(
        self,
        settings: Settings,
        step: NoPlace | NotYet,
        defer_at: float,
        started_at: datetime,
        owner_id: UUID,
    ) -> None:
        """Wait a little here, or defer, which holds no worker slot."""
        now = datetime.now(timezone.utc)
        left_here = defer_at - time.monotonic()
        if isinstance(step, NotYet):
            pause = (step.until - now).total_seconds()
            log.info("%s; going on in %.1f s", step.why, max(pause, 0))
            if pause <= max(left_here, 0):
                time.sleep(max(pause, 0))
                return
            trigger = PlaceTrigger.at(step.until, environment=settings.environment)
            self.defer(trigger=trigger, method_name="execute_complete")
            return
        if now >= started_at + PLACE_WAIT_LIMIT:
            raise CloudError(f"no place became free within {PLACE_WAIT_LIMIT}; see `make check-parallel-status`")
        if left_here <= 0:
            log.info("every place is held; waiting without holding a worker")
            self.defer(
                trigger=PlaceTrigger.free(
                    owner_id,
                    step.limit,
                    not_after=started_at + PLACE_WAIT_LIMIT,
                    environment=settings.environment,
                ),
                method_name="execute_complete",
            )
        log.info("every place is held; waiting")
        time.sleep(min(PLACE_POLL.total_seconds(), left_here))
        observe_deployment(settings)

    def _ask_provider(self, parameters: Mapping[str, Any], context: Context) -> str:
        self.config = dict(parameters)
        self.image_id = self.config.pop("ImageId")
        instance_id: str = super().execute(context)[0]
        return instance_id

    def _keep_problem(self, context: Context, exc: Exception) -> None:
        reason_code = exc.reason_code if isinstance(exc, LaunchRefusedError) else ReasonCode.LAUNCH_ERROR
        try:
            settings = current_settings()
            launching.keep_problem(settings, self._orderer(settings, context), reason_code, str(exc))
        except JanitorError as second:
            log.warning("the problem can't be kept: %s", second)

    def on_kill(self) -> None:
        """Leave the instance to `terminate`, which finds it by tag and keeps the reason in the ledger."""
