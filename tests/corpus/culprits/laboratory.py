"""A laboratory that tries a repository with the validator's own venv engine parts: its reading of the Dockerfile, its
plan of installations and its environment. The command is run as a program; there is no SDK, and no network."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

from janitor.domain.experiment.experiment import Experiment, Observation, Observed
from janitor.inspection.dockerfile.image_files import stage_files
from janitor.inspection.dockerfile.python_version import python_version
from janitor.inspection.dockerfile.sources import read_context
from janitor.inspection.dockerfile.stages import parse_dockerfile
from janitor.inspection.install.install import plan_installs
from janitor.inspection.repository.layout import read_layout
from janitor.inspection.tree import RepositoryTree
from janitor.protocol.order.patch import Patch
from janitor.protocol.report import Report
from janitor.protocol.terms.provenance import Packages, Provenance
from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from janitor.validator.engines.venv.python_environment import PythonEnvironment
from janitor.validator.provenance.packages import PACKAGES_PROBE, read_packages
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace
from tests.support.reports import check_of, report_of

PRICE = Decimal("0.01")
"""Of an experiment, in US dollars: something to add up."""
_PROGRAM_SECONDS = 60
_HANDED_ON = ("SSL_CERT_FILE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "no_proxy")


@dataclass
class EngineLaboratory:
    """Carries out experiments on a repository in a folder.

    Attributes:
        repository: Its files.
        scratch: An empty folder.
        cache: uv's, for all cases.
        installer: Variables of the installer: which index there is.
        commit: What its reports say that they are of.
    """

    repository: Path
    scratch: Path
    cache: Path
    installer: Mapping[str, str]
    commit: str
    seen: list[UUID] = field(default_factory=list)

    def observe(self, experiment: Experiment) -> Observation:
        """Carry one out."""
        self.seen.append(experiment.experiment_id)
        report = self.validate(experiment.patch)
        if report is None:
            return _observation(Observed.INCONCLUSIVE, "the patch doesn't fit", None)
        if report.status is ReportStatus.SUCCESS:
            return _observation(Observed.GREEN, "success", report)
        return _observation(Observed.RED, report.summary, report)

    def validate(self, patch: Patch | None = None) -> Report | None:
        """Validate the repository; None where the patch doesn't fit."""
        workspace = Workspace.make(self.scratch)
        try:
            shutil.copytree(self.repository, workspace.checkout)
            if patch is not None and not _applied(patch, workspace.checkout):
                return None
            return self._validated(workspace)
        finally:
            shutil.rmtree(workspace.root, ignore_errors=True)

    def _validated(self, workspace: Workspace) -> Report:
        tree = RepositoryTree(workspace.checkout)
        path = read_layout(tree, dockerfile=None).dockerfile
        assert path is not None
        dockerfile = parse_dockerfile(tree.read_text(path), build_args={})
        files = stage_files(dockerfile, read_context(tree, path))
        for stage in files.values():
            for target, source in stage.files.items():
                place = workspace.image_root / target.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(workspace.checkout / source, place)
        environment = PythonEnvironment(self._settings(), workspace)
        environment.make(python_version(dockerfile))
        plan = plan_installs(dockerfile, lambda path: False)

        def real(path: str) -> Path:
            return workspace.image_root / path.lstrip("/")

        for install in plan.attempts:
            outcome = environment.install(install, real=real, sink=lambda _: None)
            if outcome.exit_code != 0 and not install.may_fail:
                said = " ".join(outcome.output.text.split())[-400:]
                return self._report("build", said, outcome.output.text, None)
        packages = read_packages(self._python(environment, "-c", PACKAGES_PROBE).stdout, lambda text, _: text)
        command = dockerfile.final.command
        assert command is not None
        argv = command.exec_form() or shlex.split(command.value)
        ran = self._python(environment, *argv[1:], cwd=real(dockerfile.final.workdir))
        failed = ran.returncode != 0
        reason = (ran.stderr.strip().splitlines() or ["nothing was printed"])[-1] if failed else None
        return self._report("handler_local", reason, ran.stderr, packages)

    def _report(self, check: str, reason: str | None, said: str, packages: Packages | None) -> Report:
        if reason is None:
            decisive = check_of(check)
        else:
            decisive = check_of(check, CheckStatus.FAIL, code="handler_raised", reason=f"{reason[:400]}\n{said[-900:]}")
        before = () if check == "build" else (check_of("build"),)
        provenance = Provenance(packages=packages)
        return report_of(uuid4(), uuid4(), *before, decisive, commit=self.commit, provenance=provenance)

    def _python(
        self, environment: PythonEnvironment, *words: str, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(environment.python), *words],
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "HOME": str(self.scratch)},
            capture_output=True,
            text=True,
            timeout=_PROGRAM_SECONDS,
            check=False,
        )

    def _settings(self) -> Settings:
        return Settings.from_environment(
            {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(self.scratch),
                "TMPDIR": str(self.scratch),
                "UV_CACHE_DIR": str(self.cache),
                **{name: os.environ[name] for name in _HANDED_ON if name in os.environ},
                **self.installer,
            }
        )

    def in_world(self, installer: Mapping[str, str], scratch: Path) -> EngineLaboratory:
        """The same repository with another index."""
        return replace(self, installer=installer, scratch=scratch, seen=[])


def _observation(observed: Observed, reason: str, report: Report | None) -> Observation:
    signature = report.signature.id if report is not None and report.signature is not None else None
    return Observation(
        observed=observed,
        reason=" ".join(reason.split())[-200:],
        signature=signature,
        report=report,
        validation_id=UUID(report.validation_id) if report is not None else None,
        cost_usd=PRICE,
    )


def _applied(patch: Patch, folder: Path) -> bool:
    """Whether a patch could be applied."""
    done = subprocess.run(
        ["git", "apply", "-"],
        cwd=folder,
        input=patch.text,
        env={"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(folder.parent), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=int(timedelta(minutes=1).total_seconds()),
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\n{patch.text}"
    return True
