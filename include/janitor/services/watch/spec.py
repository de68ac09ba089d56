"""The spec of a validation on an instance: what the validator there is asked to do.

Pure: it takes what was read and what was promised, so that whoever delivers it, and how, is no concern of it. What a
repository is given is taken from its plan here and nowhere else.
"""

from __future__ import annotations

from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.pool.reuse import WorkerTurn
from janitor.protocol.agent.answers import AgentSpec
from janitor.protocol.order.build import BuildSpec
from janitor.protocol.order.spec import SecretStore, ValidationSpec
from janitor.protocol.terms.provenance import Machine
from janitor.protocol.terms.statuses import CacheState
from janitor.stores.records import InstanceRecord, ValidationRecord
from janitor.stores.report_terms import ReportTerms


def spec_for(
    validation: ValidationRecord,
    instance: InstanceRecord,
    *,
    terms: ReportTerms,
    earlier_builds: BuildSpec,
    agent: AgentSpec | None,
    secret_store: SecretStore,
    registry_secret: str | None,
    image_id: str | None,
    report_url: str,
    cache: CacheState | None = None,
    cache_directory: str | None = None,
    worker: WorkerTurn | None = None,
) -> ValidationSpec:
    """What `instance` is asked to do for `validation`.

    Args:
        validation: With the plan of its repository.
        instance: Its deadline is when the validator hands in what it has.
        terms: What the instance was told that its report is judged by.
        earlier_builds: What is known of earlier builds of the repository's image.
        agent: Who answers the prompt; None: nobody.
        secret_store: Where the instance reads the repository's secrets, if it has any.
        registry_secret: Name of the login with which it pulls base images; None: as anybody.
        image_id: The machine image that the instance was launched from; None: not known.
        report_url: Takes the report by PUT for as long as it may be delivered; a secret.
        cache: Whether the instance has the cache volume; None where it is one repository's alone.
        cache_directory: Where the volume is on the instance; counts where it is attached.
        worker: Of the pool, that carries it out; None: none does.
    """
    plan = RepositoryPlan.from_dict(validation.plan)
    return ValidationSpec(
        validation_id=str(validation.validation_id),
        run_id=str(validation.run_id),
        repository=plan.repository,
        prompt=plan.prompt,
        gpu_required=plan.gpu_required,
        engine=terms.engine,
        deadline=instance.deadline_at,
        grace=validation.grace,
        report_url=report_url,
        build=None if earlier_builds == BuildSpec() else earlier_builds,
        agent=agent,
        secret_store=secret_store if plan.secrets or registry_secret is not None else None,
        registry_secret=registry_secret,
        machine=Machine(
            instance_type=instance.instance_type,
            image_id=image_id,
            cache=cache,
            worker_id=str(worker.worker_id) if worker is not None else None,
            task_ordinal=worker.ordinal if worker is not None else None,
            warm=worker.warm if worker is not None else None,
        ),
        cache_directory=cache_directory if cache is CacheState.ATTACHED else None,
        proof_key=terms.proof_key.hex(),
        patch=plan.patch,
    )
