"""Runs and validations for tests that need rows to work on."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from janitor.domain.config.workers import parse_workers_config
from janitor.domain.identity import run_id_for, validation_id_for
from janitor.stores import validations as store
from janitor.stores.database import transaction

CONFIG = """
repositories:
  - {name: worker-a, organization: acme, prompt: look at it, url: "file:///does-not-exist/worker-a"}
  - {name: worker-b, organization: acme, prompt: look at it, url: "file:///does-not-exist/worker-b"}
"""


def insert_run(
    writer_url: str, *, deployment: str = "test", max_concurrent_instances: int = 10, config: str = CONFIG
) -> tuple[UUID, list[UUID]]:
    """Write a run, by default of two repositories; returns its id and those of its validations."""
    airflow_run_id = f"test__{uuid4()}"
    run_id = run_id_for(deployment, airflow_run_id)
    plans = parse_workers_config(config, source="test.yaml").plan()
    run = store.NewRun(
        run_id=run_id,
        deployment=deployment,
        airflow_run_id=airflow_run_id,
        trigger="manual",
        config_file_path="test.yaml",
        config_sha256="0" * 64,
        total_repositories=len(plans),
        timeout=timedelta(minutes=30),
        max_concurrent_instances=max_concurrent_instances,
    )
    validations = [
        store.NewValidation(
            validation_id=validation_id_for(run_id, index),
            repository_index=index,
            repository_name=plan.name,
            organization=plan.organization,
            url=plan.url,
            ref=plan.ref,
            prompt=plan.prompt,
            gpu_required=plan.gpu_required,
            required_proof=plan.required_proof,
            timeout=plan.timeout,
            grace=timedelta(minutes=2),
            plan=plan.to_dict(),
        )
        for index, plan in enumerate(plans)
    ]
    with transaction(writer_url) as connection:
        store.insert_plan(connection, run, validations)
    return run_id, [validation.validation_id for validation in validations]
