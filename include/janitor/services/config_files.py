"""Reading a workers config: a file, or an object `s3://bucket/key`, which every worker of a deployment reaches."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Generic

from janitor.cloud.session import CloudAccess
from janitor.cloud.storage import TooLargeError, get
from janitor.domain.config.workers import Model, WorkersConfig, parse_as
from janitor.domain.config_problems import ConfigProblem
from janitor.domain.errors import CloudError, ConfigError
from janitor.settings import Settings

_LARGEST_BYTES = 1_000_000
_LONGEST_PATH = 255
_S3 = "s3://"
_S3_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^/].*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class LoadedConfig(Generic[Model]):
    """A valid config, the name by which the user knows its file, and the hash of its text."""

    config: Model
    source: str
    sha256: str


def load_config(settings: Settings, path: str) -> LoadedConfig[WorkersConfig]:
    """Read and check a workers config; see `load_as`.

    Raises:
        ConfigError: The file is missing, unreadable or wrong; every problem is listed.
    """
    return load_as(WorkersConfig, settings, path)


def load_as(model: type[Model], settings: Settings, path: str) -> LoadedConfig[Model]:
    """Read and check a config of a kind.

    Args:
        model: What it may say.
        settings: Of the environment.
        path: As the user gave it; a relative one is looked for from the project's root, and `s3://bucket/key` in S3.

    Raises:
        ConfigError: The file is missing, unreadable or wrong; every problem is listed.
        CloudError: S3 can't be asked, or refuses.
    """
    content = _read(settings, path)
    config = parse_as(model, content, source=path, substitutions={"state_dir": str(settings.state_dir)})
    return LoadedConfig(config=config, source=path, sha256=hashlib.sha256(content).hexdigest())


def is_object(path: str) -> bool:
    """Whether a config's name is that of an object in S3, not of a file."""
    return path.startswith(_S3)


def _read(settings: Settings, path: str) -> bytes:
    if len(path) > _LONGEST_PATH:
        raise _unreadable(path, f"the path has {len(path)} characters; at most {_LONGEST_PATH} are recorded", None)
    return _read_object(settings, path) if is_object(path) else _read_file(settings, path)


def _read_object(settings: Settings, address: str) -> bytes:
    match = _S3_ADDRESS.fullmatch(address)
    if match is None:
        raise _unreadable(address, "is no object's address", "write it as s3://bucket/path/to/workers.yaml")
    try:
        content = get(CloudAccess.of(settings), match["bucket"], match["key"], at_most_bytes=_LARGEST_BYTES)
    except TooLargeError as exc:
        raise _unreadable(address, str(exc), None) from exc
    except CloudError as exc:
        raise CloudError(
            f"the configuration {address} can't be read: {exc}; whoever reads it needs s3:GetObject for it, and"
            " s3:ListBucket to be told that it is missing"
        ) from exc
    if content is None:
        raise _unreadable(address, "there is no such object", f"looked in {settings.region}, as this deployment does")
    return content


def _read_file(settings: Settings, path: str) -> bytes:
    file = (settings.project_root / path).resolve()
    if file.exists() and not file.is_file():
        raise _unreadable(path, "is not a file", None)
    try:
        with file.open("rb") as stream:
            return stream.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise _unreadable(path, "there is no such file", f"looked for {file}") from None
    except OSError as exc:
        raise _unreadable(path, f"can't be read: {exc.strerror}", None) from exc


def _unreadable(path: str, message: str, hint: str | None) -> ConfigError:
    return ConfigError(
        [ConfigProblem(source=path, line=None, column=None, repository=None, field=None, message=message, hint=hint)]
    )
