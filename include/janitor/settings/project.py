"""Where the checkout and the files of its environments are."""

from __future__ import annotations

from pathlib import Path

from janitor.domain.errors import SettingsError

OVERRIDE_SUFFIX = ".override.env"


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


def override_file_path(root: Path, environment: str) -> Path:
    """Return where a checkout's own settings of an environment are: git ignores that file."""
    return root / "infra" / "env" / f"{environment}{OVERRIDE_SUFFIX}"


def shown(path: Path, root: Path) -> str:
    """A path as messages name it: from the project's folder where it lies in it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
