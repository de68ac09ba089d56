"""Makes a virtual environment and installs packages into it, with uv where it is there, else with venv and pip.

Installing runs code of the packages; it is confined and gets no setting but those for installers.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from janitor.guest.processes.confinement import hand_over
from janitor.guest.processes.supervisor import LineSink, Outcome, ProcessStartError, run
from janitor.inspection.install.install import IMAGE_PATH, Install
from janitor.validator.engine import EngineError
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace

NO_LIMIT = timedelta(days=1)
"""The spec's deadline bounds what has no limit of its own."""
_MAKE_LIMIT = timedelta(minutes=3)
_MINE = f"{sys.version_info[0]}.{sys.version_info[1]}"


class PythonEnvironment:
    """The environment of one worker.

    Args:
        settings: Of the validator.
        workspace: Of the validation; the environment lies in it.
        folder: Where it lies, for one that is not the worker's; within the workspace.
    """

    def __init__(self, settings: Settings, workspace: Workspace, folder: Path | None = None) -> None:
        self._settings = settings
        self._workspace = workspace
        self._folder = workspace.venv if folder is None else folder
        self._uv = shutil.which("uv", path=settings.path)

    @property
    def installer(self) -> str:
        """uv or pip."""
        return "pip" if self._uv is None else "uv"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self._folder / "bin" / "python"

    def make(self, wanted: tuple[int, int] | None) -> str:
        """Make the environment.

        Args:
            wanted: The Python version to have if this machine has it; None is the validator's own.

        Returns:
            The version that it has.

        Raises:
            EngineError: None could be made.
        """
        asked = f"{wanted[0]}.{wanted[1]}" if wanted else _MINE
        said = "there is no such interpreter"
        for version in dict.fromkeys((asked, _MINE)):
            argv = self._make_command(version)
            if argv is None:
                continue
            outcome = self._run(argv, self._workspace.neutral, _MAKE_LIMIT, None)
            if outcome.exit_code == 0:
                return version
            said = " ".join(outcome.output.text.split())[-300:]
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(exist_ok=True)
            hand_over(self._folder)
        raise EngineError(f"no Python environment can be made on this instance: {said}")

    def install(self, install: Install, *, real: Callable[[str], Path], sink: LineSink) -> Outcome:
        """Carry out one installation, or take packages away.

        Args:
            install: What to install or to remove.
            real: Where a path of the image lies here.
            sink: Gets the output as it comes.

        Raises:
            EngineError: The installer could not be started.
        """
        arguments = []
        for argument in install.arguments:
            if argument.startswith(IMAGE_PATH):
                arguments.append(str(real(argument.removeprefix(IMAGE_PATH))))
            elif self._uv is None and argument.startswith("--prerelease"):
                arguments.append("--pre")
            else:
                arguments.append(argument)
        cwd = real(install.workdir)
        if not cwd.is_dir():
            cwd.mkdir(parents=True, exist_ok=True)
            hand_over(cwd)
        command = self._removal_command() if install.is_removal else self._install_command()
        return self._run([*command, *arguments], cwd, NO_LIMIT, sink)

    def _make_command(self, version: str) -> list[str] | None:
        venv = str(self._folder)
        own = version == _MINE
        if self._uv is not None:
            python = sys.executable if own else version
            return [self._uv, "venv", "--quiet", "--no-python-downloads", "--no-project", "--python", python, venv]
        interpreter = sys.executable if own else shutil.which(f"python{version}", path=self._settings.path)
        return None if interpreter is None else [interpreter, "-m", "venv", venv]

    def _install_command(self) -> list[str]:
        python = str(self.python)
        if self._uv is not None:
            # pip looks at every index for the best version; uv must be told to.
            return [self._uv, "pip", "install", "--python", python, "--index-strategy", "unsafe-best-match"]
        return [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]

    def _removal_command(self) -> list[str]:
        python = str(self.python)
        if self._uv is not None:
            return [self._uv, "pip", "uninstall", "--python", python]
        return [python, "-m", "pip", "uninstall", "--yes", "--disable-pip-version-check"]

    def _run(self, argv: Sequence[str], cwd: Path, limit: timedelta, sink: LineSink | None) -> Outcome:
        try:
            return run(argv, cwd=cwd, env=self._environment(), limit=limit, confined=True, sink=sink)
        except ProcessStartError as exc:
            raise EngineError(f"the package installer can't be started: {exc}") from exc

    def _environment(self) -> dict[str, str]:
        settings, workspace = self._settings, self._workspace
        return {
            "PATH": settings.path,
            "HOME": str(workspace.home),
            "TMPDIR": str(workspace.temporary),
            "LANG": "C.UTF-8",
            **settings.certificates,
            **settings.proxies,
            # The repository lies where uv runs; settings in it must not redirect the package index.
            "UV_NO_CONFIG": "1",
            # Copies would cost seconds per validation; see docs/adr/0006 for what sharing files costs.
            "UV_LINK_MODE": "hardlink",
            "UV_NO_PROGRESS": "1",
            **settings.installer,
            "UV_CACHE_DIR": str(settings.uv_cache),
            "UV_PYTHON_INSTALL_DIR": str(settings.uv_pythons),
            "PIP_CACHE_DIR": str(settings.pip_cache),
            "VIRTUAL_ENV": str(self._folder),
        }
