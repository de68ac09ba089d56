"""`deps_resolve`: the required packages can be had together, for the image's Python.

A dry run: nothing is installed, and nothing of the repository is run. What is handed to the installer is written here,
of what a closed grammar has understood (`janitor.inspection.install.resolvable`); the repository's own files never
are. Fails only where the index answers and there is no solution; trouble of the network or the index is an `error`, and
what only a build could tell is skipped.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from janitor.diagnosis.failure_rules import build_trouble, world_trouble
from janitor.guest.processes.supervisor import Outcome, ProcessStartError, run
from janitor.inspection.dockerfile.cuda_version import base_cuda, system_python
from janitor.inspection.dockerfile.python_version import python_version
from janitor.inspection.install.install import IMAGE_PATH, Install, plan_installs
from janitor.inspection.install.resolvable import NotResolvableError, Refusal, Resolvable, resolvable
from janitor.inspection.install.worker_requirements import USUAL_FILES
from janitor.inspection.tree import RepositoryTree
from janitor.protocol.report import Evidence
from janitor.protocol.terms.proven import UnprovenKind
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.checks.static.python.requirement_hosts import why_unasked
from janitor.validator.checks.static.python.tested_uv import NoTestedUvError, find_tested_uv
from janitor.validator.context import CheckContext
from janitor.validator.facts import ImageFacts, StatedFacts
from janitor.validator.findings import Finding, errored, failed, passed, skipped
from janitor.validator.requirement_locations import requirement_locations

_LIMIT = timedelta(minutes=3)
_PLATFORM = "x86_64-unknown-linux-gnu"
_MINE = (sys.version_info[0], sys.version_info[1])
_NO_NETWORK = re.compile(
    r"(?i)name or service not known|temporary failure in name resolution|failed to lookup address|dns error"
    r"|network is unreachable|nodename nor servname|no route to host|network was disabled|connection refused"
)
_NEEDS_BUILD = re.compile(
    r"(?i)no usable wheels|building from source is disabled|only-binary|source distributions? (?:is|are) disabled"
    r"|\(from versions: none\)|has no wheels with a matching"
)
_WRONG_PYTHON = re.compile(
    r"(?i)(?:requested|current|running) python version[^\n]{0,300}does not satisfy|requires a different"
)
_PUBLIC_INDEX = re.compile(r"https://(?:pypi\.org|download\.pytorch\.org)/")
_INDEX_OPTIONS = frozenset({"--index-url", "--extra-index-url", "--find-links"})
_OWN_PYTHON = re.compile(r"(?:docker\.io/)?(?:library/)?(?:python|ubuntu|debian|alpine)(?:[:@].*)?")


def check_deps_resolve(context: CheckContext, stated: StatedFacts) -> Finding:
    """Resolve what each installation command asks for."""
    image, tree = stated.image, stated.tree
    if image is None:
        return skipped(ReasonCode.PREREQUISITE_FAILED, "dockerfile_parse could not read the Dockerfile")
    installs = _installs(image, tree)
    if not installs:
        return skipped(ReasonCode.ABSENT, "no command of the Dockerfile installs Python packages")
    evidence: list[Evidence] = []
    for install in installs:
        finding = _asked(context, stated, image, install, evidence)
        if finding is not None:
            return _left_open(finding, image, install)
    return passed(*evidence)


def _asked(
    context: CheckContext, stated: StatedFacts, image: ImageFacts, install: Install, evidence: list[Evidence]
) -> Finding | None:
    """What an index says of one installation command; None where there is a solution."""
    named = python_version(image.dockerfile)
    version = named or system_python(image.dockerfile.final.base_image)
    try:
        wanted = resolvable(_arguments(image, install), read=stated.tree.read)
    except NotResolvableError as exc:
        return skipped(exc.code.value, f"{_place(install)}{exc}", *evidence)
    if unasked := why_unasked(context.settings, wanted.addresses):
        code, reason = unasked
        return skipped(code, f"{_place(install)}{reason}", *evidence)
    try:
        outcome = _resolve(context, wanted, version or _MINE)
    except NoTestedUvError as exc:
        return skipped(ReasonCode.INSTALLER_MISSING, str(exc), *evidence)
    except ProcessStartError as exc:
        return errored(ReasonCode.INSTALLER_MISSING, f"no installer can be started: {exc}", *evidence, required=False)
    evidence.append(context.evidence.log(f"resolution, line {install.line}", outcome))
    if outcome.exit_code == 0:
        return None
    finding = _why(outcome, install, stated, is_known=named is not None)
    return replace(finding, argv=outcome.argv, exit_code=outcome.exit_code, evidence=tuple(evidence))


def _left_open(finding: Finding, image: ImageFacts, install: Install) -> Finding:
    """The same; without an answer that counts, a typo in a package's name was not looked for, and that is said."""
    is_open = finding.status in (CheckStatus.SKIP, CheckStatus.ERROR) and not finding.required
    if not is_open:
        return finding
    text = f"whether an index has every required package, by that name and version: {finding.reason}"
    return finding.left_unproven(
        UnprovenKind.NOT_ASKED, text, file=str(image.path) if install.line else None, line=install.line or None
    )


