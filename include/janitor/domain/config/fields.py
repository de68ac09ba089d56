"""The types of the configuration's fields: what each accepts, and what it says about anything else.

Invariant: a message never repeats the value of a field that may carry a secret (env, build_args, secrets, url).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from janitor.domain.config.architecture import is_arm
from janitor.domain.config.limits import MAX_TIMEOUT_MINUTES
from janitor.protocol.order.repository import BAKE_TARGET_PATTERN, VARIABLE_PATTERN
from janitor.protocol.order.spec import LONGEST_SECRETS_PREFIX
from janitor.protocol.order.success_when import read_condition

MAX_SECRET_NAME_CHARACTERS = 512 - LONGEST_SECRETS_PREFIX
MAX_POOL_NAME_CHARACTERS = 30
NO_POOL = "off"
"""Word of a repository that has no pool, though there is a default one."""
MAX_PROMPT_CHARACTERS = 8_000
"""Room for a page of instructions; the rest of the agent's context belongs to the check results."""


class Market(str, Enum):
    """How instances are bought."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"
    SPOT_THEN_ON_DEMAND = "spot-then-on-demand"


class Provider(str, Enum):
    """Who a pool's machines come from."""

    EC2 = "ec2"
    RUNPOD = "runpod"
    LOCAL = "local"  # processes of a host that is trusted with the database


class Reuse(str, Enum):
    """Between whose tasks a worker stays warm: its trust domain."""

    NEVER = "never"  # each task has a fresh one
    REPOSITORY = "repository"
    ORGANIZATION = "organization"
    ANY = "any"  # only where the configuration says that they trust each other


class Badges(str, Enum):
    """Whether repositories have a badge."""

    OFF = "off"
    PUBLIC = "public"


class RepairWay(str, Enum):
    """How people are given a repair that is proved."""

    OFF = "off"  # not at all: none is tried
    PATCH = "patch"  # as a file; nothing is pushed
    BRANCH = "branch"  # on a remote
    PULL = "pr"  # as a draft of a pull request


class NotificationEvent(str, Enum):
    """News that is worth a message."""

    NEWLY_BROKEN = "newly_broken"
    NEWLY_FIXED = "newly_fixed"
    STALE = "stale"
    BUDGET_REFUSED = "budget_refused"
    LEAK_FOUND = "leak_found"


def _quoted(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:57] + "…")


def _check_repository_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", value):
        raise ValueError(
            f"{_quoted(value)} is not a repository name: letters, digits, '.', '_' and '-', at most 100 characters"
        )
    if value in (".", "..") or value.startswith("-") or value.lower().endswith(".git"):
        raise ValueError(f"{_quoted(value)} is not a repository name: not '.' or '..', no leading '-', no final '.git'")
    return value


def _check_organization(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9_]|-(?=[A-Za-z0-9])){0,38}", value):
        raise ValueError(
            f"{_quoted(value)} is not an organization: letters, digits, single '-' between them, at most 39 characters"
        )
    return value


def _check_prompt(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; say what is to be validated")
    if len(value) > MAX_PROMPT_CHARACTERS:
        raise ValueError(f"has {len(value):,} characters; at most {MAX_PROMPT_CHARACTERS:,} are allowed")
    return value


def _check_instance_type(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}\.[a-z0-9-]{1,30}", value):
        raise ValueError(f"{_quoted(value)} is not an EC2 instance type such as g5.xlarge")
    if is_arm(value):
        raise ValueError(
            f"{_quoted(value)} has an arm64 processor, and instances are launched from an image for x86_64;"
            " name a type such as g5.xlarge or g6.xlarge"
        )
    return value


def _check_url(value: str) -> str:
    """https, ssh, `git@host:path` and file. Not http or git: what is fetched is executed, so it must be authentic."""
    if len(value) > 2_048 or re.search(r"[\s\\]", value):
        raise ValueError("holds a space, a backslash or more than 2,048 characters")
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^-:/][^:]*", value):
        return value
    try:
        parts = urlsplit(value)
        has_host = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*|[0-9a-f:.]+", parts.hostname or "") is not None
        _ = parts.port
    except ValueError as error:
        raise ValueError("is not a URL") from error
    if parts.scheme not in ("https", "ssh", "file"):
        raise ValueError("must be an https://, ssh://, git@host:path or file:// URL")
    if parts.password is not None or (parts.username is not None and parts.scheme != "ssh"):
        todo = "name a public URL, or a mirror that the instance reads without them"
        raise ValueError(f"carries credentials, which git is never given; {todo}")
    if parts.query or parts.fragment:
        raise ValueError("has a '?' or '#' part, which a repository's URL doesn't need")
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise ValueError("must name an absolute path: file:///path/to/repository")
    elif not has_host or len(parts.path.strip("/")) == 0 or str(parts.username or "").startswith("-"):
        raise ValueError("must name a host and a repository")
    return value


