"""What a configuration says of pools, what is wrong with it, and what the deployment's own variables say over it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from janitor.cli.render.runs.config import config_text
from janitor.domain.config.fields import Market, Provider, Reuse
from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.config.sequential import SequentialConfig
from janitor.domain.config.workers import WorkersConfig, parse_as, parse_workers_config
from janitor.domain.config_problems import ConfigProblem
from janitor.domain.errors import ConfigError, SettingsError
from janitor.domain.pool.pool import Pool, PoolOverrides
from janitor.domain.pool.resolve import overridden, resolved_pools
from janitor.services.launch.blueprint import RunRequest, blueprint_of, check_blueprint
from janitor.settings import Settings, load_settings
from janitor.views.pools import pool_plain

MINUTE = timedelta(minutes=1)
ONE = "{name: w, organization: acme, prompt: go}"


def parsed(text: str) -> WorkersConfig:
    return parse_workers_config(text, source="w.yaml")


def problems(text: str, model: type[WorkersConfig] = WorkersConfig) -> tuple[ConfigProblem, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_as(model, text, source="w.yaml")
    return caught.value.problems


def fleet(*pools: str, repository: str = ONE, more: str = "") -> str:
    """One repository on line 1, and each pool on a line of its own from line 3."""
    listed = "".join(f"  - {pool}\n" for pool in pools)
    return f"repositories: [{repository}]\npools:\n{listed}{more}\n"


def test_without_pools_everything_is_as_before() -> None:
    config = parsed(f"repositories: [{ONE}]")
    assert resolved_pools(config, PoolOverrides(min_workers=2, max_workers=9)) == ()
    plan = config.plan()[0]
    assert plan.pool is None
    assert "pool" not in plan.to_dict()
    assert RepositoryPlan.from_dict(plan.to_dict()) == plan


def test_a_pool_of_a_name_alone_has_the_defaults_and_the_fleet_s_machines() -> None:
    text = fleet("{name: gpu}", more="fallback_instance_types: [g6.xlarge]\ndefault_market: spot")
    (pool,) = resolved_pools(parsed(text))
    assert pool == Pool(name="gpu", instance_types=("g5.xlarge", "g6.xlarge"), market=Market.SPOT)
    assert (pool.min_workers, pool.max_workers, pool.max_lifetime) == (0, 4, timedelta(hours=4))


def test_each_key_of_a_pool_counts() -> None:
    (pool,) = resolved_pools(
        parsed(
            fleet(
                "{name: gpu, provider: runpod, gpu_ids: [NVIDIA RTX A4000, NVIDIA L4], min: 1, max: 3, max_tasks: 7,"
                " tasks_per_worker_threshold: 2, keep_idle: 1, max_spawns_per_pass: 1, idle_timeout_minutes: 0.5,"
                " spawn_timeout_minutes: 4, heartbeat_timeout_seconds: 30, stuck_timeout_minutes: 50,"
                " no_progress_minutes: 6, drain_timeout_minutes: 8, max_lifetime_minutes: 90, reuse: any,"
                " i_trust_them: true, daily_budget_usd: 12.5}",
                more="default_market: spot",
            )
        )
    )
    assert pool == Pool(
        name="gpu",
        provider=Provider.RUNPOD,
        gpu_ids=("NVIDIA RTX A4000", "NVIDIA L4"),
        market=Market.ON_DEMAND,
        min_workers=1,
        max_workers=3,
        tasks_per_worker=2,
        keep_idle=1,
        max_spawns_per_pass=1,
        idle_timeout=timedelta(seconds=30),
        spawn_timeout=4 * MINUTE,
        heartbeat_timeout=timedelta(seconds=30),
        stuck_timeout=50 * MINUTE,
        no_progress_warning=6 * MINUTE,
        drain_timeout=8 * MINUTE,
        max_lifetime=90 * MINUTE,
        max_tasks=7,
        reuse=Reuse.ANY,
        daily_budget_usd=Decimal("12.5"),
    )
    assert pool.longest_task == 86 * MINUTE
    plain = pool_plain(pool)
    assert (plain["idle_timeout_seconds"], plain["stuck_timeout_seconds"], plain["reuse"]) == (30, 3000, "any")
    assert pool_plain(Pool(name="x"))["stuck_timeout_seconds"] is None


def test_a_repository_s_pool_is_its_own_word_or_the_default() -> None:
    text = """\