def _installs(image: ImageFacts, tree: RepositoryTree) -> list[Install]:
    files = image.files
    folders = {str(parent) for path in files for parent in Path(path).parents} - {"/"}
    plan = plan_installs(image.dockerfile, lambda path: path in files or path in folders)
    if plan.installs:
        return list(plan.installs)
    name = next((name for name in USUAL_FILES if tree.is_file(name)), None)
    return [Install(arguments=("-r", name), workdir="/", line=0)] if name else []


def _place(install: Install) -> str:
    return f"line {install.line}: " if install.line else ""


def _arguments(image: ImageFacts, install: Install) -> list[str]:
    """The arguments, with files by their path in the repository.

    Raises:
        NotResolvableError: A package of the repository itself, or a file that it hasn't, is among them.
    """
    files = image.files
    found: list[str] = []
    for argument in install.arguments:
        if not argument.startswith(IMAGE_PATH):
            found.append(argument)
            continue
        path = argument.removeprefix(IMAGE_PATH)
        if path not in files or not (found and found[-1] in ("-r", "-c")):
            raise NotResolvableError(Refusal.NEEDS_BUILD, "it installs a package of the repository's own")
        found.append(str(files[path]))
    return found


def _resolve(context: CheckContext, wanted: Resolvable, version: tuple[int, int]) -> Outcome:
    """Let uv look for a solution.

    Raises:
        NoTestedUvError: There is no uv that is known to build nothing.
        ProcessStartError: It can't be started.
    """
    cwd, env = context.workspace.neutral, _environment(context)
    uv = find_tested_uv(context.settings.path, cwd=cwd, env=env)
    folder = context.workspace.root / "resolution"
    folder.mkdir(exist_ok=True)
    requirements, constraints = folder / "requirements.txt", folder / "constraints.txt"
    requirements.write_text(wanted.requirements_text, encoding="ascii")
    constraints.write_text(wanted.constraints_text, encoding="ascii")
    argv = [uv, "pip", "install", "--dry-run", "--no-build", "--index-strategy", "unsafe-best-match"]
    argv += ["--python", sys.executable, "--python-version", f"{version[0]}.{version[1]}"]
    argv += ["--python-platform", _PLATFORM, "--target", str(context.workspace.temporary / "resolved")]
    argv += [*wanted.flags, "--requirement", str(requirements), "--constraint", str(constraints)]
    limit = min(_LIMIT, max(context.interrupts.remaining(), timedelta(seconds=1)))
    return run(argv, cwd=cwd, env=env, limit=limit, confined=True)


def _environment(context: CheckContext) -> Mapping[str, str]:
    settings, workspace = context.settings, context.workspace
    return {
        "PATH": settings.path,
        "HOME": str(workspace.home),
        "TMPDIR": str(workspace.temporary),
        "LANG": "C.UTF-8",
        **settings.certificates,
        **settings.proxies,
        # Settings in the repository must not redirect the index.
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "UV_NO_PYTHON_DOWNLOADS": "1",
        **settings.installer,
        "UV_CACHE_DIR": str(settings.uv_cache),
    }


def _why(outcome: Outcome, install: Install, stated: StatedFacts, *, is_known: bool) -> Finding:
    image = stated.image
    assert image is not None, "asked for above"
    text, base = outcome.output.text[-16_000:], image.dockerfile.final.base_image
    if outcome.exit_code is None:
        return errored(ReasonCode.NETWORK_TIMEOUT, f"the index did not answer in {outcome.seconds:.0f} s")
    if _NO_NETWORK.search(text):
        return skipped(ReasonCode.NO_NETWORK, f"the package index can't be reached from here: {_last(text)}")
    if trouble := world_trouble(text):
        return errored(trouble.code, trouble.reason)
    # uv breaks its lines wherever they are full.
    if _NEEDS_BUILD.search(" ".join(text.split())):
        return skipped(ReasonCode.NEEDS_BUILD, f"only a build can tell: {_last(text)}")
    trouble = build_trouble(text, outcome.exit_code)
    if trouble is None or not trouble.repository_at_fault:
        # An installer that can't do a dry run says nothing of the repository; the build will tell.
        reason = trouble.reason if trouble else f"the installer failed: {_last(text)}"
        return errored(trouble.code if trouble else ReasonCode.RESOLUTION_FAILED, reason, required=trouble is not None)
    if not is_known and (trouble.code == ReasonCode.DEPENDENCY_PYTHON or _WRONG_PYTHON.search(text)):
        return skipped(ReasonCode.PYTHON_UNKNOWN, f"the image's Python isn't known: {trouble.reason}")
    # A base image can bring packages and an index of its own; so can an address that needs a secret of the build.
    own_index = not _OWN_PYTHON.fullmatch(base) and base_cuda(base) is None
    values = itertools.pairwise(install.arguments)
    own_index = own_index or any(
        option in _INDEX_OPTIONS and not _PUBLIC_INDEX.match(value) for option, value in values
    )
    if trouble.code == ReasonCode.DEPENDENCY_NOT_FOUND and own_index:
        return skipped(ReasonCode.INDEX_UNKNOWN, f"the image may use an index of its own: {trouble.reason}")
    locations = requirement_locations(text, trouble.reason, image=image, tree=stated.tree, line=install.line)
    return failed(trouble.code, trouble.reason, locations=locations)


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("Using ")]
    return " ".join(" ".join(lines[:2]).split())[:300]
