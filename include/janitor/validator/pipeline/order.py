"""The checks in their order, each with what it needs of those before it.

`run_checks` is the floor plan of a validation: a line is a check, its last argument the facts that the check is given.
"""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName
from janitor.validator.agent.child import AgentFacts
from janitor.validator.checks.handler.handler_api import check_handler_api
from janitor.validator.checks.handler.handler_facts import AnsweredFacts, ApiFacts, HandlerLogs, LocalFacts
from janitor.validator.checks.handler.handler_local import check_handler_local
from janitor.validator.checks.handler.log_scan import check_log_scan
from janitor.validator.checks.handler.negative_input import check_negative_input
from janitor.validator.checks.running.agent_prompt import check_agent_prompt
from janitor.validator.checks.running.build import (
    BuildOrder,
    check_build,
    check_container_start,
    check_gpu_in_container,
    check_image,
)
from janitor.validator.checks.running.build_time import check_build_time
from janitor.validator.checks.running.checkout import check_checkout
from janitor.validator.checks.running.cleanup import check_cleanup
from janitor.validator.checks.running.host import check_host
from janitor.validator.pipeline.results import Met, gather
from janitor.validator.pipeline.static_checks import ask_network, read_source
from janitor.validator.pipeline.steps import Phase, Step, StepList, StepRunner

CLEANUP = Step(CheckName.CLEANUP, Phase.TEST, announced=True)
"""Always run, last, and not cut short by the deadline."""


def run_checks(run: StepRunner) -> None:
    """All checks but the cleanup."""
    checkout = run.first(Step(CheckName.CHECKOUT, Phase.CHECKOUT, announced=True), check_checkout)
    source = read_source(run, checkout.passed)
    ask_network(run, source)
    host = run(Step(CheckName.HOST, Phase.STATIC, announced=True), check_host, source.source)

    order = gather(BuildOrder, source.worker, host.passed)
    built = run(Step(CheckName.BUILD, Phase.BUILD, announced=True), check_build, order)
    image = run(Step(CheckName.IMAGE, Phase.BUILD, announced=True), check_image, built.passed)
    run(Step(CheckName.BUILD_TIME, Phase.BUILD), check_build_time, built.passed)
    # An image that was described is known better.
    worker = gather(lambda build, described: described or build.worker, built.passed, image.if_any)
    gpu = run(Step(CheckName.GPU_IN_CONTAINER, Phase.TEST, announced=True), check_gpu_in_container, worker)
    started = run(Step(CheckName.CONTAINER_START, Phase.TEST, announced=True), check_container_start, worker)

    on_local = gather(LocalFacts, worker, gpu.if_any, started.if_any)
    local = run(Step(CheckName.HANDLER_LOCAL, Phase.TEST, announced=True), check_handler_local, on_local)
    on_api = gather(ApiFacts, worker, gpu.if_any, local.unless_failed)
    api = run(Step(CheckName.HANDLER_API, Phase.TEST, announced=True), check_handler_api, on_api)
    answered = gather(AnsweredFacts, worker, local.if_any, api.if_any, Met(api.status))
    run(Step(CheckName.NEGATIVE_INPUT, Phase.TEST, announced=True), check_negative_input, answered)
    logs = gather(lambda _worker, of_local, of_api: HandlerLogs(of_local, of_api), worker, local.if_any, api.if_any)
    run(Step(CheckName.LOG_SCAN, Phase.TEST), check_log_scan, logs)
    asked = gather(AgentFacts, Met(run.checks), checkout.if_any, host.if_any, built.if_any)
    run(Step(CheckName.AGENT_PROMPT, Phase.TEST, announced=True), check_agent_prompt, asked)


def run_cleanup(run: StepRunner) -> None:
    """The cleanup."""
    run.first(CLEANUP, check_cleanup)


def _steps() -> tuple[Step, ...]:
    listed = StepList()
    run_checks(listed)
    return tuple(listed.steps)


PIPELINE: tuple[Step, ...] = _steps()
"""The checks that `run_checks` runs."""
