"""What a good configuration means: defaults, the plan, the schema that editors use."""

from __future__ import annotations

import json
import pickle
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # has no stubs
import pytest
import yaml

from janitor.domain.config.fields import RepairWay
from janitor.domain.config.notifications import NotificationsConfig
from janitor.domain.config.workers import (
    Market,
    PoolConfig,
    RepositoryConfig,
    RepositoryPlan,
    WorkersConfig,
    parse_workers_config,
    workers_config_schema,
)
from janitor.domain.errors import ConfigError, NotFoundError
from janitor.protocol.terms.proven import ProofLevel

INFRA = Path(__file__).resolve().parents[3] / "infra"


EVERY_KEY = """
repositories:
  - name: worker-one
    organization: acme
    prompt: |
      Validate the repository.
      Say what broke.
    gpu_required: false
    timeout_minutes: 0.5
    instance_type: g6.xlarge
    url: ssh://git@git.acme.example:2222/workers/one.git
    ref: release/1.10
    dockerfile: docker/Dockerfile.cuda
    bake_target: cuda-12.4
    build_args: {TORCH: "2.5"}
    env: {MODEL: tiny, "NO": "1"}
    secrets: {HF_TOKEN: models/hf-token}
    success_when: images[0].type = base64
    market: spot-then-on-demand
    required_proof: environment
    repair: pr
    pool: 'off'
    enabled: true
  - {name: worker-two, organization: acme, prompt: go}
  - {name: worker-three, organization: acme, prompt: go, enabled: false}
default_timeout_minutes: 45
max_concurrent_instances: 3
default_instance_type: g5.xlarge
fallback_instance_types: [g6.xlarge, g5.2xlarge]
default_market: spot
default_required_proof: image
default_repair: branch
grace_minutes: 1.5
max_run_cost_usd: 0.1
daily_budget_usd: 25
confirm_above_usd: 5
badges: public
pools:
  - name: default
    enabled: true
    provider: ec2
    instance_types: [g6.xlarge]
    gpu_ids: []
    market: spot
    min: 1
    max: 6
    tasks_per_worker_threshold: 2
    keep_idle: 1
    max_spawns_per_pass: 3
    idle_timeout_minutes: 4
    spawn_timeout_minutes: 8
    heartbeat_timeout_seconds: 60
    stuck_timeout_minutes: 50
    no_progress_minutes: 12
    drain_timeout_minutes: 9
    max_lifetime_minutes: 120
    max_tasks: 10
    reuse: any
    i_trust_them: true
    daily_budget_usd: 7.5
default_pool: default
notifications:
  slack_webhook_secret: slack/webhook
  slack_bot_token_secret: slack/bot
  slack_channel: C024BE91L
  slack_api_url: https://slack-gov.com/api
  sns_topic_arn: arn:aws:sns:us-east-1:123456789012:janitor-news-dev
  email: [oncall@acme.example, fleet@acme.example]
  email_from: janitor@acme.example
  email_server: smtp.acme.example:465
  email_login_secret: smtp
  github_issues: acme/fleet-news
  github_token_secret: github
  github_api_url: https://git.acme.example/api/v3
  events: [newly_broken, leak_found]
"""


def parse(text: str | bytes) -> WorkersConfig:
    return parse_workers_config(text, source="workers.yaml")


def test_default_file_holds_the_three_repositories() -> None:
    config = parse((INFRA / "workers-config.yaml").read_bytes())

    assert [(plan.organization, plan.name) for plan in config.plan()] == [
        ("runpod-workers", "worker-basic"),
        ("runpod-workers", "worker-sdxl"),
        ("runpod-workers", "worker-faster_whisper"),
    ]
    for plan in config.plan():
        assert plan.prompt == "validate the repo and see if its still working"
        assert plan.gpu_required
        assert plan.timeout == timedelta(minutes=30)
        assert plan.instance_types == ("g5.xlarge",)
        assert plan.url == f"https://github.com/runpod-workers/{plan.name}.git"
    assert config.max_concurrent_instances == 10
    assert config.grace == timedelta(minutes=2)


def test_every_key_is_read() -> None:
    config = parse(EVERY_KEY)
    first, second = config.plan()

    assert first == RepositoryPlan(
        name="worker-one",
        organization="acme",
        url="ssh://git@git.acme.example:2222/workers/one.git",
        ref="release/1.10",
        prompt="Validate the repository.\nSay what broke.\n",
        gpu_required=False,
        timeout=timedelta(seconds=30),
        instance_types=("g6.xlarge", "g5.2xlarge"),
        market=Market.SPOT_THEN_ON_DEMAND,
        dockerfile="docker/Dockerfile.cuda",
        bake_target="cuda-12.4",
        build_args={"TORCH": "2.5"},
        env={"MODEL": "tiny", "NO": "1"},
        secrets={"HF_TOKEN": "models/hf-token"},
        required_proof=ProofLevel.ENVIRONMENT,
        success_when="images[0].type = base64",
        repair=RepairWay.PULL,
    )
    assert second.required_proof is ProofLevel.IMAGE
    assert (second.timeout, second.market) == (timedelta(minutes=45), Market.SPOT)
    assert (second.pool, second.instance_types) == ("default", ("g6.xlarge",))
    assert (config.max_run_cost_usd, config.daily_budget_usd) == (Decimal("0.1"), Decimal("25"))


