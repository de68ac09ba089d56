"""Where the checkout and the files of its environments are.

An installed wheel isn't below a checkout. It carries the files itself (`setup.py`), and JANITOR_PROJECT_ROOT names a
folder that comes before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from janitor.domain.errors import SettingsError
from janitor.settings.process import process_environment

OVERRIDE_SUFFIX = ".override.env"


ROOT_VARIABLE = "JANITOR_PROJECT_ROOT"
_PACKAGED = Path(__file__).resolve().parents[1] / "project"
"""In a wheel alone."""


def project_root(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder that holds `infra/env`: the one that is named, the checkout, or what the package carries.

    Args:
        environ: Process environment; default: that of this process.

    Raises:
        SettingsError: There is none.
    """
    named = process_environment(environ).get(ROOT_VARIABLE, "").strip()
    if named:
        if not _is_root(Path(named)):
            raise SettingsError(
                f"{ROOT_VARIABLE}={named}: there is no folder infra/env in it; name the project's folder"
            )
        return Path(named).resolve()
    for folder in (*Path(__file__).resolve().parents, _PACKAGED):
        if _is_root(folder):
            return folder
    raise SettingsError(
        "the project's folder (with infra/env) isn't above the installed package, and the package carries none;"
        f" name a checkout by {ROOT_VARIABLE}, or install a wheel that was built from a whole checkout"
    )


def folder_for_state(root: Path) -> Path:
    """What a relative folder of state is below: the project, but never an installed package."""
    return Path.cwd() if root == _PACKAGED else root


def _is_root(folder: Path) -> bool:
    return (folder / "infra" / "env").is_dir()


def env_file_path(root: Path, environment: str) -> Path:
    """Return where the settings of an environment are kept."""
    return root / "infra" / "env" / f"{environment}.env"


def override_file_path(root: Path, environment: str) -> Path:
    """Return where a checkout's own settings of an environment are: git ignores that file."""
    return root / "infra" / "env" / f"{environment}{OVERRIDE_SUFFIX}"


def where_to_put(root: Path, environment: str, *, is_secret: bool) -> str:
    """Where a setting of an environment belongs, as messages say it: a secret never into the file that git tracks."""
    own = f"{shown(override_file_path(root, environment), root)}, which git ignores"
    if is_secret:
        return f"{own}, or give it to the process alone"
    return f"{shown(env_file_path(root, environment), root)}, or {own}"


def shown(path: Path, root: Path) -> str:
    """A path as messages name it: from the project's folder where it lies in it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
