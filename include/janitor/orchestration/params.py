"""What a person who triggers a run may choose; the web UI makes a form of it."""

from __future__ import annotations

from airflow.sdk import Param

from janitor.domain.run_conf import SEQUENTIAL_KEYS


def run_params(default_config: str) -> dict[str, Param]:
    """The DAG's params with their descriptions and defaults."""
    return {
        "config_path": Param(
            default_config,
            type="string",
            minLength=1,
            title="Configuration",
            description="Configuration, relative to the project's root, or s3://bucket/key.",
        ),
        "repository": Param(
            None,
            type=["null", "string"],
            title="Only this repository",
            description="Name, or organization/name. Empty: every enabled repository of the configuration.",
        ),
        "timeout_minutes": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            maximum=2880,
            title="Hard limit in minutes",
            description="From launch, for repositories without a limit of their own. Empty: the configuration's.",
        ),
        "max_concurrent_instances": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=1000,
            title="Most instances at once",
            description="Over all runs of the deployment. Empty: the configuration's.",
        ),
        "rerun_of": Param(
            None,
            type=["null", "string"],
            title="Do this run again",
            description="A Janitor run's id, or its beginning: its repositories with the same parameters. The fields"
            " above but the last don't count then.",
        ),
        "only_unsuccessful": Param(
            False,
            type="boolean",
            title="Of that run, only what was not successful",
            description="Counts only with a run to do again.",
        ),
        "experiment": Param(
            None,
            type=["null", "string"],
            format="uuid",
            title="Carry out this experiment",
            description="For maintenance, which writes it first; the fields above don't count then.",
        ),
    }


def sequential_params(default_repos_file: str) -> dict[str, Param]:
    """The params of the sequential run's DAG."""
    params = run_params(default_repos_file)
    return {key: params[key] for key in SEQUENTIAL_KEYS}
