"""The checks in their order, with the phase that each belongs to and what each builds on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from janitor.protocol.statuses import CheckName
from janitor.validator.bench import Bench
from janitor.validator.checks.agent_prompt import check_agent_prompt
from janitor.validator.checks.build import check_build, check_container_start, check_gpu_in_container, check_image
from janitor.validator.checks.checkout import check_checkout
from janitor.validator.checks.cleanup import check_cleanup
from janitor.validator.checks.dockerfile_parse import check_dockerfile_parse
from janitor.validator.checks.handler_api import check_handler_api
from janitor.validator.checks.handler_local import check_handler_local
from janitor.validator.checks.host import check_host
from janitor.validator.checks.hub_schema import check_hub_schema
from janitor.validator.checks.layout import check_layout
from janitor.validator.checks.log_scan import check_log_scan
from janitor.validator.checks.python_static import check_python_static
from janitor.validator.checks.test_input import check_test_input
from janitor.validator.checks.tests_schema import check_tests_schema
from janitor.validator.findings import Finding


class Phase(str, Enum):
    """Parts of a validation whose durations a report states."""

    CHECKOUT = "checkout"
    STATIC = "static"
    BUILD = "build"
    TEST = "test"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One check in the pipeline."""

    name: CheckName
    phase: Phase
    run: Callable[[Bench], Finding]
    needs: frozenset[CheckName] = frozenset()
    """Checks without whose pass this one isn't run."""
    announced: bool = False
    """Whether its start is worth a line in the log."""


_SOURCE = frozenset({CheckName.CHECKOUT})
_READABLE = _SOURCE | {CheckName.LAYOUT}
_BUILDABLE = _READABLE | {CheckName.DOCKERFILE_PARSE, CheckName.HOST}
_RUNNABLE = _BUILDABLE | {CheckName.BUILD}

PIPELINE: tuple[Step, ...] = (
    Step(name=CheckName.CHECKOUT, phase=Phase.CHECKOUT, run=check_checkout, announced=True),
    Step(name=CheckName.LAYOUT, phase=Phase.STATIC, run=check_layout, needs=_SOURCE),
    Step(name=CheckName.DOCKERFILE_PARSE, phase=Phase.STATIC, run=check_dockerfile_parse, needs=_SOURCE),
    Step(name=CheckName.HUB_SCHEMA, phase=Phase.STATIC, run=check_hub_schema, needs=_SOURCE),
    Step(name=CheckName.TESTS_SCHEMA, phase=Phase.STATIC, run=check_tests_schema, needs=_SOURCE),
    Step(name=CheckName.TEST_INPUT, phase=Phase.STATIC, run=check_test_input, needs=_SOURCE),
    Step(name=CheckName.PYTHON_STATIC, phase=Phase.STATIC, run=check_python_static, needs=_SOURCE),
    Step(name=CheckName.HOST, phase=Phase.STATIC, run=check_host, needs=_SOURCE),
    Step(name=CheckName.BUILD, phase=Phase.BUILD, run=check_build, needs=_BUILDABLE, announced=True),
    Step(name=CheckName.IMAGE, phase=Phase.BUILD, run=check_image, needs=_RUNNABLE),
    Step(name=CheckName.GPU_IN_CONTAINER, phase=Phase.TEST, run=check_gpu_in_container, needs=_RUNNABLE),
    Step(name=CheckName.CONTAINER_START, phase=Phase.TEST, run=check_container_start, needs=_RUNNABLE),
    Step(name=CheckName.HANDLER_LOCAL, phase=Phase.TEST, run=check_handler_local, needs=_RUNNABLE, announced=True),
    Step(name=CheckName.HANDLER_API, phase=Phase.TEST, run=check_handler_api, needs=_RUNNABLE, announced=True),
    Step(name=CheckName.LOG_SCAN, phase=Phase.TEST, run=check_log_scan, needs=_RUNNABLE),
    Step(name=CheckName.AGENT_PROMPT, phase=Phase.TEST, run=check_agent_prompt),
)

CLEANUP = Step(name=CheckName.CLEANUP, phase=Phase.TEST, run=check_cleanup)
"""Always run, last, and not cut short by the deadline."""
