"""Settings: which source wins, and what is said when something is wrong."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from croniter import croniter
from pydantic import ValidationError

from janitor.domain.errors import SettingsError
from janitor.protocol.order.spec import SecretStore
from janitor.protocol.terms.statuses import EngineChoice
from janitor.settings import Settings, StackKind, load_dag_settings, load_settings, project_root
from janitor.settings.own_stack import MADE
from janitor.settings.variables import secrets_of, variables_of

EMBEDDED = "JANITOR_STACK=embedded\nJANITOR_BUCKET=a-bucket\n"
EXTERNAL = "JANITOR_STACK=external\nJANITOR_BUCKET=a-bucket\nJANITOR_DEPLOYMENT=team-a\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "infra" / "env").mkdir(parents=True)
    return tmp_path


def write(root: Path, environment: str, text: str) -> None:
    (root / "infra" / "env" / f"{environment}.env").write_text(text)


def load(root: Path, environment: str = "local", **environ: str) -> Settings:
    return load_settings(environment, environ=environ, project_root=root)


def test_committed_environments_load() -> None:
    root = project_root()
    local = load_settings("local", environ={}, project_root=root)
    assert local.stack is StackKind.EMBEDDED
    assert local.engine is EngineChoice.VENV
    assert local.poll_interval == timedelta(seconds=1)
    for name in ("dev", "prod"):
        settings = load_settings(name, environ={"JANITOR_BUCKET": "b"}, project_root=root)
        assert settings.stack is StackKind.EXTERNAL
        assert settings.engine is EngineChoice.DOCKER
        assert settings.deployment == name
        assert settings.aws_access_key_id is None
        assert settings.aws_endpoint_url is None
        assert settings.poll_interval == timedelta(seconds=15)


def test_local_is_the_default_and_env_chooses(root: Path) -> None:
    write(root, "local", EMBEDDED)
    write(root, "other", EXTERNAL)
    assert load_settings(environ={}, project_root=root).environment == "local"
    assert load_settings(environ={"ENV": "other"}, project_root=root).environment == "other"
    both = {"ENV": "local", "JANITOR_ENV": "other"}
    assert load_settings(environ=both, project_root=root).environment == "other"
    assert load_settings("local", environ=both, project_root=root).environment == "local"


def test_process_comes_before_stack_before_file_before_default(root: Path) -> None:
    write(root, "local", EMBEDDED + "JANITOR_LOG_GROUP=/file\n")
    assert load(root).log_group == "/file"
    (root / ".local").mkdir()
    (root / ".local" / "stack.env").write_text("JANITOR_LOG_GROUP=/stack\n")
    assert load(root).log_group == "/stack"
    assert load(root, JANITOR_LOG_GROUP="/process").log_group == "/process"


def test_the_stacks_file_never_reaches_an_external_environment(root: Path) -> None:
    write(root, "dev", EXTERNAL)
    (root / ".local").mkdir()
    (root / ".local" / "stack.env").write_text("JANITOR_DATABASE_URL=postgresql://local/\nAWS_ENDPOINT_URL=http://x\n")
    settings = load(root, "dev")
    assert settings.database_url is None
    assert settings.aws_endpoint_url is None


def test_credentials_of_the_shell_dont_reach_the_local_cloud(root: Path) -> None:
    write(root, "local", EMBEDDED + "AWS_ENDPOINT_URL=http://127.0.0.1:1\nAWS_ACCESS_KEY_ID=local\nAWS_REGION=eu-1\n")
    settings = load(root, AWS_ACCESS_KEY_ID="real", AWS_ENDPOINT_URL="https://real", AWS_REGION="us-gov-west-1")
    assert settings.aws_access_key_id == "local"
    assert settings.aws_endpoint_url == "http://127.0.0.1:1"
    assert settings.region == "eu-1"


def test_region_of_the_shell_is_the_last_resort(root: Path) -> None:
    write(root, "dev", EXTERNAL)
    assert load(root, "dev").region == "us-east-1"
    assert load(root, "dev", AWS_DEFAULT_REGION="eu-west-1").region == "eu-west-1"
    assert load(root, "dev", AWS_DEFAULT_REGION="eu-west-1", AWS_REGION="eu-west-2").region == "eu-west-2"
    assert load(root, "dev", AWS_REGION="eu-west-2", JANITOR_REGION="eu-west-3").region == "eu-west-3"


def test_region_of_the_shell_comes_before_the_files_outside_the_embedded_stack(root: Path) -> None:
    write(root, "dev", EXTERNAL + "AWS_REGION=us-east-1\n")
    assert load(root, "dev").region == "us-east-1"
    assert load(root, "dev", AWS_REGION="eu-west-1").region == "eu-west-1"
    assert load(root, "dev", AWS_DEFAULT_REGION="eu-west-1", AWS_REGION=" ").region == "eu-west-1"
    (root / "infra/env/dev.override.env").write_text("AWS_REGION=us-west-2\n")
    assert load(root, "dev").region == "us-west-2"
    assert load(root, "dev", AWS_REGION="eu-west-1").region == "eu-west-1"


def test_the_deployments_own_region_comes_before_the_shells(root: Path) -> None:
    write(root, "dev", EXTERNAL + "JANITOR_REGION=eu-central-1\nAWS_REGION=us-east-1\n")
    assert load(root, "dev", AWS_REGION="eu-west-1").region == "eu-central-1"
    assert load(root, "dev", JANITOR_REGION="eu-west-3", AWS_REGION="eu-west-1").region == "eu-west-3"


def test_an_empty_value_is_not_set(root: Path) -> None:
    write(root, "dev", EXTERNAL + "JANITOR_IMAGE_ID=\nJANITOR_LOG_GROUP=\n")
    settings = load(root, "dev", JANITOR_LOG_GROUP=" ")
    assert settings.image_id is None
    assert settings.log_group == "/janitor-runner"


def test_lists_and_durations(root: Path) -> None:
    write(root, "dev", EXTERNAL)
    settings = load(root, "dev", JANITOR_SUBNET_IDS="subnet-1, subnet-2 subnet-3", JANITOR_POLL_INTERVAL_SECONDS="0.5")
    assert settings.subnet_ids == ("subnet-1", "subnet-2", "subnet-3")
    assert settings.poll_interval == timedelta(milliseconds=500)


@pytest.mark.parametrize(("given", "kept"), [("off", ""), ("0 3  * * *", "0 3 * * *")])
def test_schedule(root: Path, given: str, kept: str) -> None:
    write(root, "dev", EXTERNAL + "JANITOR_SCHEDULE=1 1 1 1 1\n")
    assert load(root, "dev", JANITOR_SCHEDULE=given).schedule == kept


CRON = [
    *(
        "0 3 * * mon-fri",
        "*/15 3 1,15 jan-mar L5",
        "0 0 L * *",
        "0 0 * * Mon#1",
        "5-1 * * * *",
        "0 3 ? * *",
        "0 3 * * 7",
    ),
    *(
        "61 * * * *",
        "* 25 * * *",
        "0 3 0 * *",
        "0 3 * 13 *",
        "0 3 * * 8",
        "*/0 * * * *",
        "1-70/2 * * * *",
        "-1 * * * *",
    ),
    *("a b c d e", "0 3 * * mo", "h 3 * * *", "1,,2 * * * *", "1- * * * *", "** * * * *", "0 0 * * xyz#1", "? * * * *"),
    *("0 0 * * 9#1", "0 0 * * L8", "*-5 * * * *", "@daily x x x x"),
]


@pytest.mark.parametrize("given", CRON)
def test_a_schedule_is_taken_only_if_airflow_takes_it(root: Path, given: str) -> None:
    write(root, "dev", EXTERNAL)
    if croniter.is_valid(given):
        assert load(root, "dev", JANITOR_SCHEDULE=given).schedule == given
        assert load_dag_settings({"JANITOR_SCHEDULE": given}).schedule == given
        return
    with pytest.raises(SettingsError, match=r"JANITOR_SCHEDULE \(process environment\): is not a cron expression: "):
        load(root, "dev", JANITOR_SCHEDULE=given)
    with pytest.raises(SettingsError, match="JANITOR_SCHEDULE"):
        load_dag_settings({"JANITOR_SCHEDULE": given})


@pytest.mark.parametrize("engine", ["auto", "venv"])
def test_only_an_embedded_stack_may_do_without_containers(root: Path, engine: str) -> None:
    write(root, "dev", EXTERNAL)
    write(root, "local", EMBEDDED)
    assert load(root, "local", JANITOR_ENGINE=engine).engine is EngineChoice(engine)
    assert load(root, "dev", JANITOR_ENGINE="docker").engine is EngineChoice.DOCKER
    with pytest.raises(SettingsError, match=rf"JANITOR_ENGINE \(process environment\): {engine} is for the embedded"):
        load(root, "dev", JANITOR_ENGINE=engine)


@pytest.mark.parametrize("text", [EMBEDDED, EXTERNAL, EXTERNAL.replace("JANITOR_STACK=external\n", "")])
def test_an_engine_that_nobody_names_is_docker(root: Path, text: str) -> None:
    write(root, "dev", text)
    assert load(root, "dev").engine is EngineChoice.DOCKER


def test_every_problem_is_named_with_variable_and_source(root: Path) -> None:
    write(root, "dev", "JANITOR_STACK=external\nJANITOR_LOG_GRUOP=/x\nJANITOR_ENGINE=podman\n")
    with pytest.raises(SettingsError) as caught:
        load(root, "dev", JANITOR_WEB_PORT="eighty", JANITOR_POLL_INTERVAL_SECONDS="soon", JANITOR_SCHEDULE="daily")
    message = str(caught.value)
    assert "JANITOR_LOG_GRUOP (infra/env/dev.env): unknown variable; did you mean JANITOR_LOG_GROUP?" in message
    assert "JANITOR_ENGINE (infra/env/dev.env): " in message
    assert "JANITOR_WEB_PORT (process environment): " in message
    assert "JANITOR_POLL_INTERVAL_SECONDS (process environment): is not a number of seconds" in message
    assert "JANITOR_SCHEDULE (process environment): is not a cron expression" in message
    assert "JANITOR_BUCKET: not set; put it in infra/env/dev.env" in message
    assert "JANITOR_DEPLOYMENT: not set; put it in infra/env/dev.env" in message


def test_unknown_environment_names_the_known_ones(root: Path) -> None:
    write(root, "local", EMBEDDED)
    write(root, "dev", EXTERNAL)
    with pytest.raises(
        SettingsError, match=r"ENV=stage: infra/env/stage\.env doesn't exist; environments here: dev, local"
    ):
        load(root, "stage")


def test_a_missing_value_says_where_it_belongs(root: Path) -> None:
    write(root, "local", EMBEDDED)
    write(root, "dev", EXTERNAL)
    with pytest.raises(SettingsError, match=r"JANITOR_DATABASE_URL is not set: .*run `make up`"):
        _ = load(root).writer_url
    with pytest.raises(
        SettingsError, match=r"JANITOR_READER_DATABASE_URL is not set; put it in infra/env/dev\.override\.env"
    ):
        _ = load(root, "dev").reader_url
    with pytest.raises(SettingsError, match="JANITOR_AIRFLOW_PASSWORD is not set"):
        _ = load(root, "dev", JANITOR_AIRFLOW_URL="http://a/", JANITOR_AIRFLOW_USERNAME="u").airflow_login


def test_secrets_are_under_the_deployments_prefix_unless_it_is_told(root: Path) -> None:
    write(root, "dev", EXTERNAL)
    settings = load(root, "dev", JANITOR_REGION="eu-west-1")
    assert settings.secret_store == SecretStore(prefix=f"janitor/{settings.deployment}/", region="eu-west-1")
    assert load(root, "dev", JANITOR_SECRETS_PREFIX="team/gpu/").secret_store.prefix == "team/gpu/"
    for bad in ("team", "/team/", "a b/", "x" * 100 + "/"):
        with pytest.raises(SettingsError, match=r"JANITOR_SECRETS_PREFIX .*is no prefix of secrets' names"):
            load(root, "dev", JANITOR_SECRETS_PREFIX=bad)


def test_airflow_login(root: Path) -> None:
    write(root, "dev", EXTERNAL)
    settings = load(
        root, "dev", JANITOR_AIRFLOW_URL="http://a/", JANITOR_AIRFLOW_USERNAME="u", JANITOR_AIRFLOW_PASSWORD="p"
    )
    assert settings.airflow_login == ("http://a", "u", "p")


def test_secrets_stay_out_of_representations_and_errors(root: Path) -> None:
    write(root, "dev", EXTERNAL)
    settings = load(root, "dev", JANITOR_DATABASE_URL="postgresql://u:hunter2@h/d", PATH="/bin")
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()
    assert settings.writer_url == "postgresql://u:hunter2@h/d"


def test_settings_dont_change_and_reload(root: Path) -> None:
    write(root, "local", EMBEDDED)
    settings = load(root, JANITOR_WEB_PORT="1234", HOME="/home/x", SHELL_SECRET="s")
    with pytest.raises(ValidationError):
        settings.bucket = "other"  # type: ignore[misc]  # what a type checker refuses is tried
    assert settings.reload() == settings
    assert "SHELL_SECRET" not in settings.inherited
    assert settings.inherited["HOME"] == "/home/x"
    (root / ".local").mkdir()
    (root / ".local" / "stack.env").write_text("JANITOR_DATABASE_URL=postgresql://x/y\n")
    assert settings.reload().writer_url == "postgresql://x/y"
    assert settings.reload().web_port == 1234


def test_deployment_differs_between_checkouts_and_stays(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    write(root, "local", EMBEDDED)
    other = tmp_path_factory.mktemp("other")
    (other / "infra" / "env").mkdir(parents=True)
    write(other, "local", EMBEDDED)
    assert load(root).deployment == load(root).deployment
    assert load(root).deployment != load(other).deployment
    assert load(root).deployment.startswith("local-")


# Two embedded stacks

FIRST = {
    "JANITOR_DEPLOYMENT": "local-aaaaaaaa",
    "JANITOR_DATABASE_URL": "postgresql://first/janitor",
    "JANITOR_READER_DATABASE_URL": "postgresql://reader@first/janitor",
    "JANITOR_OWNER_DATABASE_URL": "postgresql://owner@first/janitor",
    "JANITOR_AIRFLOW_URL": "http://127.0.0.1:8080",
    "JANITOR_AIRFLOW_USERNAME": "admin",
    "JANITOR_AIRFLOW_PASSWORD": "first's",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "first",
    "AWS_SECRET_ACCESS_KEY": "first's",
}
"""What `set -a; . .local/stack.env` puts into a shell."""


def write_stack(root: Path, **values: str) -> Path:
    (root / ".local").mkdir(exist_ok=True)
    file = root / ".local" / "stack.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return file


def test_a_shell_with_another_stacks_file_is_refused(root: Path) -> None:
    write(root, "local", EMBEDDED)
    second = {name: value.replace("first", "second") for name, value in FIRST.items()}
    file = write_stack(root, **second | {"JANITOR_DEPLOYMENT": "local-bbbbbbbb"})
    before = file.read_text()
    with pytest.raises(SettingsError) as raised:
        load(root, **FIRST)
    message = str(raised.value)
    for word in ("local-aaaaaaaa", "local-bbbbbbbb", "JANITOR_DEPLOYMENT", "JANITOR_DATABASE_URL", "unset"):
        assert word in message
    assert "first's" not in message
    assert file.read_text() == before


def test_a_stack_that_was_never_started_does_not_become_another_one(root: Path) -> None:
    write(root, "local", EMBEDDED)
    with pytest.raises(SettingsError, match=r"local-aaaaaaaa: .*was never started \(no .local/stack.env"):
        load(root, **FIRST)
    assert not (root / ".local").exists()
    # A name alone is a choice.
    assert load(root, JANITOR_DEPLOYMENT="mine").deployment == "mine"


@pytest.mark.parametrize(
    "given",
    [
        {"JANITOR_DEPLOYMENT", "JANITOR_DATABASE_URL", "JANITOR_READER_DATABASE_URL"},
        *({name} for name in MADE),
        set(MADE),
    ],
    ids=lambda given: "+".join(sorted(given)),
)
def test_any_part_of_another_stack_in_the_shell_is_refused(root: Path, given: set[str]) -> None:
    """Whether this checkout's stack was never started, or has a file that lacks what the shell has."""
    write(root, "local", EMBEDDED)
    shell = {name: FIRST[MADE.get(name, name)] for name in given}
    with pytest.raises(SettingsError, match=r"names another stack.*was never started \(no .local/stack.env") as raised:
        load(root, **shell)
    assert given <= set(re.findall(r"\w+", str(raised.value).split("unset ")[1]))
    assert not (root / ".local").exists()
    write_stack(root, JANITOR_DEPLOYMENT=FIRST["JANITOR_DEPLOYMENT"])
    with pytest.raises(SettingsError, match=r"names another stack.*is local-aaaaaaaa"):
        load(root, **shell)
    # What its own file has is its own, whatever the shell says.
    write_stack(root, **FIRST)
    assert load(root, **shell).writer_url == "postgresql://first/janitor"


