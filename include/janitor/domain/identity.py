"""Names and identifiers that are derived, never drawn: a task that runs twice arrives at the same ones.

Invariant: one (deployment, Airflow run) is one run id; one (run, index) is one validation id; one (owner,
generation) is one EC2 client token, so RunInstances repeated for the same generation returns the same instance.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import Enum
from uuid import UUID, uuid5

from janitor.domain.states import NoticeKind

_NAMESPACE = UUID("6f0f2a52-7a7c-5d7c-9c59-0a6f9f6f6a11")

TAG_DEPLOYMENT = "janitor:deployment"
TAG_RUN = "janitor:run"
TAG_VALIDATION = "janitor:validation"
TAG_WORKER = "janitor:worker"
TAG_CACHE = "janitor:cache"
"""Of the cache volume: the deployment that it belongs to."""
TAG_REPOSITORY = "janitor:repository"
TAG_DEADLINE = "janitor:deadline"
TAG_EXPIRES = "janitor:expires"
"""Deadline and grace, in ISO 8601: what is alive later is ended by whoever sees it."""
TAG_KEEP_UNTIL = "janitor:keep-until"
"""A debug lease, in ISO 8601; it counts where it is later than the expiry."""

NOTICE_PREFIX = "janitor-notices"
"""Where in the bucket the killers outside Airflow leave word: `<prefix>/<deployment>/<kind>/<instance id>.json`."""


def run_id_for(deployment: str, airflow_run_id: str) -> UUID:
    """The run id of an Airflow DAG run.

    Args:
        deployment: The deployment's name; two deployments may use the same Airflow run id.
        airflow_run_id: Airflow's own id, for example ``scheduled__2026-01-01T03:00:00+00:00``.
    """
    return uuid5(_NAMESPACE, f"run/{deployment}/{airflow_run_id}")


def validation_id_for(run_id: UUID, index: int) -> UUID:
    """The validation id of the repository at `index` (from 0) of a run."""
    return uuid5(_NAMESPACE, f"validation/{run_id}/{index}")


def client_token_for(owner_id: UUID, generation: int) -> str:
    """The RunInstances idempotency token of one launch attempt: 64 ASCII characters, EC2's maximum."""
    return hashlib.sha256(f"{owner_id}/{generation}".encode()).hexdigest()


def command_comment_for(validation_id: UUID, generation: int) -> str:
    """The SSM Comment by which a command is found again after a crash; below SSM's 100 characters."""
    return f"janitor {validation_id} {generation}"


def second_chance_comment_for(validation_id: UUID, generation: int) -> str:
    """The SSM Comment of the command that asks an instance for its report a second time."""
    return f"{command_comment_for(validation_id, generation)} report"


def instance_name_for(repository_name: str, at: datetime) -> str:
    """`janitor-{repository}-{timestamp}`, with the UTC timestamp to the second."""
    return f"janitor-{repository_name}-{at:%Y%m%d%H%M%S}"


def notice_prefix_for(deployment: str) -> str:
    """S3 prefix of a deployment's notices, with the final slash."""
    return f"{NOTICE_PREFIX}/{deployment}/"


def notice_key_for(deployment: str, kind: NoticeKind, instance_id: str) -> str:
    """S3 key of one notice."""
    return f"{notice_prefix_for(deployment)}{kind.value}/{instance_id}.json"


def external_timer_name_for(deployment: str, instance_id: str) -> str:
    """The name of an instance's one-shot schedule; at most 64 characters, EventBridge Scheduler's limit."""
    return f"{hashlib.sha256(deployment.encode()).hexdigest()[:12]}-{instance_id}"


def report_key_for(run_id: UUID, validation_id: UUID, generation: int) -> str:
    """S3 key of a validation's report; each generation writes its own, so a late one can't overwrite a newer."""
    return f"janitor-reports/{run_id}/{validation_id}/{generation}.json"


def sign_key_for(run_id: UUID, validation_id: UUID, generation: int) -> str:
    """S3 key of the first sign of life of a validation's instance, beside its report: one listing shows both."""
    return f"janitor-reports/{run_id}/{validation_id}/{generation}.sign"


def spec_key_for(run_id: UUID, validation_id: UUID, generation: int) -> str:
    """S3 key of the spec that one instance fetches."""
    return f"janitor-specs/{run_id}/{validation_id}/{generation}.json"


class WorkerFile(str, Enum):
    """What is kept of one look at a worker's machine."""

    ORDER = "order"  # what it was asked; the machine may read it for a while
    RESULT = "result"  # what it answered; the machine may write it for a while
    SIGN = "sign"  # its first sign of life of that command, likewise
    FIRST_LOOK = "first-look"  # a copy of the first answer, to which no address leads
    WARM = "warm"  # what its next task finds


def worker_comment_for(worker_id: UUID, ordinal: int) -> str:
    """The SSM Comment of the look at a worker's machine after its `ordinal`-th task; 0: before the first."""
    return f"janitor worker {worker_id} {ordinal}"


def mailbox_prefix_for(deployment: str, pod_name: str) -> str:
    """S3 prefix of a pod's orders and what came of them; the name has its owner and generation in it."""
    return f"janitor-specs/pods/{deployment}/{pod_name}"


def worker_key_for(worker_id: UUID, ordinal: int, file: WorkerFile) -> str:
    """S3 key of one file of a look at a worker's machine; beside the specs, which are orders as well."""
    return f"janitor-specs/workers/{worker_id}/{ordinal}.{file.value}"