def test_what_a_success_must_prove_is_the_nearest_word() -> None:
    def required(of_repository: str, of_config: str, of_deployment: ProofLevel | None) -> ProofLevel | None:
        text = f"repositories: [{{name: w, organization: a, prompt: p{of_repository}}}]\n{of_config}"
        (plan,) = parse(text).plan(required_proof=of_deployment)
        assert RepositoryPlan.from_dict(plan.to_dict()) == plan
        return plan.required_proof

    assert required("", "", None) is None
    assert required("", "", ProofLevel.IMAGE) is ProofLevel.IMAGE
    assert required("", "default_required_proof: environment", ProofLevel.IMAGE) is ProofLevel.ENVIRONMENT
    of_repository = ", required_proof: image"
    assert required(of_repository, "default_required_proof: environment", None) is ProofLevel.IMAGE


def test_a_level_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError) as refused:
        parse("repositories: [{name: w, organization: a, prompt: p, required_proof: whole}]\nrequired_proof: image")
    told = [str(problem) for problem in refused.value.problems]
    assert told == [
        "workers.yaml:1: repository w: required_proof: must be one of image, environment",
        "workers.yaml:2: required_proof: unknown key"
        " (it belongs to an entry of repositories; did you mean default_required_proof?)",
    ]


def test_a_plan_of_before_requires_nothing() -> None:
    (plan,) = parse("repositories: [{name: w, organization: a, prompt: p}]").plan(required_proof=ProofLevel.IMAGE)
    written = plan.to_dict()
    del written["required_proof"]
    assert RepositoryPlan.from_dict(written).required_proof is None


def test_every_key_of_the_models_stands_in_the_sample() -> None:
    sample = yaml.safe_load(EVERY_KEY)

    assert set(sample) == set(WorkersConfig.model_fields)
    assert set(sample["notifications"]) == set(NotificationsConfig.model_fields)
    assert set(sample["repositories"][0]) == set(RepositoryConfig.model_fields)
    assert set(sample["pools"][0]) == set(PoolConfig.model_fields)


def test_a_plan_that_was_kept_with_a_key_that_is_gone_is_read() -> None:
    first, _ = parse(EVERY_KEY).plan()
    assert RepositoryPlan.from_dict({**first.to_dict(), "validation_type": "full"}) == first


def test_a_plan_that_was_kept_with_what_is_refused_now_is_read() -> None:
    first, _ = parse(EVERY_KEY).plan()
    kept = {**first.to_dict(), "env": {"PATH": "/x"}, "secrets": {"K": "a=b"}}
    read = RepositoryPlan.from_dict(kept)
    assert (read.env, read.secrets) == ({"PATH": "/x"}, {"K": "a=b"})


def test_timeout_of_the_run_replaces_the_default_and_not_a_repository_s_own() -> None:
    first, second = parse(EVERY_KEY).plan(default_timeout=timedelta(minutes=5))

    assert (first.timeout, second.timeout) == (timedelta(seconds=30), timedelta(minutes=5))


@pytest.mark.parametrize("wanted", ["worker-two", "acme/worker-two", "WORKER-TWO"])
def test_only_one_repository_is_planned(wanted: str) -> None:
    assert [plan.name for plan in parse(EVERY_KEY).plan(only=wanted)] == ["worker-two"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("worker-tow", "did you mean worker-two?"),
        ("zzz", "it lists worker-one, worker-two, worker-three"),
        ("worker-three", "switched off"),
    ],
)
def test_only_an_unknown_or_disabled_repository_is_refused(wanted: str, said: str) -> None:
    with pytest.raises(NotFoundError, match="repository") as caught:
        parse(EVERY_KEY).plan(only=wanted)
    assert said in str(caught.value)


def test_only_a_name_of_two_organizations_is_refused() -> None:
    text = "repositories: [{name: w, organization: a, prompt: p}, {name: w, organization: b, prompt: p}]"

    with pytest.raises(NotFoundError, match="could be a/w, b/w"):
        parse(text).plan(only="w")
    assert parse(text).plan(only="b/w")[0].organization == "b"


def test_plan_passes_through_json_unchanged() -> None:
    for plan in parse(EVERY_KEY).plan():
        assert RepositoryPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_plans_as_earlier_versions_kept_them_are_read() -> None:
    _, plan = parse(EVERY_KEY).plan()
    kept = {**plan.to_dict(), "bake_target": None, "secrets": {}}
    assert RepositoryPlan.from_dict(kept) == plan
    before_bake_targets = {key: value for key, value in kept.items() if key != "bake_target"}
    assert RepositoryPlan.from_dict(before_bake_targets) == plan
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:hf-token"  # was once taken
    assert RepositoryPlan.from_dict({**kept, "secrets": {"HF_TOKEN": arn}}).secrets == {"HF_TOKEN": arn}