def test_what_a_stack_made_counts_over_a_shell_with_its_own_older_file(root: Path) -> None:
    write(root, "local", EMBEDDED)
    newer = {name: value.replace("first", "newer").replace(":1", ":2") for name, value in FIRST.items()}
    write_stack(root, **newer)
    settings = load(root, **FIRST, JANITOR_AWS_ENDPOINT_URL="http://elsewhere", JANITOR_LOG_GROUP="/mine")
    assert settings.deployment == "local-aaaaaaaa"
    assert settings.writer_url == "postgresql://newer/janitor"
    assert settings.reader_url == "postgresql://reader@newer/janitor"
    assert settings.owner_url == "postgresql://owner@newer/janitor"
    assert settings.aws_endpoint_url == "http://127.0.0.1:2"
    assert settings.airflow_login[2] == "newer's"
    assert settings.log_group == "/mine"
    # Nor do its processes inherit them.
    assert "JANITOR_DATABASE_URL" not in settings.inherited
    assert settings.reload() == settings


def test_a_database_of_the_shell_alone_does_not_reach_a_stack_that_has_its_own(root: Path) -> None:
    write(root, "local", EMBEDDED)
    write_stack(root, **FIRST)
    settings = load(root, JANITOR_DATABASE_URL="postgresql://other/janitor", JANITOR_AWS_ACCESS_KEY_ID="other")
    assert (settings.writer_url, settings.aws_access_key_id) == ("postgresql://first/janitor", "first")