def _check_ref(value: str) -> str:
    """The rules of `git check-ref-format`, and no leading '-', which git would take for an option."""
    components = value.split("/")
    bad = (
        not value
        or len(value) > 255
        or value == "@"
        or value.startswith("-")
        or value.endswith(".")
        or ".." in value
        or "@{" in value
        or re.search(r"[\x00-\x20\x7f~^:?*\[\\]", value) is not None
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in components)
    )
    if bad:
        raise ValueError(f"{_quoted(value)} is not a branch, tag or commit that git accepts")
    return value


def _check_dockerfile(value: str) -> str:
    path = PurePosixPath(value)
    if (
        not value.strip()
        or len(value) > 255
        or "\\" in value
        or "\n" in value
        or value.startswith("-")
        or path.is_absolute()
        or ".." in path.parts
        or path == PurePosixPath()
    ):
        raise ValueError(f"{_quoted(value)} must be a path inside the repository, such as docker/Dockerfile")
    if re.fullmatch(r"docker-bake(?:\.override)?\.(?:hcl|json)", path.name):
        raise ValueError(f"{_quoted(value)} is a bake file, no Dockerfile; name one of its targets under bake_target")
    return value


def _check_bake_target(value: str) -> str:
    if not re.fullmatch(BAKE_TARGET_PATTERN, value):
        raise ValueError(
            f"{_quoted(value)} is not a bake target: letters, digits, '_', '-' and '.', at most 200 characters"
        )
    return value


def _check_success_when(value: str) -> str:
    try:
        read_condition(value)
    except ValueError as error:
        raise ValueError(f"{_quoted(value)} is not a condition: {error}") from None
    return value


def _check_variable_name(value: str) -> str:
    if not re.fullmatch(VARIABLE_PATTERN, value):
        raise ValueError(f"{_quoted(value)} is not a variable name: letters, digits and '_', no digit first")
    return value


_KNOWN_CREDENTIAL = re.compile(
    r"(?:hf_[A-Za-z0-9]{20}|sk-[A-Za-z0-9_-]{20}|gh[opsur]_[A-Za-z0-9]{20}|github_pat_|rpa_[A-Za-z0-9]{20}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abprs]-|glpat-|AIza[A-Za-z0-9_-]{30}|eyJ[A-Za-z0-9_-]{10,}\.eyJ|-----BEGIN "
    r"|(?:https://)?hooks\.slack(?:-gov)?\.com/[a-z]+/T)"
)
"""How the credentials of common services begin."""

_WEBHOOK_TAIL = re.compile(r"/?(?:[a-z.-]+/)*T[A-Z0-9]{2,}/[A-Z0-9]{3,}/[A-Za-z0-9/]+")
"""What is left of a Slack webhook's address without its host: all of its secret. Such a name would be allowed."""


def _looks_drawn_at_random(value: str) -> bool:
    """Whether a name is one long run of mixed characters, as keys are and names aren't."""
    return any(
        len(word) >= 32 and re.search(r"\d", word) and re.search(r"[A-Za-z]", word)
        for word in re.split(r"[/_.+=@-]", value)
    )


def _check_setting_value(value: str) -> str:
    if _KNOWN_CREDENTIAL.search(value):
        raise ValueError("looks like a credential; keep it in Secrets Manager and name it under `secrets`")
    if len(value) > 32_768:
        raise ValueError("has more than 32,768 characters")
    return value


def _check_secret_name(value: str) -> str:
    """A name or ARN. Source: Secrets Manager CreateSecret, `Name`: letters, digits and /_+=.@-, up to 512."""
    is_arn = re.fullmatch(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}", value)
    if is_arn:
        return value
    if _KNOWN_CREDENTIAL.match(value) or _WEBHOOK_TAIL.fullmatch(value) or _looks_drawn_at_random(value):
        raise ValueError("looks like a secret itself; write the NAME that it has in Secrets Manager")
    if not re.fullmatch(r"[A-Za-z0-9/_+=.@-]{1,512}", value):
        raise ValueError("is not the name of a secret: letters, digits and /_+=.@-, at most 512 characters")
    return value


def _check_own_secret_name(value: str) -> str:
    """A name under the deployment's prefix, with which it must be no longer than Secrets Manager's 512."""
    if value.startswith("arn:"):
        raise ValueError("is an ARN; write the NAME that the secret has under the deployment's prefix")
    if len(value) > MAX_SECRET_NAME_CHARACTERS:
        raise ValueError(f"has more than {MAX_SECRET_NAME_CHARACTERS} characters")
    if "=" in value:
        # A line of the local stack's secrets.env is split at its first `=`.
        raise ValueError("has a '=', which no line of .local/secrets.env can name; give the secret a name without it")
    return _check_secret_name(value)


def _check_unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"lists {getattr(value, 'value', value)} twice")
    return values


