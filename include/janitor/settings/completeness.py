"""What a deployment outside the embedded stack needs, so that all that is missing is named at once.

A setting that one command can do without isn't asked for by it; but whoever has to add one learns of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Need:
    """A setting without which something doesn't work."""

    subject: str
    """What doesn't work."""
    name: str
    """How it is called."""
    source: str
    """Where its value comes from."""
    fields: tuple[str, ...]
    """Of which one must be set."""


_NEEDS = (
    Need("cloud", "JANITOR_DEPLOYMENT", "a name of yours; the tag of all that it owns in the cloud", ("deployment",)),
    Need("cloud", "JANITOR_BUCKET", "the S3 bucket for specs and reports", ("bucket",)),
    Need("database", "JANITOR_DATABASE_URL", "PostgreSQL, the role that writes; a secret", ("database_url",)),
    Need(
        *("reading database", "JANITOR_READER_DATABASE_URL", "PostgreSQL, the role that only reads; a secret"),
        ("reader_database_url",),
    ),
    Need(
        *("migrations", "JANITOR_OWNER_DATABASE_URL", "PostgreSQL, the role that migrates; a secret"),
        ("owner_database_url",),
    ),
    Need("airflow", "JANITOR_AIRFLOW_URL", "the address of Airflow's web UI", ("airflow_url", "airflow_mwaa")),
    Need(
        *("airflow", "JANITOR_AIRFLOW_USERNAME", "a user of Airflow who may trigger DAGs, or JANITOR_AIRFLOW_TOKEN"),
        ("airflow_username", "airflow_token", "airflow_mwaa"),
    ),
    Need(
        *("airflow", "JANITOR_AIRFLOW_PASSWORD", "that user's; a secret"),
        ("airflow_password", "airflow_token", "airflow_mwaa"),
    ),
    Need(
        *("instances", "JANITOR_LAUNCH_TEMPLATE or JANITOR_IMAGE_ID", "what instances are launched from, in EC2"),
        ("launch_template", "image_id"),
    ),
)
SUBJECTS = tuple(dict.fromkeys(need.subject for need in _NEEDS))
"""What a deployment is made of."""


def missing(values: Mapping[str, Any]) -> Iterator[Need]:
    """What is needed and not set.

    Args:
        values: Of the settings, by field.
    """
    for need in _NEEDS:
        if all(values.get(field) in (None, "") for field in need.fields):
            yield need
