"""Where the working trees and artefacts of maintenance are, and how repairs are given to people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from janitor.domain.config.fields import NewsSecretName
from janitor.domain.config.notifications import ApiUrl
from janitor.settings.parts.deployment import DeploymentSettings
from janitor.settings.variables import Variable, Words


def _remote_pattern(value: str) -> str:
    places = set(re.findall(r"\{([^{}]*)\}", value))
    if not re.match(r"(?:https|file)://[^\s@]+$", value) or not places <= {"organization", "repository"}:
        raise ValueError(
            "is no https:// or file:// address without a login, in which {organization} and {repository} may stand"
        )
    return value


RemotePattern = Annotated[str, AfterValidator(_remote_pattern)]


class MaintenanceSettings(DeploymentSettings):
    """Folders, and the way to GitHub."""

    runs_dir: Annotated[Path | None, Variable("JANITOR_RUNS_DIR", ("AUTONOMOUS_RUNS_DIR",), ambient=True)] = None
    """Root of the folders of runs; None: `runs` in the state folder."""
    maintenance_database_url: Annotated[SecretStr | None, Variable("JANITOR_MAINTENANCE_DATABASE_URL")] = None
    """Database that maintenance works in, for the roles that read and write; None: the deployment's own."""
    repair_token_secret: Annotated[NewsSecretName | None, Variable("JANITOR_REPAIR_TOKEN_SECRET")] = None
    """NAME of the secret that holds a token with write access to contents and pull requests, under
    janitor-news/<deployment>/ in Secrets Manager, which no instance may read; None: nothing is pushed by https."""
    repair_remote: Annotated[RemotePattern | None, Variable("JANITOR_REPAIR_REMOTE")] = None
    """Where branches are pushed to, such as `https://github.com/our-bot/{repository}.git`; None: to the repository."""
    repair_api_url: Annotated[ApiUrl, Variable("JANITOR_REPAIR_API_URL")] = "https://api.github.com"
    """Where GitHub's API is; another one for GitHub Enterprise."""
    repair_pulls_a_day: Annotated[int, Field(ge=0, le=1_000), Variable("JANITOR_REPAIR_PULLS_A_DAY")] = 5
    """Most pull requests that the deployment opens in a day (UTC); each repository has one at a time."""

    repair_index_urls: Annotated[Words, Variable("JANITOR_REPAIR_INDEX_URLS")] = ("https://pypi.org/simple",)
    """Package indexes that recipes ask, the first before the others; a repository that names another isn't repaired
    by what they say."""

    @property
    def runs_root(self) -> Path:
        """Root of the folders of runs; a relative one is in the state folder."""
        return self.state_dir / (self.runs_dir or "runs")

    @property
    def mirrors_root(self) -> Path:
        """Where the mirrors of repositories are."""
        return self.state_dir / "mirrors"
