"""Where the working trees and artefacts of maintenance are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from janitor.settings.parts.deployment import DeploymentSettings
from janitor.settings.variables import Variable


class MaintenanceSettings(DeploymentSettings):
    """Folders."""

    runs_dir: Annotated[Path | None, Variable("JANITOR_RUNS_DIR", ("AUTONOMOUS_RUNS_DIR",), ambient=True)] = None
    """Root of the folders of runs; None: `runs` in the state folder."""

    @property
    def runs_root(self) -> Path:
        """Root of the folders of runs; a relative one is in the state folder."""
        return self.state_dir / (self.runs_dir or "runs")

    @property
    def mirrors_root(self) -> Path:
        """Where the mirrors of repositories are."""
        return self.state_dir / "mirrors"