def test_an_external_environment_takes_them_from_the_process(root: Path) -> None:
    write(root, "dev", EXTERNAL)
    write_stack(root, JANITOR_DEPLOYMENT="local-bbbbbbbb")
    settings = load(root, "dev", **FIRST)
    assert (settings.deployment, settings.writer_url) == ("local-aaaaaaaa", "postgresql://first/janitor")


def override(root: Path, environment: str, text: str) -> None:
    (root / "infra" / "env" / f"{environment}.override.env").write_text(text)


def test_a_checkout_s_own_settings_come_before_the_tracked_ones_and_after_the_process(root: Path) -> None:
    write(root, "local", EMBEDDED + "JANITOR_SCHEDULE=\nJANITOR_WEB_PORT=8080\nJANITOR_LOG_GROUP=/tracked\n")
    override(root, "local", "JANITOR_SCHEDULE=0 3 * * *\nJANITOR_WEB_PORT=9090\nJANITOR_LOG_GROUP=\n")
    settings = load(root, JANITOR_WEB_PORT="7070")
    assert settings.schedule == "0 3 * * *"
    assert settings.web_port == 7070
    assert load(root).web_port == 9090
    assert settings.log_group == "/tracked"  # an empty value counts as not set


def test_what_the_stack_wrote_comes_before_a_checkout_s_own_settings(root: Path) -> None:
    write(root, "local", EMBEDDED)
    override(root, "local", "AWS_ENDPOINT_URL=http://127.0.0.1:1\n")
    (root / ".local").mkdir()
    (root / ".local" / "stack.env").write_text("AWS_ENDPOINT_URL=http://127.0.0.1:2\n")
    assert load(root).aws_endpoint_url == "http://127.0.0.1:2"