repositories:
  - {name: named, organization: acme, prompt: go, pool: other}
  - {name: default, organization: acme, prompt: go}
  - {name: alone, organization: acme, prompt: go, pool: off, instance_type: g6.xlarge, market: spot}
default_pool: gpu
pools: [{name: gpu, instance_types: [g4dn.xlarge], market: spot}, {name: other}]
"""
    plans = {plan.name: plan for plan in parsed(text).plan()}
    assert {name: plan.pool for name, plan in plans.items()} == {"named": "other", "default": "gpu", "alone": None}
    assert (plans["default"].instance_types, plans["default"].market) == (("g4dn.xlarge",), Market.SPOT)
    assert plans["named"].instance_types == ("g5.xlarge",)
    assert plans["alone"].instance_types == ("g6.xlarge",)
    for plan in plans.values():
        assert RepositoryPlan.from_dict(plan.to_dict()) == plan


def test_a_pool_that_is_switched_off_drains_and_its_repositories_have_instances_of_their_own() -> None:
    config = parsed(fleet("{name: default, enabled: false, min: 2, keep_idle: 1}", more="default_pool: default"))
    (pool,) = resolved_pools(config, PoolOverrides(min_workers=1, max_workers=5))
    assert (pool.is_enabled, pool.min_workers, pool.max_workers, pool.keep_idle) == (False, 0, 0, 0)
    assert config.plan()[0].pool is None


def test_a_pool_whose_most_is_none_keeps_its_tasks() -> None:
    config = parsed(fleet("{name: default, min: 1, max: 0}", more="default_pool: default"))
    (pool,) = resolved_pools(config)
    assert (pool.is_enabled, pool.max_workers) == (True, 0)
    assert config.plan()[0].pool == "default"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = """\
repositories:
  - {name: one, organization: acme, prompt: go, pool: gpuu}
  - {name: two, organization: acme, prompt: go, instance_type: g6.xlarge, timeout_minutes: 230}
  - {name: three, organization: acme, prompt: go, pool: 7}
default_pool: gpu
pools:
  - {name: gpu, provider: runpod, market: spot, min: 5, reuse: any, mn: 3}
  - {name: gpu, gpu_ids: [NVIDIA RTX A4000], max_lifetime_minutes: soon}
  - {name: 'off'}
  - {name: here, provider: local, market: spot}
  - {nme: x}
