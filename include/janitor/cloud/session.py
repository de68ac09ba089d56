"""Clients of AWS, made in one place so that every one has timeouts and bounded retries.

botocore's default chain finds credentials, region and endpoint; explicit settings win. Clients are kept per process:
making one costs more than most calls.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from janitor.cloud.call_record import keep_calls
from janitor.domain.watch.waits import begin_wait, end_wait
from janitor.settings import Settings

CLIENT_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""Everything that botocore raises for a call; the last one when a proxy answers in place of AWS, for example."""

_CONNECT_SECONDS = 5
_ATTEMPTS = 5
_READS = Config(
    connect_timeout=_CONNECT_SECONDS,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    signature_version="v4",
)
_QUICK = Config(
    connect_timeout=3,
    read_timeout=10,
    # The external timer is one of several killers: a launch doesn't wait long for it, and the reaper sets it later.
    # And who calls is asked before everything else.
    retries={"mode": "standard", "total_max_attempts": 3},
)
LAUNCH_CALL_TIMEOUT = timedelta(seconds=35)
"""After this nobody waits for RunInstances' answer any more."""

_LAUNCH = Config(
    connect_timeout=5,
    read_timeout=30,
    # botocore would repeat InsufficientInstanceCapacity, which arrives as HTTP 500, on its own.
    retries={"mode": "standard", "total_max_attempts": 1},
)
_STORAGE = Config(
    connect_timeout=_CONNECT_SECONDS,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    signature_version="s3v4",
    s3={"addressing_style": "path"},
)

_CONFIGS = {"s3": _STORAGE, "scheduler": _QUICK, "sts": _QUICK}


@dataclass(frozen=True, kw_only=True)
class CloudAccess:
    """Where AWS is and who calls it; None leaves a field to boto3's default chain."""

    region: str
    answer_timeout: timedelta | None = None
    """How long one attempt waits for an answer; None: what suits the service. Launches keep their own."""
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    calls_file: Path | None = None
    """Takes a line for each kind of call; None: none is kept."""

    @classmethod
    def of(cls, settings: Settings) -> CloudAccess:
        """The access that an environment's settings describe."""
        secret = settings.aws_secret_access_key
        return cls(
            region=settings.region,
            answer_timeout=settings.aws_answer_timeout,
            endpoint_url=settings.aws_endpoint_url,
            access_key_id=settings.aws_access_key_id,
            secret_access_key=secret.get_secret_value() if secret else None,
            calls_file=settings.aws_calls_file,
        )

    def client(self, service: str) -> Any:
        """A client for `service` ("ec2", "ssm", "s3", "logs", "scheduler", "sts"), shared within the process."""
        return _client(self, service, False)

    def launch_client(self) -> Any:
        """An EC2 client that never repeats a call by itself, for RunInstances."""
        return _client(self, "ec2", True)


@cache
def _client(access: CloudAccess, service: str, single_attempt: bool) -> Any:
    return client_of(_session(), access, service, single_attempt=single_attempt)


def client_of(
    session: boto3.session.Session, access: CloudAccess, service: str, *, single_attempt: bool = False
) -> Any:
    """A client of a session's own, with the timeouts of every other."""
    config = _LAUNCH if single_attempt else _CONFIGS.get(service, _READS)
    if access.endpoint_url is not None:
        # A prefix such as MWAA's `env.` belongs to AWS's own addresses.
        config = config.merge(Config(inject_host_prefix=False))
    if access.answer_timeout is not None and not single_attempt:
        config = config.merge(Config(read_timeout=access.answer_timeout.total_seconds()))
    client = session.client(
        service,
        region_name=access.region,
        endpoint_url=access.endpoint_url,
        aws_access_key_id=access.access_key_id,
        aws_secret_access_key=access.secret_access_key,
        config=config,
    )
    _enter_waits(client, longest_call(config))
    if access.calls_file is not None:
        keep_calls(client, access.calls_file)
    return client


def longest_call(config: Config) -> timedelta:
    """The longest that one call can take: each attempt to its end, and the longest pauses between them.

    Source: botocore, retries/standard.py: a pause is at most 2 ** (attempt - 1) seconds, and never above 20.
    """
    attempts = config.retries["total_max_attempts"]
    pauses = sum(min(2**number, 20) for number in range(attempts - 1))
    return timedelta(seconds=attempts * (config.connect_timeout + config.read_timeout) + pauses)


def _enter_waits(client: Any, limit: timedelta) -> None:
    """Let every call of a client be known as what this process waits for."""
    local = threading.local()

    def begin(model: Any, **_: Any) -> None:
        place = f" at {client.meta.endpoint_url}" if client.meta.endpoint_url else ""
        name = f"{client.meta.service_model.service_id}{place}"
        local.number = begin_wait(f"waiting for {name} ({model.name})", limit)

    def end(**_: Any) -> None:
        number = getattr(local, "number", None)
        if number is not None:
            end_wait(number)

    for event, handler in (("before-call", begin), ("after-call", end), ("after-call-error", end)):
        client.meta.events.register(event, handler)


def process_credentials() -> Any:
    """The credentials that botocore's default chain has found for this process; None where it found none."""
    return _session().get_credentials()


@cache
def _session() -> boto3.session.Session:
    """One session: it keeps the service models that its clients have in common."""
    return boto3.session.Session()


def load_service_models() -> None:
    """Load the models of the services in use, so that processes forked from this one find them loaded.

    Reads botocore's own files; neither credentials nor network.
    """
    nowhere = CloudAccess(
        region="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        access_key_id="none",
        secret_access_key="none",  # noqa: S106  # no password
    )
    for service in ("ec2", "ssm", "s3", "logs", "scheduler", "sts"):
        nowhere.client(service)


def error_code(exc: BaseException) -> str:
    """AWS's code of a failed call, or the exception's name where the call never got an answer."""
    if isinstance(exc, ClientError):
        code: str = exc.response.get("Error", {}).get("Code", "Unknown")
        return code
    return type(exc).__name__
