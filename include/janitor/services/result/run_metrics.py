"""How a run ended, as metrics for the dashboard: verdicts, launches by result, cost.

Told once, at the run's end, where Terraform made a dashboard. A figure that can't be sent costs the figure alone.
"""

from __future__ import annotations

from collections import Counter

from janitor.cloud.metrics import Figure, put_figures
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError, DatabaseError
from janitor.domain.log_lines import LineLogger
from janitor.domain.views import RunView
from janitor.settings import Settings
from janitor.settings.parts.infrastructure import Provisioner
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries

log = LineLogger(__name__)


def tell_metrics(settings: Settings, run: RunView) -> None:
    """Send a run's figures. Never fails: the run's verdict doesn't depend on a picture of it."""
    if settings.provisioned_by is not Provisioner.TERRAFORM:
        return
    try:
        with transaction(settings.writer_url) as connection:
            launches = list(named_queries().launch_results_of_run(connection, run_id=run.run_id))
        verdicts = Counter(each.status.value for each in run.validations)
        figures = [
            *(Figure(name="Verdicts", value=times, dimensions={"Verdict": name}) for name, times in verdicts.items()),
            *(Figure(name="Launches", value=row["times"], dimensions={"Result": row["result"]}) for row in launches),
        ]
        if run.cost_usd is not None:
            figures.append(Figure(name="CostUsd", value=run.cost_usd))
        put_figures(CloudAccess.of(settings), settings.deployment, figures)
    except (CloudError, DatabaseError) as exc:
        log.warning("the dashboard isn't told how the run ended: %s", exc)
