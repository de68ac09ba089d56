"""Reading a workers config from disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from janitor.domain.config.workers import WorkersConfig, parse_workers_config
from janitor.domain.config_problems import ConfigProblem
from janitor.domain.errors import ConfigError
from janitor.settings import Settings

_LARGEST_BYTES = 1_000_000
_LONGEST_PATH = 255


@dataclass(frozen=True, kw_only=True)
class LoadedConfig:
    """A valid config, the name by which the user knows its file, and the hash of its text."""

    config: WorkersConfig
    source: str
    sha256: str


def load_config(settings: Settings, path: str) -> LoadedConfig:
    """Read and check a config.

    Args:
        path: As the user gave it; a relative one is looked for from the project's root.

    Raises:
        ConfigError: The file is missing, unreadable or wrong; every problem is listed.
    """
    if len(path) > _LONGEST_PATH:
        raise _unreadable(path, f"the path has {len(path)} characters; at most {_LONGEST_PATH} are recorded", None)
    file = (settings.project_root / path).resolve()
    if file.exists() and not file.is_file():
        raise _unreadable(path, "is not a file", None)
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise _unreadable(path, "there is no such file", f"looked for {file}") from None
    except OSError as exc:
        raise _unreadable(path, f"can't be read: {exc.strerror}", None) from exc
    config = parse_workers_config(content, source=path, substitutions={"state_dir": str(settings.state_dir)})
    return LoadedConfig(config=config, source=path, sha256=hashlib.sha256(content).hexdigest())


def _unreadable(path: str, message: str, hint: str | None) -> ConfigError:
    return ConfigError(
        [ConfigProblem(source=path, line=None, column=None, repository=None, field=None, message=message, hint=hint)]
    )