def test_a_mistake_in_a_checkout_s_own_settings_is_named_with_that_file(root: Path) -> None:
    write(root, "local", EMBEDDED)
    override(root, "local", "JANITOR_SHEDULE=0 3 * * *\nJANITOR_WEB_PORT=eighty\n")
    with pytest.raises(SettingsError) as caught:
        load(root)
    assert "JANITOR_SHEDULE (infra/env/local.override.env): unknown variable; did you mean" in str(caught.value)
    assert "JANITOR_WEB_PORT (infra/env/local.override.env): " in str(caught.value)


def test_a_checkout_s_own_file_is_no_environment(root: Path) -> None:
    write(root, "local", EMBEDDED)
    override(root, "local", "")
    for name in ("nowhere", "local.override"):
        with pytest.raises(SettingsError, match=r"environments here: local\. "):
            load(root, name)


NEEDED = (
    *("JANITOR_BUCKET", "JANITOR_DEPLOYMENT", "JANITOR_DATABASE_URL", "JANITOR_READER_DATABASE_URL"),
    *("JANITOR_OWNER_DATABASE_URL", "JANITOR_AIRFLOW_URL", "JANITOR_AIRFLOW_USERNAME", "JANITOR_AIRFLOW_PASSWORD"),
    "JANITOR_LAUNCH_TEMPLATE or JANITOR_IMAGE_ID",
)


