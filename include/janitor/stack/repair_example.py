"""An example worker that an upstream release breaks: its repository, its upstream's index, and its configuration.

Each time it is shown it has a commit of its own, which then stays the same while the world changes around it: at a
commit whose verdict turned over before, a failure is taken for flaky.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from janitor.settings import Settings
from janitor.stack.example_repositories import ensure_example_repositories
from janitor.stack.state.layout import Layout
from janitor.stack.upstream import Release, releases_in

ORGANIZATION = "janitor-examples"
NAME = "greeting-worker"
_PLACEHOLDER = "{upstream}"
_CONFIG = """\
default_timeout_minutes: 5
grace_minutes: 0.5
repositories:
  - name: {name}
    organization: {organization}
    url: file://{repository}
    prompt: "validate the repo and see if its still working"
    gpu_required: false
"""


@dataclass(frozen=True, kw_only=True)
class RepairExample:
    """The example, as it lies in a stack."""

    config: Path
    commit: str
    before: tuple[Release, ...]
    """The releases with which it works."""
    after: tuple[Release, ...]
    """The newer ones that come at once. One of them breaks it."""

    @property
    def repository(self) -> str:
        """`organization/name`."""
        return f"{ORGANIZATION}/{NAME}"


def make_repair_example(settings: Settings, index_url: str, shown_at: datetime) -> RepairExample:
    """Make the example's configuration, and a commit in its repository.

    Args:
        settings: Of a local stack that is up.
        index_url: Where its upstream's index answers.
        shown_at: Stands in its README.

    Raises:
        StackError: git isn't there, or failed.
    """
    layout = Layout.of(settings)
    templates = settings.project_root / "infra" / "local"
    with tempfile.TemporaryDirectory(prefix="janitor-example-") as scratch:
        folder = Path(scratch) / NAME
        shutil.copytree(templates / "repairs" / NAME, folder)
        requirements = folder / "requirements.txt"
        requirements.write_text(requirements.read_text().replace(_PLACEHOLDER, index_url))
        with (folder / "README.md").open("a") as readme:
            readme.write(f"\nShown at {shown_at:%Y-%m-%d %H:%M:%S.%f} UTC.\n")
        commits = ensure_example_repositories(Path(scratch), layout.repositories, settings.inherited)
    config = layout.state_dir / "repair-demo.yaml"
    repository = layout.repositories / f"{NAME}.git"
    config.write_text(_CONFIG.format(name=NAME, organization=ORGANIZATION, repository=repository))
    packages = [releases_in(folder) for folder in sorted((templates / "upstream").iterdir()) if folder.is_dir()]
    return RepairExample(
        config=config,
        commit=commits[NAME],
        before=tuple(each[0] for each in packages),
        after=tuple(each[-1] for each in packages),
    )
