"""Building a wheel: pyproject.toml says everything but that the project's own files travel in the package."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "infra" / "scripts"))  # nothing is installed yet

from resources import copy_resources, resources  # noqa: E402  # it is found by the line above


class BuildWithResources(build_py):
    """Puts them into `janitor/project`; an editable package has the checkout itself."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            copy_resources(ROOT, self._target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        own = [] if self.editable_mode else [str(self._target / name) for name in resources(ROOT)]
        return [*super().get_outputs(include_bytecode), *own]

    @property
    def _target(self) -> Path:
        return Path(self.build_lib) / "janitor" / "project"


setup(cmdclass={"build_py": BuildWithResources})
