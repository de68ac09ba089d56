"""Settings: the one place where environment variables are read.

Four sources, strongest first:

1. `JANITOR_*` variables of the process;
2. `<state_dir>/stack.env`, which the local stack writes when it starts (only where the environment has such a stack);
3. `infra/env/<ENV>.env`;
4. the vendor's own variables of the process (`AWS_REGION`, …), only for the settings that say so.

The vendor's variables come last so that credentials or an endpoint exported in a shell can't make the local
environment talk to real AWS, nor hand real keys to the local cloud. Within one source a setting's `JANITOR_` name comes
before the vendor's. An empty value counts as not set.

Environments differ in these values alone; no code asks which environment it runs in.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from janitor.domain.config_fields import SecretName
from janitor.domain.errors import SettingsError
from janitor.protocol.agent import LONGEST_WALL_CLOCK, MODEL_PATTERN, URL_PATTERN, AgentLimits, AgentSpec
from janitor.protocol.statuses import EngineChoice

DEFAULT_ENVIRONMENT = "local"
STACK_ENV_NAME = "stack.env"

# What the processes of the stack inherit from whoever starts it; everything else stays outside.
INHERITED_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"),
        *("GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    }
)
INHERITED_PREFIXES = ("JANITOR_", "LC_", "PIP_", "UV_")


class StackKind(str, Enum):
    """Who runs Airflow, the database and the cloud of an environment."""

    EMBEDDED = "embedded"  # `make up` starts them on this machine
    EXTERNAL = "external"  # they exist already; their addresses are settings


@dataclass(frozen=True)
class Variable:
    """The environment variables that one setting is read from."""

    name: str
    """The product's own name (`JANITOR_…`)."""

    vendor: tuple[str, ...] = ()
    """Names that others use for the same thing; read from files."""

    ambient: bool = False
    """Whether the vendor's names are also read from the process, as the weakest source."""


def _seconds(value: Any) -> Any:
    """Turn a number of seconds, written as text, into a duration."""
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            raise ValueError("is not a number of seconds") from None
        if not 0 < number < 86_400 * 366:
            raise ValueError("must be more than 0 and less than a year, in seconds")
        return timedelta(seconds=number)
    return value


