"""What is asked of a deployment's runs says whether experiments count, or is named here with the reason why they do."""

from __future__ import annotations

import re
from pathlib import Path

QUERIES = Path(__file__).parents[3] / "include" / "janitor" / "stores" / "queries"
ASKS_OF_RUNS = re.compile(
    r"\b(?:from|join)\s+(?:validation_runs|repository_validations|run_summary|validation_overview)\b"
)
BY_ID = re.compile(r"\b(?:validation_id|run_id) = :(?:validation_id|run_id)\b")
WITH_EXPERIMENTS = {
    # Money, and the instances that it goes to.
    **dict.fromkeys(("lease_terms", "settle_reservations", "cost_by_repository"), "money"),
    **dict.fromkeys(("complete_instances", "live_of_repository", "ledger_facts"), "instances"),
    **dict.fromkeys(("recent_launch_outcomes", "scopes_launched_since"), "launches"),
    **dict.fromkeys(("abandoned_validations", "open_runs"), "what is left open"),
    **dict.fromkeys(("settled_tasks", "pool_runs_under_way"), "what is left open"),
    # Runs by their id, and the list of them, which says what each is.
    **dict.fromkeys(("running_run_summaries", "latest_run_summaries", "recent_run_ids", "find_run"), "list of runs"),
    **dict.fromkeys(("complete_runs", "complete_running_runs"), "list of runs"),
    # Differences and news are the fleet's alone; a sequential run is never an experiment.
    **dict.fromkeys(("inconclusive_in_a_row", "news_to_tell"), "differences and news"),
    "task_glances": "tasks, whoever waits for them",
    "latest_run_of_kind": "sequential runs",
    "known_repository_names": "a repository has an experiment only after a validation of the fleet",
}


def statements() -> dict[str, str]:
    """Each named query."""
    parts = [
        part
        for file in sorted(QUERIES.glob("*.sql"))
        for part in re.split(r"^-- name: ", file.read_text(), flags=re.MULTILINE)[1:]
    ]
    return {re.split(r"\W", part)[0]: part.partition("\n")[2] for part in parts}


def asks_of_a_deployment(statement: str) -> bool:
    """Whether it reads runs, or validations, of a deployment rather than those that it is told."""
    changes = re.sub(r"^(?:--.*\n)*", "", statement).startswith(("insert", "update", "delete"))
    is_told = BY_ID.search(statement) is not None
    return not changes and not is_told and "deployment" in statement and ASKS_OF_RUNS.search(statement) is not None


def test_each_question_says_whether_experiments_count() -> None:
    silent = {
        name for name, each in statements().items() if asks_of_a_deployment(each) and "purpose = 'fleet'" not in each
    }
    assert silent == WITH_EXPERIMENTS.keys(), (
        "ask for `purpose = 'fleet'`, or say in WITH_EXPERIMENTS why experiments count"
    )
