"""What a person who triggers a maintenance run may choose; the web UI makes a form of it."""

from __future__ import annotations

from airflow.sdk import Param

from janitor.domain.config.fields import RepairWay

PARALLEL_LIMIT = 10
"""Shards at once, where nobody says otherwise."""


def maintenance_params() -> dict[str, Param]:
    """The DAG's params with their descriptions and defaults."""
    return {
        "parallel_limit": Param(
            PARALLEL_LIMIT,
            type="integer",
            minimum=1,
            maximum=64,
            title="Most shards at once",
            description="The others wait without holding a worker. The limit of instances holds beside it.",
        ),
        "run_ids": Param(
            [],
            type="array",
            items={"type": "string", "format": "uuid"},
            maxItems=20,
            title="Runs whose failures are repaired",
            description="Ids of Janitor runs. Empty: the last run that is over.",
        ),
        "repositories": Param(
            [],
            type="array",
            items={"type": "string", "minLength": 1, "maxLength": 300},
            maxItems=200,
            title="Only these repositories",
            description="Names, or organization/name. Empty: everything that is broken there.",
        ),
        "mode": Param(
            None,
            type=["null", "string"],
            enum=[None, *(way.value for way in RepairWay)],
            title="At most given to people as",
            description="off, patch, branch or pr; no repository gets more than its configuration says.",
        ),
        "max_cost_usd": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            maximum=10_000,
            title="Most dollars of this run's experiments",
            description="Together. Empty: the deployment's budget alone says.",
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Only say in the log of `discover` what would be worked on, and what is left alone and why.",
        ),
    }
