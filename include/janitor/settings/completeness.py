"""What a deployment outside the embedded stack needs, so that all that is missing is named at once.

A setting that one command can do without isn't asked for by it; but whoever has to add one learns of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NEEDS: Mapping[tuple[str, ...], tuple[str, str]] = {
    ("deployment",): ("JANITOR_DEPLOYMENT", "a name of yours; the tag of everything it owns in the cloud"),
    ("bucket",): ("JANITOR_BUCKET", "the S3 bucket for specs and reports"),
    ("database_url",): ("JANITOR_DATABASE_URL", "PostgreSQL, the role that writes; a secret"),
    ("reader_database_url",): ("JANITOR_READER_DATABASE_URL", "PostgreSQL, the role that only reads; a secret"),
    ("owner_database_url",): ("JANITOR_OWNER_DATABASE_URL", "PostgreSQL, the role that migrates; a secret"),
    ("airflow_url",): ("JANITOR_AIRFLOW_URL", "the address of Airflow's web UI"),
    ("airflow_username",): ("JANITOR_AIRFLOW_USERNAME", "a user of Airflow who may trigger DAGs"),
    ("airflow_password",): ("JANITOR_AIRFLOW_PASSWORD", "that user's; a secret"),
    ("launch_template", "image_id"): (
        "JANITOR_LAUNCH_TEMPLATE or JANITOR_IMAGE_ID",
        "what instances are launched from, in EC2",
    ),
}
"""Fields of which one must be set, how they are called, and where a value comes from."""


def missing(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is needed and not set: how it is called, and where its value comes from.

    Args:
        values: Of the settings, by field.
    """
    for fields, (name, source) in _NEEDS.items():
        if all(values.get(field) in (None, "") for field in fields):
            yield name, source
