"""The venv engine: makes the worker's Python environment, so that its handler runs without the image being built.

The repository's files are laid out as COPY would put them, the packages are those that the RUN instructions install.
What it can't bring is kept as gaps, so that a handler that fails for want of it is not blamed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from janitor.diagnosis.capability_gaps import image_gaps
from janitor.guest.processes.confinement import hand_over
from janitor.guest.processes.supervisor import Outcome
from janitor.inspection.capability_gap import Gap
from janitor.inspection.dockerfile.python_version import python_version
from janitor.inspection.install.install import IMAGE_PATH, Install, InstallPlan, plan_installs
from janitor.inspection.provision.program import Reach, has_nothing, reach
from janitor.inspection.tree import RepositoryTree
from janitor.protocol.report import Evidence
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus, Engine
from janitor.validator.context import CheckContext
from janitor.validator.engine import BuildResult, MachineFacts
from janitor.validator.engines.venv.host_stands_in import judged_by_host
from janitor.validator.engines.venv.image_folder import ImageFolder
from janitor.validator.engines.venv.install_failure import Attempt, failed_install
from janitor.validator.engines.venv.install_folders import InstallFolders
from janitor.validator.engines.venv.python_environment import PythonEnvironment
from janitor.validator.engines.venv.unrun import left_unrun, surely_failing
from janitor.validator.engines.venv.worker import VenvWorker, start_target
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, Produced, errored, passed, skipped

_BUILD_TOOLS = frozenset({"setuptools", "pkg_resources", "wheel"})
_WITHOUT_BUILD_TOOLS = (3, 12)
"""Images of Python bring these tools up to 3.11. Source: the official image's Dockerfiles."""
_INSTALL_LINES = 12
"""The list of a hundred packages is in the report's evidence; nobody follows it live."""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What the build is to do, and what it can't."""

    dockerfile_plan: InstallPlan
    installs: tuple[Install, ...]
    """In their order; those of a file that no instruction names, where the instructions install by other means."""
    gaps: tuple[Gap, ...]
    python: str
    """Version of the environment that was made."""