SECRET = (
    *("JANITOR_DATABASE_URL", "JANITOR_READER_DATABASE_URL", "JANITOR_OWNER_DATABASE_URL"),
    *("JANITOR_AIRFLOW_USERNAME", "JANITOR_AIRFLOW_PASSWORD"),  # in the user's place there may be a token
)


def test_everything_that_a_deployment_lacks_is_named_at_once_each_once(root: Path) -> None:
    write(root, "dev", "JANITOR_STACK=external\n")
    with pytest.raises(SettingsError) as caught:
        load(root, "dev")
    lines = str(caught.value).splitlines()[1:]
    assert sorted(line.strip().partition(":")[0] for line in lines) == sorted(NEEDED)
    assert all("not set; put it in infra/env/dev." in line for line in lines)
    assert [line.strip().partition(":")[0] for line in lines if "infra/env/dev.env" not in line] == list(SECRET)
    assert all("infra/env/dev.override.env, which git ignores" in line for line in lines)


def test_a_command_that_misses_one_setting_names_the_others_too(root: Path) -> None:
    write(root, "dev", EXTERNAL + "JANITOR_IMAGE_ID=ami-1\n")
    with pytest.raises(SettingsError) as caught:
        _ = load(root, "dev", JANITOR_DATABASE_URL="postgresql://x").reader_url
    first, title, *others = str(caught.value).splitlines()
    assert first.startswith("JANITOR_READER_DATABASE_URL is not set; put it in infra/env/dev.override.env, which git ")
    assert "infra/env/dev.env" not in first
    assert title == "Not set either:"
    assert [line.strip().partition(":")[0] for line in others] == list(NEEDED[4:8])


