"""What the checks of one validation share: the means, and what is known so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, TypeVar

from janitor.diagnosis.handler.bad_input import BadAnswer
from janitor.diagnosis.handler.verdict import Verdict
from janitor.guest.interrupts import Interrupts
from janitor.guest.journal import Journal
from janitor.guest.processes.capture import Captured
from janitor.inspection.dockerfile.command import Command
from janitor.inspection.dockerfile.image_files import ImageFiles, StageFiles
from janitor.inspection.dockerfile.sources import BuildContext
from janitor.inspection.dockerfile.stages import Dockerfile
from janitor.inspection.documents.tests_file import TestCase, TestPlan
from janitor.inspection.python.python_source import HandlerKind
from janitor.inspection.repository.layout import Layout
from janitor.inspection.tree import RepositoryTree
from janitor.protocol.report import Check, Host
from janitor.protocol.spec import ValidationSpec
from janitor.validator.engine import WorkerEngine
from janitor.validator.findings import EvidenceMaker
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace

T = TypeVar("T")
_MOST_VARIABLES = 200


@dataclass(kw_only=True)
class Known:
    """What the checks have found out, each field by the check that its comment names."""

    confinement: str = "as the validator's user"  # the runner: whose processes the repository's are
    commit_sha: str | None = None  # checkout
    tree: RepositoryTree | None = None  # checkout
    unfetched_files: tuple[str, ...] = ()  # checkout: Git LFS pointers
    layout: Layout | None = None  # layout
    dockerfile: Dockerfile | None = None  # dockerfile_parse
    context: BuildContext | None = None  # dockerfile_parse
    stage_files: Mapping[int, StageFiles] = field(default_factory=dict)  # dockerfile_parse: by the stage's index
    image_files: ImageFiles = field(default_factory=dict)  # dockerfile_parse: those of the final stage
    command: Command | None = None  # dockerfile_parse
    disk_gigabytes: int | None = None  # hub_schema: containerDiskInGb
    load_balancer: bool = False  # hub_schema: endpointType LB; python_static: it answers /ping. It has no handler
    hub: Mapping[str, Any] | None = None  # hub_schema: the document, if it has its documented form
    plan: TestPlan | None = None  # tests_schema
    test_input: Mapping[str, Any] | None = None  # test_input
    entry: PurePosixPath | None = None  # python_static: the file with the start call, in the repository
    handler_kind: HandlerKind = HandlerKind.UNKNOWN  # python_static
    modules: tuple[PurePosixPath, ...] = ()  # python_static: the worker's own files
    host: Host | None = None  # host
    gpu_available: bool | None = None  # host
    host_cuda: str | None = None  # host: the highest CUDA that its driver supports, such as 12.4
    engine: WorkerEngine | None = None  # host
    build_succeeded: bool | None = None  # build
    build_cache: str | None = None  # build: the docker engine's, a `CacheState`
    build_seconds: float | None = None  # build: of `docker build` alone
    container_succeeded: bool | None = None  # container_start
    cuda_detected: bool | None = None  # gpu_in_container
    local_verdict: Verdict | None = None  # handler_local
    handler_logs: list[tuple[str, Captured]] = field(default_factory=list)  # handler_local, handler_api
    agent_usd: float | None = None  # agent_prompt: what the model cost; None where it isn't known
    checks: list[Check] = field(default_factory=list)  # the runner: what is recorded so far
    bad_answer: BadAnswer | None = None  # handler_api: what came of bad input at the end of its last session

    @property
    def cases(self) -> tuple[TestCase, ...]:
        """The cases of tests.json; none where there is no such file, or none in it."""
        return self.plan.cases if self.plan is not None else ()

    @property
    def hub_variables(self) -> frozenset[str]:
        """Variables that hub.json has the platform set. None where tests.json has cases: a test gets what it states."""
        env = (self.hub or {}).get("config", {}).get("env", [])
        return frozenset() if self.cases else frozenset(item["key"] for item in env[:_MOST_VARIABLES])


@dataclass(frozen=True, kw_only=True)
class CheckContext:
    """One validation's means and knowledge."""

    spec: ValidationSpec
    settings: Settings
    workspace: Workspace
    journal: Journal
    evidence: EvidenceMaker
    interrupts: Interrupts
    known: Known = field(default_factory=Known)


def given(value: T | None) -> T:
    """A value that a prerequisite of this check has set; its absence is a mistake in the order of the checks."""
    if value is None:
        raise RuntimeError("a check ran before the one that it builds on")
    return value