class VenvEngine:
    """Implements `WorkerEngine` with a virtual environment. Nothing of it lies outside the workspace.

    Args:
        context: The validation that it works for.
        machine: Where it runs.
    """

    kind = Engine.VENV

    def __init__(self, context: CheckContext, machine: MachineFacts) -> None:
        self._context = context
        self._machine = machine
        self._environment = PythonEnvironment(context.settings, context.workspace)
        self._files = ImageFolder(context.workspace)
        self._aside: PythonEnvironment | None = None

    def build(self, facts: WorkerFacts) -> Finding | Produced[BuildResult]:
        """Lay out the image's files and install its packages."""
        context, dockerfile = self._context, facts.image.dockerfile
        if failure := surely_failing(context, facts):
            return failure
        target = start_target(facts, None)
        if target is None:
            return skipped(
                ReasonCode.ENGINE_LIMIT,
                "the venv engine can't tell which Python program the image starts",
                required=True,
            )
        folders = InstallFolders(
            workspace=context.workspace,
            image=self._files,
            dockerfile=dockerfile,
            context=facts.image.context,
            stages=facts.image.stage_files,
            source_root=facts.tree.root,
        )
        plan = self._prepared(facts)
        evidence = [context.evidence.value("plan", self._describe(plan))]
        outcome = None
        done: set[tuple[int, int]] = set()
        for install in plan.installs:
            done.add((install.line, install.place))
            if install.is_instead and outcome is not None and outcome.exit_code == 0:
                continue
            try:
                real = folders.of(install).real
            except OSError as exc:
                return errored(
                    ReasonCode.ENGINE_LIMIT, f"the files of line {install.line} can't be laid out here: {exc}"
                )
            outcome, failure = self._install(facts, plan, install, real, evidence)
            # What the build does without is not there for the worker either; but what this place couldn't fetch may be.
            if failure is not None and not (install.may_fail and failure.status is CheckStatus.FAIL):
                return failure
        try:
            folders.complete()
            self._files.settle(facts.image.files, facts.image.held, facts.tree.root)
        except OSError as exc:
            return errored(ReasonCode.ENGINE_LIMIT, f"the image's files can't be laid out here: {exc}")
        self._files.keep()
        wanted = python_version(dockerfile)
        worker = VenvWorker(
            context=context,
            machine=self._machine,
            facts=facts,
            target=target,
            python=self._environment,
            folder=self._files,
            gaps=plan.gaps,
            made=frozenset(plan.dockerfile_plan.made),
            base_modules=_BUILD_TOOLS if wanted is None or wanted < _WITHOUT_BUILD_TOOLS else frozenset(),
        )
        finding = judged_by_host(passed(*evidence, outcome=outcome), facts, context.workspace.venv)
        if finding.status is CheckStatus.FAIL:
            return finding
        return Produced(left_unrun(finding, facts, done), BuildResult(worker=worker))

    def _prepared(self, facts: WorkerFacts) -> _Plan:
        """Plan the installations, and make the folders and the environment that they need."""
        image, dockerfile = facts.image, facts.image.dockerfile
        plan = plan_installs(dockerfile, image.holds)
        self._files.make_folder(dockerfile.final.workdir)
        installs = tuple(each for each in plan.attempts if not each.is_by_shell)
        # Where nothing is surely installed for the program, the image has no more than that.
        if not installs and not (image.program is not None and has_nothing(image.provision, image.program)):
            installs = self._fallback(facts.tree)
        for path in plan.folders:
            if path not in image.files:
                self._files.make_folder(path)
        wanted = python_version(dockerfile)
        version = self._environment.make(wanted)
        gaps = [*image_gaps(dockerfile, image.command), *plan.gaps]
        if wanted is not None and version != f"{wanted[0]}.{wanted[1]}":
            text = f"Python {wanted[0]}.{wanted[1]} (this is Python {version})"
            gaps.append(Gap(text=text, is_deep=False))
        return _Plan(dockerfile_plan=plan, installs=installs, gaps=tuple(gaps), python=version)

    def _install(
        self,
        facts: WorkerFacts,
        plan: _Plan,
        install: Install,
        real: Callable[[str], Path],
        evidence: list[Evidence],
    ) -> tuple[Outcome, Finding | None]:
        """Do one installation; what it printed joins the evidence, and the finding says why it failed."""
        named = [word.removeprefix(IMAGE_PATH) for word in install.arguments if word.startswith(IMAGE_PATH)]
        missing = frozenset(path for path in named if not real(path).exists())
        environment = self._environment
        if reach(install, facts.image.provision, facts.image.program) is Reach.ASIDE:
            environment = self._of_others(plan.python)
        outcome = environment.install(install, real=real, sink=self._context.journal.streamer(_INSTALL_LINES))
        name = f"install, line {install.line}" if install.line else "install"
        evidence.append(self._context.evidence.log(name, outcome))
        if outcome.exit_code == 0:
            return outcome, None
        attempt = Attempt(install=install, plan=plan.dockerfile_plan, gaps=plan.gaps, outcome=outcome, missing=missing)
        return outcome, failed_install(self._context, facts, attempt, evidence)

    def _of_others(self, version: str) -> PythonEnvironment:
        """For what is installed for another interpreter than the program's, or in a stage that it gets nothing of:
        whether the build can install it, and no more."""
        if self._aside is None:
            folder = self._context.workspace.root / "aside"
            folder.mkdir(exist_ok=True)
            hand_over(folder)
            self._aside = PythonEnvironment(self._context.settings, self._context.workspace, folder)
            major, _, minor = version.partition(".")
            self._aside.make((int(major), int(minor)))
        return self._aside

    def _fallback(self, tree: RepositoryTree) -> tuple[Install, ...]:
        """The requirements files where workers usually keep them, for a Dockerfile that installs by other means."""
        for name in ("builder/requirements.txt", "requirements.txt"):
            if tree.is_file(name):
                target = self._context.workspace.image_root / f".janitor-{name.replace('/', '-')}"
                target.write_bytes(tree.read(name))
                return (Install(arguments=("-r", f"{IMAGE_PATH}/{target.name}"), workdir="/", line=0),)
        return ()

    def _describe(self, plan: _Plan) -> str:
        lines = [f"Python {plan.python}, installed by {self._environment.installer}"]
        lines += [
            f"line {install.line}: {'remove' if install.is_removal else 'install'} {' '.join(install.arguments)}"
            for install in plan.installs
        ]
        lines += [f"not reproduced: {gap.text}" for gap in plan.gaps]
        return "\n".join(lines)