def test_no_message_wants_a_secret_in_the_file_that_git_tracks(root: Path) -> None:
    """Whichever setting a command misses: it and the others that it names."""
    write(root, "dev", EXTERNAL)
    settings = load(root, "dev")
    secrets = secrets_of(Settings)
    assert {"database_url", "airflow_password", "airflow_token", "aws_secret_access_key"} <= secrets
    for field, variable in variables_of(Settings).items():
        first, *others = str(settings._missing(field)).splitlines()
        assert variable.name in first
        assert ("infra/env/dev.env" in first) == (field not in secrets)
        assert "infra/env/dev.override.env, which git ignores" in first
        for line in others[1:]:
            assert "infra/env/dev.env" not in line
            is_secret = line.strip().partition(":")[0] in SECRET
            assert ("infra/env/dev.override.env" in line) == is_secret


def test_nothing_is_asked_for_that_is_there(root: Path) -> None:
    values = dict.fromkeys(NEEDED[2:8], "x") | {"JANITOR_LAUNCH_TEMPLATE": "lt-1", "JANITOR_WEB_PORT": "eighty"}
    write(root, "dev", EXTERNAL)
    with pytest.raises(SettingsError) as caught:
        load(root, "dev", **values)
    assert "not set" not in str(caught.value)


def test_runs_are_in_the_state_folder_or_where_either_name_says(root: Path) -> None:
    write(root, "local", EMBEDDED)
    assert load(root).runs_root == root / ".local" / "runs"
    assert load(root, JANITOR_RUNS_DIR="/shared/runs").runs_root == Path("/shared/runs")
    assert load(root, AUTONOMOUS_RUNS_DIR="/theirs").runs_root == Path("/theirs")
    assert load(root, AUTONOMOUS_RUNS_DIR="/theirs", JANITOR_RUNS_DIR="/ours").runs_root == Path("/ours")
    assert load(root, AUTONOMOUS_RUNS_DIR=".autonomous_runs").runs_root == root / ".local" / ".autonomous_runs"
    write(root, "local", EMBEDDED + "AUTONOMOUS_RUNS_DIR=/from/a/file\n")
    assert load(root).runs_root == Path("/from/a/file")