def _words(value: Any) -> Any:
    """Split text at commas and blanks."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _schedule(value: str) -> str:
    """Accept a cron expression of five fields, or nothing (also written `off`)."""
    if value in {"", "off"}:
        return ""
    if len(value.split()) != 5:
        raise ValueError("is not a cron expression of five fields (or `off`)")
    return " ".join(value.split())


def _model(value: Any) -> Any:
    """Take `off` and `none` for no model at all."""
    return None if isinstance(value, str) and value.lower() in {"off", "none"} else value


def _model_name(value: str) -> str:
    if not re.fullmatch(MODEL_PATTERN, value):
        raise ValueError("is not bedrock:<id>, anthropic:<id> or openai:<id>")
    return value


def _endpoint(value: str) -> str:
    if not re.fullmatch(URL_PATTERN, value):
        raise ValueError("is not an http(s) address without user name and password")
    return value


def _wall_clock(value: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= value <= LONGEST_WALL_CLOCK:
        raise ValueError(f"must be 1 to {LONGEST_WALL_CLOCK.total_seconds():.0f} seconds")
    return value


ModelName = Annotated[str, AfterValidator(_model_name)]
EndpointUrl = Annotated[str, AfterValidator(_endpoint)]
Seconds = Annotated[timedelta, BeforeValidator(_seconds)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
AgentSeconds = Annotated[Seconds, AfterValidator(_wall_clock)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class Settings(BaseModel):
    """Settings of one environment, read once and handed to whoever needs them.

    Build it with `load_settings`. Values that an environment may lack are None; `writer_url`, `reader_url` and
    `airflow_login` raise a `SettingsError` that says where such a value belongs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # Where everything is
    environment: str
    project_root: Path
    state_dir: Annotated[Path, Variable("JANITOR_STATE_DIR")]
    """Everything that the local stack writes; `.local` under the project's root."""
    dags_folder: Annotated[Path, Variable("JANITOR_DAGS_FOLDER")]
    plugins_folder: Annotated[Path, Variable("JANITOR_PLUGINS_FOLDER")]
    examples_folder: Annotated[Path, Variable("JANITOR_EXAMPLES_FOLDER")]
    """Example workers; each folder in it becomes a git repository when the local stack starts."""
    inherited: Mapping[str, str] = Field(repr=False, exclude=True)
    """The part of the process environment that child processes may see."""

    # Identity
    stack: Annotated[StackKind, Variable("JANITOR_STACK")] = StackKind.EXTERNAL
    deployment: Annotated[str, Variable("JANITOR_DEPLOYMENT"), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    """Tag value that marks everything this deployment owns in the cloud."""

    # Database
    database_url: Annotated[SecretStr | None, Variable("JANITOR_DATABASE_URL")] = None
    """Role that writes; see `writer_url`."""
    reader_database_url: Annotated[SecretStr | None, Variable("JANITOR_READER_DATABASE_URL")] = None
    """Role that only reads; see `reader_url`."""
    owner_database_url: Annotated[SecretStr | None, Variable("JANITOR_OWNER_DATABASE_URL")] = None
    """Role that migrates; see `owner_url`."""

    # Cloud
    region: Annotated[str, Variable("JANITOR_REGION", ("AWS_REGION", "AWS_DEFAULT_REGION"), ambient=True)] = "us-east-1"
    aws_endpoint_url: Annotated[str | None, Variable("JANITOR_AWS_ENDPOINT_URL", ("AWS_ENDPOINT_URL",), True)] = None
    aws_access_key_id: Annotated[str | None, Variable("JANITOR_AWS_ACCESS_KEY_ID", ("AWS_ACCESS_KEY_ID",))] = None
    """None (as in dev and prod): boto3's default chain, which knows session tokens, profiles and roles."""
    aws_secret_access_key: Annotated[
        SecretStr | None, Variable("JANITOR_AWS_SECRET_ACCESS_KEY", ("AWS_SECRET_ACCESS_KEY",))
    ] = None
    bucket: Annotated[str, Variable("JANITOR_BUCKET")]
    log_group: Annotated[str, Variable("JANITOR_LOG_GROUP")] = "/janitor-runner"
    image_id: Annotated[str | None, Variable("JANITOR_IMAGE_ID")] = None
    """AMI of the instances; None where the launch template names it."""
    launch_template: Annotated[str | None, Variable("JANITOR_LAUNCH_TEMPLATE")] = None
    instance_profile: Annotated[str | None, Variable("JANITOR_INSTANCE_PROFILE")] = None
    subnet_ids: Annotated[Words, Variable("JANITOR_SUBNET_IDS")] = ()
    security_group_ids: Annotated[Words, Variable("JANITOR_SECURITY_GROUP_IDS")] = ()
    consistency: Annotated[Seconds, Variable("JANITOR_CONSISTENCY_SECONDS")] = timedelta(seconds=60)
    """How long EC2 and SSM may not show yet what was made.
    Source: EC2 API, "Eventual consistency": describe calls may lag behind for a while."""

    # Cost safety
    reap_interval: Annotated[Seconds, Variable("JANITOR_REAP_INTERVAL_SECONDS")] = timedelta(minutes=5)
    """Pause between two passes of the reaper; no instance outlives its expiry by more."""
    schedule_group: Annotated[str | None, Variable("JANITOR_SCHEDULE_GROUP")] = None
    """EventBridge Scheduler group of the external timers; None: there are none."""
    scheduler_role_arn: Annotated[str | None, Variable("JANITOR_SCHEDULER_ROLE_ARN")] = None
    """Role with which EventBridge Scheduler terminates instances."""
    reaper_function: Annotated[str | None, Variable("JANITOR_REAPER_FUNCTION")] = None
    """Name of the reaper's Lambda function; None: there is none."""
    prices_file: Annotated[Path, Variable("JANITOR_PRICES_FILE")]
    """Prices of instance types and volumes, in USD."""
    volume_gib: Annotated[int, Field(ge=1, le=16_384), Variable("JANITOR_VOLUME_GIB")] = 100
    """Size of an instance's root volume, for its cost."""
    breaker_repository_failures: Annotated[int, Field(ge=1), Variable("JANITOR_BREAKER_REPOSITORY_FAILURES")] = 3
    """After how many failed launches in a row of one repository its launches pause."""
    breaker_deployment_failures: Annotated[int, Field(ge=1), Variable("JANITOR_BREAKER_DEPLOYMENT_FAILURES")] = 10
    """After how many failed launches in a row of the whole deployment all launches pause."""
    breaker_pause: Annotated[Seconds, Variable("JANITOR_BREAKER_PAUSE_SECONDS")] = timedelta(minutes=15)
    """How long launches pause after the last failure."""

    # Validation
    engine: Annotated[EngineChoice, Variable("JANITOR_ENGINE")] = EngineChoice.AUTO
    poll_interval: Annotated[Seconds, Variable("JANITOR_POLL_INTERVAL_SECONDS")] = timedelta(seconds=15)
    """Pause between two looks at commands and instances."""
    worker_wait: Annotated[Seconds, Variable("JANITOR_WORKER_WAIT_SECONDS")] = timedelta(seconds=20)
    """How long `validate` waits in its worker before it defers."""
    place_wait: Annotated[Seconds, Variable("JANITOR_PLACE_WAIT_SECONDS")] = timedelta(seconds=5)
    """How long `launch` waits in its worker for a free place before it defers."""
    online_timeout: Annotated[Seconds, Variable("JANITOR_ONLINE_TIMEOUT_SECONDS")] = timedelta(seconds=300)
    """How long an instance may take from launch until SSM reaches it."""

    # Agent: who answers the prompts, and what an answer may cost; it reaches the instance in the spec
    agent_model: Annotated[ModelName | None, BeforeValidator(_model), Variable("JANITOR_AGENT_MODEL")] = None
    """`bedrock:<id>` (the instance's role), `anthropic:<id>` or `openai:<id>`; None or `off`: nobody answers."""
    agent_base_url: Annotated[EndpointUrl | None, Variable("JANITOR_AGENT_BASE_URL")] = None
    """Another endpoint that speaks the provider's protocol, such as a model server's."""
    agent_key_secret: Annotated[SecretName | None, Variable("JANITOR_AGENT_KEY_SECRET")] = None
    """NAME in Secrets Manager of the provider's API key; the instance's role reads it."""
    agent_image: Annotated[str | None, Variable("JANITOR_AGENT_IMAGE")] = None
    """The janitor image, where the machine image has it and no Python with the agent's packages."""
    agent_turns: Annotated[int, Field(ge=1, le=1_000), Variable("JANITOR_AGENT_TURNS")] = 30
    agent_tool_calls: Annotated[int, Field(ge=1, le=1_000), Variable("JANITOR_AGENT_TOOL_CALLS")] = 40
    agent_tokens: Annotated[int, Field(ge=1_000, le=100_000_000), Variable("JANITOR_AGENT_TOKENS")] = 400_000
    """Input and output of one answer together."""
    agent_cost_usd: Annotated[Decimal, Field(gt=0, le=1_000), Variable("JANITOR_AGENT_COST_USD")] = Decimal("1.00")
    """Of one answer; for a model without a known price `agent_tokens` stands alone."""
    agent_wall_clock: Annotated[AgentSeconds, Variable("JANITOR_AGENT_WALL_CLOCK_SECONDS")] = timedelta(minutes=15)
    """For one answer; the validation's hard limit comes before."""

    # Airflow
    airflow_url: Annotated[str | None, Variable("JANITOR_AIRFLOW_URL")] = None
    airflow_username: Annotated[str | None, Variable("JANITOR_AIRFLOW_USERNAME")] = None
    airflow_password: Annotated[SecretStr | None, Variable("JANITOR_AIRFLOW_PASSWORD")] = None
    airflow_dag_id: Annotated[str, Variable("JANITOR_AIRFLOW_DAG_ID")] = "validate_workers"
    default_config: Annotated[str, Variable("JANITOR_DEFAULT_CONFIG")] = "infra/workers-config.yaml"
    """Workers config of a run that names none."""
    schedule: Annotated[str, AfterValidator(_schedule), Variable("JANITOR_SCHEDULE")] = ""
    """Cron expression of the nightly run; empty: off."""

    # Local stack: preferred ports until it runs, the real ones afterwards
    web_port: Annotated[Port, Variable("JANITOR_WEB_PORT")] = 8080
    postgres_port: Annotated[Port, Variable("JANITOR_POSTGRES_PORT")] = 25_432
    cloud_port: Annotated[Port, Variable("JANITOR_CLOUD_PORT")] = 25_566
    supervisor_port: Annotated[Port, Variable("JANITOR_SUPERVISOR_PORT")] = 25_567
    start_timeout: Annotated[Seconds, Variable("JANITOR_START_TIMEOUT_SECONDS")] = timedelta(seconds=240)
    """How long `up` may take until every component is healthy."""

    @property
    def env_file(self) -> Path:
        """The file of this environment's settings."""
        return env_file_path(self.project_root, self.environment)

    @property
    def stack_env_file(self) -> Path:
        """The file that the local stack writes."""
        return self.state_dir / STACK_ENV_NAME

    @property
    def agent(self) -> AgentSpec | None:
        """Who answers prompts, as a spec says it; None where nobody does."""
        if self.agent_model is None:
            return None
        return AgentSpec(
            model=self.agent_model,
            base_url=self.agent_base_url,
            key_secret=self.agent_key_secret,
            region=self.region,
            image=self.agent_image,
            limits=AgentLimits(
                turns=self.agent_turns,
                tool_calls=self.agent_tool_calls,
                tokens=self.agent_tokens,
                cost_usd=self.agent_cost_usd,
                wall_clock=self.agent_wall_clock,
            ),
        )

    @property
    def writer_url(self) -> str:
        """Database URL of the role that writes. Raises SettingsError when there is none."""
        return self._secret("database_url")

    @property
    def reader_url(self) -> str:
        """Database URL of the role that only reads. Raises SettingsError when there is none."""
        return self._secret("reader_database_url")

    @property
    def owner_url(self) -> str:
        """Database URL of the role that migrates. Raises SettingsError when there is none."""
        return self._secret("owner_database_url")

    @property
    def airflow_login(self) -> tuple[str, str, str]:
        """URL, user name and password of Airflow. Raises SettingsError when one is missing."""
        for field in ("airflow_url", "airflow_username"):
            if getattr(self, field) is None:
                raise self._missing(field)
        assert self.airflow_url is not None
        assert self.airflow_username is not None
        return self.airflow_url.rstrip("/"), self.airflow_username, self._secret("airflow_password")

    def reload(self) -> Settings:
        """Read the same environment again, for example after the stack has written its file."""
        return load_settings(self.environment, environ=self.inherited, project_root=self.project_root)

    def _secret(self, field: str) -> str:
        value: SecretStr | None = getattr(self, field)
        if value is None:
            raise self._missing(field)
        return value.get_secret_value()

    def _missing(self, field: str) -> SettingsError:
        name = _variables()[field].name
        if self.stack is StackKind.EMBEDDED:
            return SettingsError(f"{name} is not set: the local stack has never been started; run `make up`")
        return SettingsError(f"{name} is not set; put it in {_shown(self.env_file, self.project_root)}")


def project_root() -> Path:
    """Return the folder that holds `infra/env`, above this file.

    Raises:
        SettingsError: the package isn't inside a checkout.
    """
    for parent in Path(__file__).resolve().parents:
        if (parent / "infra" / "env").is_dir():
            return parent
    raise SettingsError(
        "the project's folder (with infra/env) isn't above the installed package; install with `pip install -e .`"
    )


def env_file_path(root: Path, environment: str) -> Path:
    """Return where the settings of an environment are kept."""
    return root / "infra" / "env" / f"{environment}.env"


def load_settings(
    environment_name: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    project_root: Path | None = None,
) -> Settings:
    """Read the settings of one environment.

    Args:
        environment_name: Name of the environment; default: JANITOR_ENV, then ENV, then `local`.
        environ: Process environment; default: that of this process.
        project_root: The checkout; default: the one that this package is in.

    Raises:
        SettingsError: the environment is unknown, or values are missing or wrong. All problems are named at once, each
            with its variable and file.
    """
    process = dict(os.environ if environ is None else environ)
    root = (project_root or _default_root()).resolve()
    name = environment_name or process.get("JANITOR_ENV") or process.get("ENV") or DEFAULT_ENVIRONMENT
    process["JANITOR_ENV"] = name
    env_file = env_file_path(root, name)
    file_values = _read_env_file(env_file, root)
    own = _Source("process environment", {k: v for k, v in process.items() if k.startswith("JANITOR_")})
    committed = _Source(_shown(env_file, root), file_values)

    problems = list(_unknown_names(committed))
    sources = [own, committed]
    state_dir = root / _first_value("JANITOR_STATE_DIR", sources, ".local")
    # Only an environment with an embedded stack reads the stack's file: it never leaks into dev or prod.
    if _first_value("JANITOR_STACK", sources, "") == StackKind.EMBEDDED.value:
        stack_env = state_dir / STACK_ENV_NAME
        sources.insert(1, _Source(_shown(stack_env, root), _read_stack_env(stack_env)))
    values, origins = _collect(sources, ambient=process)

    values |= {"environment": name, "project_root": root, "state_dir": state_dir}
    values["inherited"] = {k: v for k, v in process.items() if k in INHERITED_NAMES or k.startswith(INHERITED_PREFIXES)}
    for field, default in _PATHS.items():
        values[field] = root / values.get(field, default)
    if values.get("stack") == StackKind.EMBEDDED.value:
        values.setdefault("deployment", _deployment_of(state_dir))
    try:
        settings = Settings(**values)
    except ValidationError as exc:
        problems.extend(_describe(exc, origins, committed.label))
    if problems:
        raise SettingsError(f"settings of ENV={name} can't be used:\n" + "\n".join(f"  {p}" for p in problems))
    return settings


_PATHS = {
    "dags_folder": "dags",
    "plugins_folder": "plugins",
    "examples_folder": "infra/local/workers",
    "prices_file": "infra/prices.yaml",
}
"""Relative to the project's root."""
_default_root = project_root  # `load_settings` has a parameter of that name


@dataclass(frozen=True)
class _Source:
    label: str
    values: Mapping[str, str]


def _variables() -> dict[str, Variable]:
    """Return the environment variables of every setting."""
    return {
        field: variable
        for field, info in Settings.model_fields.items()
        for variable in info.metadata
        if isinstance(variable, Variable)
    }


def _first_value(name: str, sources: list[_Source], default: str) -> str:
    return next((s.values[name] for s in sources if s.values.get(name)), default)


def _collect(sources: list[_Source], ambient: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return each setting's value, and the variable and source that it came from."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    weakest = _Source("process environment", ambient)
    for field, variable in _variables().items():
        candidates = [(source, name) for source in sources for name in (variable.name, *variable.vendor)]
        if variable.ambient:
            candidates += [(weakest, name) for name in variable.vendor]
        for source, name in candidates:
            value = source.values.get(name, "").strip()
            if value:
                values[field] = value
                origins[field] = f"{name} ({source.label})"
                break
    return values, origins


def _describe(exc: ValidationError, origins: Mapping[str, str], env_file: str) -> Iterator[str]:
    for error in exc.errors(include_url=False, include_input=False):
        field = str(error["loc"][0])
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] == "missing":
            yield f"{_variables()[field].name}: not set; put it in {env_file}"
        else:
            yield f"{origins.get(field, field)}: {message[0].lower()}{message[1:]}"


def _unknown_names(source: _Source) -> Iterator[str]:
    """Name the variables of a settings file that no setting reads, each with the nearest known one."""
    known = {name for v in _variables().values() for name in (v.name, *v.vendor)}
    for name in source.values:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield f"{name} ({source.label}): unknown variable{hint}"


def _read_env_file(path: Path, root: Path) -> dict[str, str]:
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.env"))) or "none"
        raise SettingsError(
            f"ENV={path.stem}: {_shown(path, root)} doesn't exist; environments here: {known}. "
            "Choose one of them, or write that file."
        )
    return _parse(path)


def _read_stack_env(path: Path) -> dict[str, str]:
    return _parse(path) if path.exists() else {}


def _parse(path: Path) -> dict[str, str]:
    try:
        return {k: v or "" for k, v in dotenv_values(path, interpolate=False, encoding="utf-8").items()}
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path} can't be read: {exc}") from exc


