"""`launch`: the provider's EC2 operator, made safe to repeat.

The provider's operator sends no client token, so a second try launches a second instance, and it cleans up after one
kind of error alone. Here the intent is committed first, the token derives from it, and whatever is there is adopted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.providers.amazon.aws.operators.ec2 import EC2CreateInstanceOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from janitor.cloud.failures import launch_failure_of
from janitor.domain.errors import CloudError, JanitorError
from janitor.domain.launching import LaunchVerdict
from janitor.orchestration.ec2_hook import SharedEc2Hook
from janitor.orchestration.wiring import as_airflow_failure, current_settings
from janitor.services import launch as launching
from janitor.services.reconcile import observe_deployment
from janitor.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

PLACE_POLL = timedelta(seconds=2)
PLACE_WAIT_IN_WORKER = timedelta(seconds=30)
PLACE_PAUSE = timedelta(seconds=15)
PLACE_WAIT_LIMIT = timedelta(hours=48)
"""From the run's start; as long as the longest hard limit, after which every place was free once."""


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
        """Take a place, launch or adopt.

        Raises:
            AirflowRescheduleException: Every place is held; asked again later, holding no worker slot meanwhile.
            AirflowFailException: AWS refused in a way that another try can't mend.
        """
        context["repository"] = self.planned["repository"]
        try:
            settings = current_settings()
            order = self._take_place(settings, context["dag_run"].start_date)
            if order.adopted_instance_id is not None:
                self.log.info("adopting %s", order.adopted_instance_id)
                instance_id = order.adopted_instance_id
            else:
                instance_id = self._launch(settings, order, context)
            launching.keep_launched(settings, order.record, instance_id)
        except (AirflowRescheduleException, AirflowFailException):
            raise
        except Exception as exc:
            self._keep_problem(exc)
            raise as_airflow_failure(exc) from exc
        return [instance_id]

    def _keep_problem(self, exc: Exception) -> None:
        try:
            launching.keep_problem(current_settings(), UUID(self.planned["validation_id"]), str(exc))
        except JanitorError as second:
            self.log.warning("the problem can't be kept: %s", second)

    def _take_place(self, settings: Settings, started_at: datetime) -> launching.LaunchOrder:
        validation_id = UUID(self.planned["validation_id"])
        give_up_at = time.monotonic() + PLACE_WAIT_IN_WORKER.total_seconds()
        while True:
            order = launching.order_launch(settings, validation_id)
            if order is not None:
                return order
            if time.monotonic() >= give_up_at:
                if datetime.now(timezone.utc) >= started_at + PLACE_WAIT_LIMIT:
                    raise CloudError(
                        f"no place became free within {PLACE_WAIT_LIMIT}; see `make check-parallel-status`"
                    )
                self.log.info("every place is held; asking again in %s", PLACE_PAUSE)
                raise AirflowRescheduleException(datetime.now(timezone.utc) + PLACE_PAUSE)
            self.log.info("every place is held; waiting")
            time.sleep(PLACE_POLL.total_seconds())
            observe_deployment(settings)

    def _launch(self, settings: Settings, order: launching.LaunchOrder, context: Context) -> str:
        self.image_id, self.config = order.image_id, order.parameters
        try:
            instance_id: str = super().execute(context)[0]
        except Exception as exc:
            failure = launch_failure_of(exc)
            if failure is None:
                raise  # not a word of AWS's: the intent stays, and the next try adopts what there may be
            if failure.verdict is LaunchVerdict.UNKNOWN:
                raise CloudError(f"{failure.summary}; trying again with the same token") from exc
            launching.keep_refusal(settings, order.record, failure)
            if failure.verdict is LaunchVerdict.STOP:
                raise AirflowFailException(failure.summary) from exc
            raise CloudError(failure.summary) from exc
        return instance_id

    def on_kill(self) -> None:
        """Leave the instance to `terminate`, which finds it by tag and keeps the reason in the ledger."""
