"""A validation's spec: what its repository was planned with, what its instance may do, and where its report goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from janitor.cloud.ec2.instances import Ec2
from janitor.domain.config.fields import Market
from janitor.domain.config.repository_plan import RepositoryPlan, patch_sha256_of
from janitor.domain.launch.owner import Owner
from janitor.domain.pool.reuse import WorkerTurn
from janitor.domain.states import InstanceOrigin, InstanceState, RunStatus, ValidationStatus
from janitor.protocol.agent.answers import AgentSpec
from janitor.protocol.order.build import BuildSpec, EarlierBuild
from janitor.protocol.order.patch import Patch
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import SecretStore, ValidationSpec
from janitor.protocol.terms.proof import new_key
from janitor.protocol.terms.provenance import Machine, Warm
from janitor.protocol.terms.statuses import EngineChoice
from janitor.services.watch.spec import spec_for
from janitor.stores.records import InstanceRecord, ValidationRecord
from janitor.stores.report_terms import ReportTerms

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
VALIDATION_ID, RUN_ID = UUID(int=1), UUID(int=2)
NOTHING_BUILT = BuildSpec()
EARLIER = BuildSpec(earlier=(EarlierBuild(cache="warm", seconds=4.0),), image_bytes=2000)
TERMS = ReportTerms(proof_key=new_key(), engine=EngineChoice.DOCKER)
STORE = SecretStore(prefix="janitor/d/", region="eu-west-1")
REPORT_URL = "https://bucket.example/report?signature=1"
PLAN = RepositoryPlan(
    name="worker-a",
    organization="acme",
    url="https://example.com/acme/worker-a",
    ref="v2",
    prompt="see if it works",
    gpu_required=False,
    timeout=timedelta(minutes=20),
    instance_types=("g5.xlarge",),
    market=Market.ON_DEMAND,
    dockerfile="docker/Dockerfile",
    build_args={"CUDA": "12.4"},
    env={"MODE": "test"},
    secrets={},
    bake_target="cuda-12",
)


def validation_of(plan: RepositoryPlan) -> ValidationRecord:
    return ValidationRecord(
        validation_id=VALIDATION_ID,
        run_id=RUN_ID,
        deployment="d",
        repository_index=0,
        repository_name=plan.name,
        organization=plan.organization,
        url=plan.url,
        ref=plan.ref,
        prompt=plan.prompt,
        gpu_required=plan.gpu_required,
        required_proof=None,
        timeout=plan.timeout,
        grace=timedelta(minutes=2),
        plan=plan.to_dict(),
        max_concurrent_instances=10,
        run_status=RunStatus.RUNNING,
        status=ValidationStatus.LAUNCHING,
        status_reason_code=None,
        status_summary=None,
        command_id=None,
        watch_outcome=None,
        command_status=None,
        command_exit_code=None,
        launched_at=NOW,
        deadline_at=NOW + plan.timeout,
    )


INSTANCE = InstanceRecord(
    ledger_id=1,
    origin=InstanceOrigin.LAUNCHED,
    owner=Owner.validation(VALIDATION_ID),
    run_id=RUN_ID,
    deployment="d",
    generation=1,
    client_token="t",
    tags={},
    instance_id="i-1",
    instance_type="g5.xlarge",
    market="on-demand",
    state=InstanceState.RUNNING,
    termination_reason=None,
    intent_at=NOW,
    deadline_at=NOW + timedelta(minutes=20),
    expires_at=NOW + timedelta(minutes=22),
    keep_until=None,
    launched_at=NOW,
    command_started_at=None,
    first_sign_at=None,
    ended_at=None,
    given_up_at=None,
    subnet_id=None,
    launch_parameters={},
    place=None,
    missing_since=None,
)


def spec_of(
    plan: RepositoryPlan,
    earlier_builds: BuildSpec = NOTHING_BUILT,
    agent: AgentSpec | None = None,
    registry_secret: str | None = None,
    worker: WorkerTurn | None = None,
) -> ValidationSpec:
    return spec_for(
        validation_of(plan),
        INSTANCE,
        terms=TERMS,
        earlier_builds=earlier_builds,
        agent=agent,
        secret_store=STORE,
        registry_secret=registry_secret,
        image_id="ami-1",
        report_url=REPORT_URL,
        worker=worker,
    )


def test_every_parameter_of_the_repository_is_told() -> None:
    spec = spec_of(PLAN)
    assert spec.repository == RepositorySpec(
        name="worker-a",
        organization="acme",
        url="https://example.com/acme/worker-a",
        ref="v2",
        dockerfile="docker/Dockerfile",
        build_args={"CUDA": "12.4"},
        env={"MODE": "test"},
        bake_target="cuda-12",
    )
    assert (spec.prompt, spec.gpu_required) == ("see if it works", False)


def test_the_patch_of_an_experiment_is_told_beside_the_repository() -> None:
    patch = Patch.of("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")
    plan = RepositoryPlan.from_dict(replace(PLAN, patch=patch).to_dict())
    spec = spec_of(plan)
    assert (spec.patch, spec.repository) == (patch, spec_of(PLAN).repository)
    assert (patch_sha256_of(plan.to_dict()), patch_sha256_of(PLAN.to_dict())) == (patch.sha256, None)
    assert ValidationSpec.from_json(spec.to_json()) == spec
    assert "patch" not in spec_of(PLAN).to_dict()


def test_the_instances_own_deadline_holds_and_not_the_plans_timeout() -> None:
    spec = spec_of(replace(PLAN, timeout=timedelta(hours=5)))
    assert (spec.deadline, spec.grace) == (INSTANCE.deadline_at, timedelta(minutes=2))


def test_the_report_answers_to_what_the_instance_was_told() -> None:
    spec = spec_of(PLAN)
    assert (spec.engine, spec.proof_key) == (EngineChoice.DOCKER, TERMS.proof_key.hex())
    assert (spec.report_url, spec.report_path) == (REPORT_URL, None)
    assert (spec.validation_id, spec.run_id) == (str(VALIDATION_ID), str(RUN_ID))


@pytest.mark.parametrize("bake_target", [None, "worker"])
@pytest.mark.parametrize(("earlier", "told"), [(BuildSpec(), None), (EARLIER, EARLIER)])
def test_the_target_is_told_with_and_without_earlier_builds(
    bake_target: str | None, earlier: BuildSpec, told: BuildSpec | None
) -> None:
    spec = spec_of(replace(PLAN, bake_target=bake_target), earlier)
    assert (spec.repository.bake_target, spec.build) == (bake_target, told)


@pytest.mark.parametrize("agent", [None, AgentSpec(model="bedrock:claude")])
def test_whoever_answers_prompts_is_told(agent: AgentSpec | None) -> None:
    assert spec_of(PLAN, agent=agent).agent == agent


@pytest.mark.parametrize(
    ("parameters", "image_id"), [({}, None), ({"ImageId": "ami-1", "MinCount": 1}, "ami-1")], ids=["before", "now"]
)
def test_the_instance_is_told_what_it_is(parameters: dict[str, object], image_id: str | None) -> None:
    spec = spec_for(
        validation_of(PLAN),
        INSTANCE,
        terms=TERMS,
        earlier_builds=NOTHING_BUILT,
        agent=None,
        secret_store=STORE,
        registry_secret=None,
        image_id=Ec2.image_of(parameters),
        report_url=REPORT_URL,
    )
    assert spec.machine == Machine(instance_type="g5.xlarge", image_id=image_id)


def test_a_worker_of_the_pool_is_told_which_it_is_and_what_is_warm() -> None:
    warm = Warm(base_images=2, build_cache=True)
    turn = WorkerTurn(worker_id=UUID(int=7), ordinal=4, warm=warm)
    spec = spec_of(PLAN, worker=turn)
    assert spec.machine == Machine(
        instance_type="g5.xlarge", image_id="ami-1", worker_id=str(UUID(int=7)), task_ordinal=4, warm=warm
    )
    assert spec.machine.is_shared
    assert ValidationSpec.from_json(spec.to_json()) == spec
    alone = spec_of(PLAN).machine
    assert alone is not None
    assert not alone.is_shared


def test_of_secrets_the_names_are_told_and_where_they_are() -> None:
    spec = spec_of(replace(PLAN, secrets={"HF_TOKEN": "models/hf-token"}))
    assert spec.repository.secrets == {"HF_TOKEN": "models/hf-token"}
    assert spec.secret_store == STORE
    assert spec_of(PLAN).secret_store is None


def test_the_name_of_the_registry_s_login_is_told_with_its_place() -> None:
    spec = spec_of(PLAN, registry_secret="docker-hub")
    assert (spec.registry_secret, spec.secret_store) == ("docker-hub", STORE)
    assert spec.repository.secrets == {}


def test_the_validator_reads_what_is_made() -> None:
    spec = spec_of(PLAN, EARLIER)
    assert ValidationSpec.from_json(spec.to_json()) == spec