def _as_dollars(value: Any) -> Any:
    # Through text: Decimal(0.1) would be 0.1000000000000000055.
    return Decimal(str(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _as_word(value: Any) -> Any:
    """`off` as it was written: YAML 1.1 reads false."""
    return "off" if value is False else value


def _check_pool_name(value: str) -> str:
    """A name is part of machines' names at every provider, so it is short and plain."""
    if value == NO_POOL:
        raise ValueError(f"is no name of a pool: `pool: {NO_POOL}` on a repository means none")
    return _check_pool(value)


def _check_pool(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", value) or len(value) > MAX_POOL_NAME_CHARACTERS:
        raise ValueError(
            f"{_quoted(value)} is not a pool's name: lower case letters, digits and single '-' between them, a letter"
            f" first, at most {MAX_POOL_NAME_CHARACTERS} characters"
        )
    return value


def _check_gpu_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 .()/+-]{0,78}[A-Za-z0-9)]", value):
        raise ValueError(f"{_quoted(value)} is not an id of a GPU as RunPod lists it, such as NVIDIA RTX A4000")
    return value


def _check_sns_topic(value: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?", value):
        raise ValueError(f"{_quoted(value)} is not the ARN of an SNS topic")
    return value


def _check_email(value: str) -> str:
    if len(value) > 254 or not re.fullmatch(r"[^\s@,;<>\"]+@[A-Za-z0-9](?:[A-Za-z0-9-]*\.)+[A-Za-z0-9-]+", value):
        raise ValueError(f"{_quoted(value)} is not an e-mail address")
    return value


def _check_github_repository(value: str) -> str:
    organization, separator, name = value.partition("/")
    if not separator:
        raise ValueError(f"{_quoted(value)} is not of the form organization/name")
    return f"{_check_organization(organization)}/{_check_repository_name(name)}"


RepositoryName = Annotated[str, AfterValidator(_check_repository_name), Field(json_schema_extra={"maxLength": 100})]
Organization = Annotated[str, AfterValidator(_check_organization), Field(json_schema_extra={"maxLength": 39})]
Prompt = Annotated[
    str, AfterValidator(_check_prompt), Field(json_schema_extra={"minLength": 1, "maxLength": MAX_PROMPT_CHARACTERS})
]
InstanceType = Annotated[
    str, AfterValidator(_check_instance_type), Field(json_schema_extra={"pattern": r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$"})
]
RepositoryUrl = Annotated[str, AfterValidator(_check_url)]
VariableName = Annotated[str, AfterValidator(_check_variable_name)]
SecretName = Annotated[str, AfterValidator(_check_secret_name)]
NewsSecretName = Annotated[str, AfterValidator(_check_own_secret_name)]
"""Of a channel, under a prefix that no instance may read; see `janitor.settings`."""
TimeoutMinutes = Annotated[float, Field(ge=1 / 60, le=MAX_TIMEOUT_MINUTES, allow_inf_nan=False)]
"""From one second, for tests, to the longest command that SSM runs."""
Dollars = Annotated[
    Decimal,
    BeforeValidator(_as_dollars),
    Field(gt=0, le=1_000_000, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000}),
]
InstanceTypes = Annotated[tuple[InstanceType, ...], Field(strict=False, max_length=20), AfterValidator(_check_unique)]
PoolName = Annotated[
    str, AfterValidator(_check_pool_name), Field(json_schema_extra={"maxLength": MAX_POOL_NAME_CHARACTERS})
]
PoolChoice = Annotated[
    str,
    BeforeValidator(_as_word),
    AfterValidator(_check_pool),
    Field(json_schema_extra={"maxLength": MAX_POOL_NAME_CHARACTERS}),
]
"""Of a repository: a pool's name, or `off`."""
GpuIds = Annotated[
    tuple[Annotated[str, AfterValidator(_check_gpu_id)], ...],
    Field(strict=False, max_length=20),
    AfterValidator(_check_unique),
]
RepairWays = Annotated[RepairWay, Field(strict=False), BeforeValidator(_as_word)]
SnsTopicArn = Annotated[str, AfterValidator(_check_sns_topic)]
EmailAddress = Annotated[str, AfterValidator(_check_email)]
GithubRepository = Annotated[str, AfterValidator(_check_github_repository)]
NotificationEvents = Annotated[
    tuple[Annotated[NotificationEvent, Field(strict=False)], ...], Field(strict=False), AfterValidator(_check_unique)
]
EmailAddresses = Annotated[tuple[EmailAddress, ...], Field(strict=False, max_length=50), AfterValidator(_check_unique)]

AUTHOR_CHECKS: Mapping[str, Callable[[str], str]] = {
    "ref": _check_ref,
    "dockerfile": _check_dockerfile,
    "bake_target": _check_bake_target,
    "success_when": _check_success_when,
    "build_args": _check_setting_value,
    "env": _check_setting_value,
    "secrets": _check_own_secret_name,
}
"""What the author of a parameter is told beyond the bounds of its declaration; of a mapping's values one by one."""