def test_configuration_is_frozen() -> None:
    config = parse(EVERY_KEY)
    with pytest.raises(ValueError, match="frozen"):
        config.max_concurrent_instances = 500


def test_placeholder_in_url_is_percent_encoded() -> None:
    text = "repositories: [{name: w, organization: a, prompt: p, url: 'file://{state_dir}/examples/w'}]"
    config = parse_workers_config(text, source="w.yaml", substitutions={"state_dir": "/home/a b/100%/.local"})

    assert config.plan()[0].url == "file:///home/a%20b/100%25/.local/examples/w"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/worker.git",
        "https://git.acme.example:8443/team/worker",
        "ssh://git@github.com/acme/worker.git",
        "git@github.com:acme/worker.git",
        "file:///srv/git/worker.git",
    ],
)
def test_urls_that_are_accepted(url: str) -> None:
    config = parse(f"repositories: [{{name: w, organization: a, prompt: p, url: '{url}'}}]")
    assert config.plan()[0].url == url


def test_anchors_and_merge_keys_work() -> None:
    text = """
repositories:
  - &base {name: one, organization: acme, prompt: go, timeout_minutes: 5}
  - <<: *base
    name: two
    timeout_minutes: 6
"""
    one, two = parse(text).plan()
    assert (one.name, one.timeout, two.name, two.organization, two.timeout) == (
        "one",
        timedelta(minutes=5),
        "two",
        "acme",
        timedelta(minutes=6),
    )


def test_dates_and_yes_in_text_positions_stay_what_was_written() -> None:
    plan = parse("repositories: [{name: w, organization: a, prompt: p, ref: 2024-01-01, env: {on: 'x'}}]").plan()[0]
    assert (plan.ref, plan.env) == ("2024-01-01", {"on": "x"})


def test_byte_order_mark_is_ignored() -> None:
    text = "repositories: [{name: w, organization: a, prompt: p}]"
    assert parse(b"\xef\xbb\xbf" + text.encode()) == parse("\ufeff" + text) == parse(text)


def test_more_than_1024_repositories_are_read() -> None:
    text = "repositories:\n" + "".join(
        f"  - {{name: w{number}, organization: acme, prompt: go}}\n" for number in range(2_000)
    )
    assert len(parse(text).plan()) == 2_000


def test_error_survives_another_process() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("repositories: [17]")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.problems) == (str(caught.value), caught.value.problems)


def test_model_built_without_a_document_holds_the_same_rules() -> None:
    one = {"name": "w", "organization": "a", "prompt": "p"}
    for variables, said in (
        ({"env": {"A": "x"}, "secrets": {"A": "n"}}, r"secrets\.A: is given under env"),
        ({"env": {"PATH": "/x"}}, r"env\.PATH: is never handed"),
    ):
        with pytest.raises(ValueError, match=said):
            WorkersConfig.model_validate({"repositories": [one | variables]})
    for repositories in ([one, one | {"organization": "A"}], [one | {"enabled": False}], []):
        with pytest.raises(ValueError, match=r"listed twice|no repository"):
            WorkersConfig.model_validate({"repositories": repositories})


def test_schema_file_is_current() -> None:
    kept = json.loads((INFRA / "workers-config.schema.json").read_text())
    assert kept == workers_config_schema(), (
        "regenerate it: janitor check-config --schema > infra/workers-config.schema.json"
    )


def test_schema_describes_every_key_and_refuses_unknown_ones() -> None:
    schema = workers_config_schema()
    for definition in (schema, *(each for each in schema["$defs"].values() if each["type"] == "object")):
        assert definition["additionalProperties"] is False
        for key, described in definition["properties"].items():
            assert described.get("description"), key


def test_schema_and_models_agree_on_samples() -> None:
    validator = jsonschema.Draft202012Validator(workers_config_schema())
    validator.check_schema(workers_config_schema())

    assert not list(validator.iter_errors(yaml.safe_load(EVERY_KEY)))
    assert not list(validator.iter_errors(yaml.safe_load((INFRA / "workers-config.yaml").read_text())))
    samples: tuple[dict[str, object], ...] = (
        {},
        {"repositories": []},
        {"repositories": [{"name": "w", "organization": "a"}]},
        {"repositories": [{"name": "w", "organization": "a", "prompt": "p", "promt": "p"}]},
        {"repositories": [{"name": "w", "organization": "a", "prompt": "p", "market": "cheap"}]},
        {"repositories": [{"name": "w", "organization": "a", "prompt": "p"}], "max_concurrent_instances": 0},
    )
    for wrong in samples:
        assert list(validator.iter_errors(wrong)), wrong
        with pytest.raises(ConfigError):
            parse(yaml.safe_dump(wrong))


def test_default_file_names_its_schema_first() -> None:
    first_line = (INFRA / "workers-config.yaml").read_text().splitlines()[0]
    assert first_line == "# yaml-language-server: $schema=./workers-config.schema.json"
