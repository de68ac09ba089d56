"""How a setting is declared: the variables that it is read from, and the types of what stands in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr

from janitor.protocol.agent.answers import LONGEST_WALL_CLOCK, MODEL_PATTERN, URL_PATTERN
from janitor.protocol.order.spec import LONGEST_SECRETS_PREFIX, SECRETS_PREFIX_PATTERN
from janitor.settings.cron import check_cron


@dataclass(frozen=True)
class Variable:
    """The environment variables that one setting is read from."""

    name: str
    """The product's own name (`JANITOR_…`)."""

    vendor: tuple[str, ...] = ()
    """Names that others use for the same thing; read from files."""

    ambient: bool = False
    """Whether the vendor's names are also read from the process, as the weakest source."""

    ambient_before_files: bool = False
    """Whether outside an embedded stack the vendor's names come from the process before they come from files; the
    product's own name comes before them wherever it stands."""


def variables_of(model: type[BaseModel]) -> Mapping[str, Variable]:
    """Return the environment variables of every setting of a model, by field."""
    return {
        field: variable
        for field, info in model.model_fields.items()
        for variable in info.metadata
        if isinstance(variable, Variable)
    }


def secrets_of(model: type[BaseModel]) -> frozenset[str]:
    """Return the fields of a model that are secrets: no file that git tracks may have their values."""
    return frozenset(
        field
        for field, info in model.model_fields.items()
        if SecretStr in (info.annotation, *get_args(info.annotation))
    )


def seconds(value: Any) -> Any:
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


def _secrets_prefix(value: str) -> str:
    if not re.fullmatch(SECRETS_PREFIX_PATTERN, value) or len(value) > LONGEST_SECRETS_PREFIX:
        raise ValueError(f"is no prefix of secrets' names such as janitor/prod/, at most {LONGEST_SECRETS_PREFIX} long")
    return value


def _at_least_a_second(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("must be at least 1 second: nothing answers sooner")
    return value


def _wall_clock(value: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= value <= LONGEST_WALL_CLOCK:
        raise ValueError(f"must be 1 to {LONGEST_WALL_CLOCK.total_seconds():.0f} seconds")
    return value


ModelName = Annotated[Annotated[str, AfterValidator(_model_name)] | None, BeforeValidator(_model)]
SecretsPrefix = Annotated[str, AfterValidator(_secrets_prefix)]
EndpointUrl = Annotated[str, AfterValidator(_endpoint)]
Seconds = Annotated[timedelta, BeforeValidator(seconds)]
WaitSeconds = Annotated[Seconds, AfterValidator(_at_least_a_second)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
AgentSeconds = Annotated[Seconds, AfterValidator(_wall_clock)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Schedule = Annotated[str, AfterValidator(check_cron)]