"""
    assert [(each.line, each.repository, each.field) for each in problems(text)] == [
        (2, "one", "pool"),
        (3, "two", "instance_type"),
        (3, "two", "timeout_minutes"),
        (4, "three", "pool"),
        (7, None, "pools[0].gpu_ids"),
        (7, None, "pools[0].market"),
        (7, None, "pools[0].min"),
        (7, None, "pools[0].reuse"),
        (7, None, "pools[0].mn"),
        (8, None, "pools[1].name"),
        (8, None, "pools[1].gpu_ids"),
        (8, None, "pools[1].max_lifetime_minutes"),
        (9, None, "pools[2].name"),
        (10, None, "pools[3].market"),
        (11, None, "pools[4].name"),
        (11, None, "pools[4].nme"),
    ]


@pytest.mark.parametrize(
    ("pool", "field", "said"),
    [
        ("{name: gpu, provider: runpod, gpu_ids: [NVIDIA L4], market: spot}", "market", "RunPod's REST v2 has no spot"),
        (
            "{name: gpu, provider: runpod, gpu_ids: [NVIDIA L4], market: spot-then-on-demand}",
            "market",
            "leave it out, or say on-demand",
        ),
        ("{name: gpu, provider: runpod}", "gpu_ids", "a pod is asked for by its GPU"),
        ("{name: gpu, provider: runpod, gpu_ids: []}", "gpu_ids", "a pod is asked for by its GPU"),
        (
            "{name: gpu, provider: runpod, gpu_ids: [NVIDIA L4], instance_types: [g5.xlarge]}",
            "instance_types",
            "EC2's",
        ),
        ("{name: gpu, gpu_ids: [NVIDIA L4]}", "gpu_ids", "name instance_types"),
        ("{name: gpu, provider: runpod, gpu_ids: ['L4; rm']}", "gpu_ids[0]", "is not an id of a GPU"),
        ("{name: gpu, provider: local, instance_types: [g5.xlarge]}", "instance_types", "says nothing of a local pool"),
        ("{name: gpu, provider: ec3}", "provider", "must be one of ec2, runpod, local (did you mean ec2?)"),
        ("{name: gpu, min: 2, max: 1}", "min", "is more than the pool's max, 1"),
        ("{name: gpu, min: 5}", "min", "is more than the pool's max, 4 where nothing is said"),
        ("{name: gpu, keep_idle: 3, max: 2}", "keep_idle", "is more than the pool's max, 2"),
        ("{name: gpu, min: -1}", "min", "must be at least 0"),
        ("{name: gpu, max: 1.5}", "max", "must be a whole number"),
        ("{name: gpu, reuse: any}", "reuse", "i_trust_them: true"),
        ("{name: gpu, reuse: any, i_trust_them: false}", "reuse", "i_trust_them: true"),
        ("{name: gpu, reuse: organisation}", "reuse", "did you mean organization?"),
        ("{name: gpu, idle_timeout_minutes: 0}", "idle_timeout_minutes", "must be at least"),
        ("{name: gpu, idle_timeout: 5}", "idle_timeout", "did you mean idle_timeout_minutes?"),
        ("{name: gpu, tasks_per_worker: 5}", "tasks_per_worker", "did you mean tasks_per_worker_threshold?"),
        ("{name: GPU}", "name", "is not a pool's name"),
        ("{name: a--b}", "name", "is not a pool's name"),
        ("{name: " + "a" * 31 + "}", "name", "at most 30 characters"),
        ("{name: 'off'}", "name", "means none"),
        ("gpu", None, "must be a mapping"),
    ],
)
def test_a_pool_that_says_something_wrong(pool: str, field: str | None, said: str) -> None:
    (found,) = problems(fleet(pool))
    assert (found.line, found.repository) == (3, None)
    assert found.field == ("pools[0]" if field is None else f"pools[0].{field}")
    assert said in str(found)


def test_pools_of_one_name_are_refused() -> None:
    (found,) = problems(fleet("{name: gpu}", "{name: gpu}"))
    assert (found.line, found.field) == (4, "pools[1].name")
    assert "two pools are named gpu, first number 1" in found.message


@pytest.mark.parametrize(
    ("repository", "more", "field", "said"),
    [
        (f"{ONE[:-1]}, pool: gup}}", "", "pool", "there is no pool 'gup' (did you mean gpu?)"),
        (f"{ONE[:-1]}, pool: zzzz}}", "", "pool", "there is no pool 'zzzz' (pools here: gpu)"),
        (ONE, "default_pool: gup", "default_pool", "did you mean gpu?"),
        (f"{ONE[:-1]}, pool: gpu, instance_type: g6.xlarge}}", "", "instance_type", "`pool: off` here"),
        (f"{ONE[:-1]}, pool: gpu, market: spot}}", "", "market", "can't be had by one repository alone"),
        (f"{ONE[:-1]}, pol: gpu}}", "", "pol", "did you mean pool?"),
        (f"{ONE[:-1]}, reuse: never}}", "", "reuse", "it belongs to an entry of pools"),
    ],
)
def test_a_repository_that_says_something_wrong_of_pools(repository: str, more: str, field: str, said: str) -> None:
    (found,) = problems(fleet("{name: gpu}", repository=repository, more=more))
    assert found.field == field
    assert said in str(found)


def test_a_pool_that_nobody_lists_is_told_of_where_there_is_none() -> None:
    (found,) = problems(f"repositories: [{ONE}]\ndefault_pool: gpu\n")
    assert (found.line, found.field) == (2, "default_pool")
    assert "this configuration has none: list it under pools" in str(found)


@pytest.mark.parametrize(
    ("limits", "pool", "is_right"),
    [
        ("timeout_minutes: 108, pool: gpu", "max_lifetime_minutes: 120", True),
        ("timeout_minutes: 109, pool: gpu", "max_lifetime_minutes: 120", False),
        ("timeout_minutes: 110, pool: gpu", "max_lifetime_minutes: 120, spawn_timeout_minutes: 8", True),
        ("timeout_minutes: 109, pool: 'off'", "max_lifetime_minutes: 120", True),
        ("timeout_minutes: 109, pool: gpu, enabled: false", "max_lifetime_minutes: 120", True),
        ("timeout_minutes: 109, pool: gpu", "max_lifetime_minutes: 120, enabled: false", True),
        ("pool: gpu", "max_lifetime_minutes: 41", False),
        ("pool: gpu", "max_lifetime_minutes: 42", True),
        ("timeout_minutes: 900, pool: gpu", "provider: local", True),
    ],
)
def test_a_task_must_fit_into_the_life_of_a_worker(limits: str, pool: str, is_right: bool) -> None:
    other = "{name: other, organization: acme, prompt: go}"
    text = fleet(f"{{name: gpu, {pool}}}", repository=f"{other}, {{name: w, organization: acme, prompt: go, {limits}}}")
    if is_right:
        assert parsed(text)
        return
    (found,) = problems(text)
    assert (found.repository, found.field) == ("w", "timeout_minutes" if "timeout" in limits else "pool")
    assert "raise the pool's max_lifetime_minutes to" in str(found)


def test_a_model_that_is_built_without_a_document_holds_the_same_rules() -> None:
    one = {"name": "w", "organization": "a", "prompt": "p"}
    for pools, repository, said in (
        ([{"name": "gpu", "reuse": "any"}], one, "lets every repository"),
        ([{"name": "gpu"}], one | {"pool": "other"}, "there is no pool"),
    ):
        with pytest.raises(ValueError, match=said):
            WorkersConfig.model_validate({"repositories": [repository], "pools": pools})


def test_a_sequential_run_has_no_pool() -> None:
    text = fleet("{name: gpu}", repository=f"{ONE[:-1]}, pool: gpu}}", more="default_pool: gpu")
    found = problems(text, SequentialConfig)
    assert [each.field for each in found] == ["pool", "pools", "default_pool"]
    assert all("share one instance" in each.message for each in found)


# The deployment's own variables


def settings(root: Path, text: str = "", **environ: str) -> Settings:
    (root / "infra" / "env").mkdir(parents=True, exist_ok=True)
    own = "JANITOR_STACK=external\nJANITOR_BUCKET=a-bucket\nJANITOR_DEPLOYMENT=team-a\n"
    (root / "infra" / "env" / "dev.env").write_text(own + text)
    return load_settings("dev", environ=environ, project_root=root)


ORIGINAL = {
    "MIN_ACTIVE_GPUS": "1",
    "MAX_ACTIVE_GPUS": "7",
    "TASKS_PER_GPU_THRESHOLD": "2",
    "GPU_IDLE_TIMEOUT_SEC": "90",
    "TASK_STUCK_TIMEOUT_SEC": "600",
    "SPAWNING_TIMEOUT_SEC": "420",
    "GRACEFUL_SHUTDOWN_TIMEOUT_SEC": "45",
}
OVERRIDES = PoolOverrides(
    min_workers=1,
    max_workers=7,
    tasks_per_worker=2,
    idle_timeout=timedelta(seconds=90),
    stuck_timeout=timedelta(seconds=600),
    spawn_timeout=timedelta(seconds=420),
    drain_timeout=timedelta(seconds=45),
)


def test_the_names_of_the_original_are_read_from_the_process_and_from_files(tmp_path: Path) -> None:
    assert settings(tmp_path).pool_overrides == PoolOverrides()
    assert settings(tmp_path, **ORIGINAL).pool_overrides == OVERRIDES
    text = "".join(f"{name}={value}\n" for name, value in ORIGINAL.items())
    assert settings(tmp_path, text).pool_overrides == OVERRIDES
    # The product's own name comes before them.
    assert settings(tmp_path, text, JANITOR_POOL_MAX="3", MAX_ACTIVE_GPUS="9").pool_overrides.max_workers == 3
    # Processes that the stack starts have them too.
    assert settings(tmp_path, **ORIGINAL).reload().pool_overrides == OVERRIDES


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MIN_ACTIVE_GPUS", "-1", "greater than or equal to 0"),
        ("MAX_ACTIVE_GPUS", "many", "valid integer"),
        ("TASKS_PER_GPU_THRESHOLD", "0", "greater than or equal to 1"),
        ("GPU_IDLE_TIMEOUT_SEC", "soon", "is not a number of seconds"),
        ("SPAWNING_TIMEOUT_SEC", "0", "must be more than 0"),
        ("JANITOR_POOL_STUCK_TIMEOUT_SECONDS", "x", "is not a number of seconds"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(tmp_path: Path, name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name} \(process environment\): .*{said}"):
        settings(tmp_path, **{name: value})


def test_the_variables_are_about_the_pool_named_default_alone() -> None:
    config = parsed(fleet("{name: default, idle_timeout_minutes: 3}", "{name: gpu, idle_timeout_minutes: 3}"))
    default, other = resolved_pools(config, OVERRIDES)
    assert default == Pool(
        name="default",
        instance_types=("g5.xlarge",),
        min_workers=1,
        max_workers=7,
        tasks_per_worker=2,
        idle_timeout=timedelta(seconds=90),
        stuck_timeout=timedelta(seconds=600),
        spawn_timeout=timedelta(seconds=420),
        drain_timeout=timedelta(seconds=45),
    )
    assert (other.max_workers, other.idle_timeout) == (4, 3 * MINUTE)


@pytest.mark.parametrize(
    ("pool", "overrides", "said"),
    [
        (Pool(name="default"), PoolOverrides(min_workers=5), "min is 5 and max is 4"),
        (Pool(name="default", min_workers=2), PoolOverrides(max_workers=1), "min is 2 and max is 1"),
        (Pool(name="default", keep_idle=2), PoolOverrides(max_workers=1), "keep_idle is 2 and max is 1"),
        (Pool(name="default"), PoolOverrides(spawn_timeout=240 * MINUTE), "SPAWNING_TIMEOUT_SEC leaves no time"),
    ],
)
def test_variables_that_contradict_the_configuration_are_refused(
    pool: Pool, overrides: PoolOverrides, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        overridden(pool, overrides)


def test_a_most_of_none_stops_the_pool_whatever_is_kept_else() -> None:
    assert overridden(Pool(name="default", min_workers=2), PoolOverrides(max_workers=0)).max_workers == 0


def test_check_config_shows_each_pool_as_this_deployment_has_it() -> None:
    config = parsed(
        fleet(
            "{name: default, min: 1}",
            "{name: pods, provider: runpod, gpu_ids: [NVIDIA L4], keep_idle: 1, daily_budget_usd: 25}",
            "{name: here, provider: local, enabled: false}",
            "{name: ours, provider: local}",
            "{name: paused, max: 0, reuse: never}",
            repository=f"{ONE}, {{name: x, organization: acme, prompt: go, pool: pods}}",
            more="default_pool: default",
        )
    )
    pools = resolved_pools(config, PoolOverrides(max_workers=6))
    assert config_text("w.yaml", config, pools=pools).splitlines()[1:] == [
        "  w  30 minutes, pool default, GPU, https://github.com/acme/w.git",
        "  x  30 minutes, pool pods, GPU, https://github.com/acme/x.git",
        "  pool default  1 repository, EC2 g5.xlarge on-demand, 1 to 6 workers, one more for 3 that wait,"
        " shared by one organization, ended after 5 minutes without work, 20 tasks or 4 hours",
        "  pool pods  1 repository, RunPod NVIDIA L4 on-demand, 0 to 4 workers and 1 idle while work goes on, one more"
        " for 3 that wait, shared by one organization, ended after 5 minutes without work, 20 tasks or 4 hours, at most"
        " $25.00 a day",
        "  pool here  no repositories, this deployment's own hosts, switched off: what it has drains, and its"
        " repositories have instances of their own",
        "  pool ours  no repositories, this deployment's own hosts, at most 4 workers, which people start, shared by"
        " one organization",
        "  pool paused  no repositories, EC2 g5.xlarge on-demand, max is 0: what it has drains, and its tasks wait",
    ]


def test_an_estimate_has_the_pools_that_validate_some_of_it_as_this_deployment_has_them(tmp_path: Path) -> None:
    config = tmp_path / "w.yaml"
    config.write_text(
        fleet(
            "{name: default, max_lifetime_minutes: 60, instance_types: [g5.xlarge, g6.xlarge], daily_budget_usd: 9}",
            "{name: unused}",
            "{name: ours, provider: local}",
            repository=f"{ONE[:-1]}, pool: default}}, {{name: x, organization: acme, prompt: go, pool: ours}}",
        )
    )
    local = load_settings("local", environ={"MAX_ACTIVE_GPUS": "3"})
    request = RunRequest(airflow_run_id="r", trigger="cli", config_path=str(config))
    (found,) = check_blueprint(local, blueprint_of(local, request), ask_for_day=False).pools
    assert (found.machine.repository_name, found.machines, found.daily_usd) == ("default", 3, Decimal(9))
    assert set(found.machine.usd_hour_by_type) == {"g5.xlarge", "g6.xlarge"}
    assert found.machine.lifetime == timedelta(hours=1) + local.reap_interval
    assert found.machine.worst_case_usd is not None
    assert found.worst_case_usd == 3 * found.machine.worst_case_usd
