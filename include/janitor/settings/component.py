"""Which environment a component of Airflow is of: it has to be told.

The command of a person may take `local` where nobody says anything. A scheduler, a triggerer or a worker must not: it
would take a deployment's runs for the local stack's, and ask this machine for them, for ever.
"""

from __future__ import annotations

from collections.abc import Mapping

from janitor.domain.errors import SettingsError
from janitor.settings.process import process_environment


def component_environment(environ: Mapping[str, str] | None = None) -> str:
    """The name of the environment that this component of Airflow belongs to.

    Args:
        environ: Process environment; default: that of this process.

    Raises:
        SettingsError: Nobody has said it.
    """
    name = process_environment(environ).get("JANITOR_ENV", "").strip()
    if not name:
        raise SettingsError(
            "JANITOR_ENV is not set in this component of Airflow, so it can't know its database and its cloud; give"
            " every component (scheduler, DAG processor, triggerer, API server, each worker) the same JANITOR_ENV,"
            " such as dev or prod, and start it again"
        )
    return name
