"""The checks in their order, with the phase that each belongs to and what each builds on."""

from __future__ import annotations

from janitor.protocol.statuses import CheckName
from janitor.validator.checks.running.agent_prompt import check_agent_prompt
from janitor.validator.checks.running.build import (
    check_build,
    check_container_start,
    check_gpu_in_container,
    check_image,
)
from janitor.validator.checks.running.build_time import check_build_time
from janitor.validator.checks.running.checkout import check_checkout
from janitor.validator.checks.running.cleanup import check_cleanup
from janitor.validator.checks.running.handler_api import check_handler_api
from janitor.validator.checks.running.handler_local import check_handler_local
from janitor.validator.checks.running.host import check_host
from janitor.validator.checks.running.log_scan import check_log_scan
from janitor.validator.checks.running.negative_input import check_negative_input
from janitor.validator.static_checks import NETWORK_CHECKS, STATIC_CHECKS
from janitor.validator.steps import Phase, Step

_SOURCE = frozenset({CheckName.CHECKOUT})
_READABLE = _SOURCE | {CheckName.LAYOUT}
_BUILDABLE = _READABLE | {CheckName.DOCKERFILE_PARSE, CheckName.HOST}
_RUNNABLE = _BUILDABLE | {CheckName.BUILD}

PIPELINE: tuple[Step, ...] = (
    Step(name=CheckName.CHECKOUT, phase=Phase.CHECKOUT, run=check_checkout, announced=True),
    *STATIC_CHECKS,
    *NETWORK_CHECKS,
    Step(name=CheckName.HOST, phase=Phase.STATIC, run=check_host, needs=_SOURCE),
    Step(name=CheckName.BUILD, phase=Phase.BUILD, run=check_build, needs=_BUILDABLE, announced=True),
    Step(name=CheckName.IMAGE, phase=Phase.BUILD, run=check_image, needs=_RUNNABLE),
    Step(name=CheckName.BUILD_TIME, phase=Phase.BUILD, run=check_build_time, needs=_RUNNABLE),
    Step(name=CheckName.GPU_IN_CONTAINER, phase=Phase.TEST, run=check_gpu_in_container, needs=_RUNNABLE),
    Step(name=CheckName.CONTAINER_START, phase=Phase.TEST, run=check_container_start, needs=_RUNNABLE),
    Step(name=CheckName.HANDLER_LOCAL, phase=Phase.TEST, run=check_handler_local, needs=_RUNNABLE, announced=True),
    Step(name=CheckName.HANDLER_API, phase=Phase.TEST, run=check_handler_api, needs=_RUNNABLE, announced=True),
    Step(name=CheckName.NEGATIVE_INPUT, phase=Phase.TEST, run=check_negative_input, needs=_RUNNABLE),
    Step(name=CheckName.LOG_SCAN, phase=Phase.TEST, run=check_log_scan, needs=_RUNNABLE),
    Step(name=CheckName.AGENT_PROMPT, phase=Phase.TEST, run=check_agent_prompt),
)

CLEANUP = Step(name=CheckName.CLEANUP, phase=Phase.TEST, run=check_cleanup)
"""Always run, last, and not cut short by the deadline."""