def _deployment_of(state_dir: Path) -> str:
    """Name a checkout's deployment until the stack pins it in its file: the same each time, another elsewhere."""
    return f"local-{hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:8]}"


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


@dataclass(frozen=True, kw_only=True)
class DagSettings:
    """What is known while a DAG file is parsed: from the process environment alone, so that parsing reads no file."""

    default_config: str
    schedule: str
    reap_interval: timedelta


def load_dag_settings(environ: Mapping[str, str] | None = None) -> DagSettings:
    """Read the settings of DAG parsing from the process environment (default: that of this process).

    Raises:
        SettingsError: The schedule is no cron expression, or the reaper's interval no number of seconds.
    """
    process = os.environ if environ is None else environ
    fields = Settings.model_fields
    try:
        schedule = _schedule(process.get("JANITOR_SCHEDULE", "").strip())
    except ValueError as exc:
        raise SettingsError(f"JANITOR_SCHEDULE (process environment): {exc}") from exc
    interval = process.get("JANITOR_REAP_INTERVAL_SECONDS", "").strip()
    try:
        reap_interval: timedelta = _seconds(interval) if interval else fields["reap_interval"].default
    except ValueError as exc:
        raise SettingsError(f"JANITOR_REAP_INTERVAL_SECONDS (process environment): {exc}") from exc
    return DagSettings(
        default_config=process.get("JANITOR_DEFAULT_CONFIG", "").strip() or fields["default_config"].default,
        schedule=schedule,
        reap_interval=reap_interval,
    )
