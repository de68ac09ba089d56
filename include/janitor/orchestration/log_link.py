"""The button "Validator's log" of a `validate` task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.sdk import BaseOperatorLink

from janitor.domain.errors import JanitorError
from janitor.domain.log_lines import LineLogger
from janitor.orchestration.wiring import current_settings
from janitor.services.report.log_link import log_url

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

log = LineLogger(__name__)


class ValidatorLogLink(BaseOperatorLink):
    """Leads to the log of the validator on the instance."""

    name = "Validator's log"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """The address; empty where there is none, which Airflow shows as no button."""
        try:
            return log_url(current_settings(), UUID(operator.planned["validation_id"])) or ""
        except (JanitorError, KeyError, TypeError, ValueError) as exc:
            log.warning("no link to the validator's log: %s", exc)
            return ""
