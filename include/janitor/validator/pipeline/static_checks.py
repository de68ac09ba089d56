"""The checks that need neither an engine nor a GPU, in their order: those that read, and those that ask the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from janitor.inspection.documents.tests_file import TestPlan
from janitor.protocol.terms.statuses import CheckName, Engine
from janitor.validator.checks.static.declared.ci_refs import check_ci_refs
from janitor.validator.checks.static.declared.config_consistency import check_config_consistency
from janitor.validator.checks.static.declared.hub_schema import check_hub_schema
from janitor.validator.checks.static.declared.layout import check_layout
from janitor.validator.checks.static.declared.model_urls import check_model_urls
from janitor.validator.checks.static.declared.test_input import check_test_input
from janitor.validator.checks.static.declared.tests_schema import check_tests_schema
from janitor.validator.checks.static.dockerfile.base_image_exists import check_base_image_exists
from janitor.validator.checks.static.dockerfile.dockerfile_parse import check_dockerfile_parse
from janitor.validator.checks.static.python.deps_resolve import check_deps_resolve
from janitor.validator.checks.static.python.pins import check_pins
from janitor.validator.checks.static.python.python_static import check_python_static
from janitor.validator.facts import (
    CheckoutFacts,
    HubFacts,
    ImageFacts,
    PythonFacts,
    RepositoryFacts,
    SourceFacts,
    StatedFacts,
    WorkerFacts,
)
from janitor.validator.pipeline.results import Need, Result, gather
from janitor.validator.pipeline.steps import Phase, Settlement, Step, StepRunner

_DOCKER = frozenset({Engine.DOCKER})
_BUILT = Settlement(checks=frozenset({CheckName.BUILD}))
_BUILT_BY_DOCKER = Settlement(checks=frozenset({CheckName.BUILD}), engines=_DOCKER)
_TESTED_BY_DOCKER = Settlement(checks=frozenset({CheckName.HANDLER_LOCAL, CheckName.HANDLER_API}), engines=_DOCKER)
DEPS_RESOLVE = Step(CheckName.DEPS_RESOLVE, Phase.NETWORK, _BUILT, announced=True, answered_by=CheckName.BUILD)
"""Asks the package index."""


@dataclass(frozen=True, kw_only=True)
class StaticResults:
    """What the checks that read have found."""

    repository: Result[RepositoryFacts]
    image: Result[ImageFacts]
    hub: Result[HubFacts]
    plan: Result[TestPlan]
    test_input: Result[Mapping[str, Any]]
    python: Result[PythonFacts]

    @property
    def source(self) -> Need[SourceFacts]:
        """All that is known of the repository, whatever of it has failed."""
        return gather(
            SourceFacts,
            self.repository.yielded,
            self.image.if_any,
            self.hub.if_any,
            self.plan.if_any,
            self.test_input.if_any,
            self.python.if_any,
        )

    @property
    def worker(self) -> Need[WorkerFacts]:
        """The same of a repository whose layout and Dockerfile have passed."""
        return gather(
            WorkerFacts,
            self.repository.passed,
            self.image.passed,
            self.hub.if_any,
            self.plan.if_any,
            self.test_input.if_any,
            self.python.if_any,
        )


def read_source(run: StepRunner, checkout: Need[CheckoutFacts]) -> StaticResults:
    """The checks that read."""
    repository = run(Step(CheckName.LAYOUT, Phase.STATIC), check_layout, checkout)
    image = run(Step(CheckName.DOCKERFILE_PARSE, Phase.STATIC), check_dockerfile_parse, repository.yielded)
    hub = run(Step(CheckName.HUB_SCHEMA, Phase.STATIC), check_hub_schema, repository.yielded)
    plan = run(Step(CheckName.TESTS_SCHEMA, Phase.STATIC), check_tests_schema, repository.yielded)
    stated = gather(StatedFacts, repository.yielded, image.if_any, hub.if_any, plan.if_any)
    run(Step(CheckName.CONFIG_CONSISTENCY, Phase.STATIC), check_config_consistency, stated)
    test_input = run(Step(CheckName.TEST_INPUT, Phase.STATIC), check_test_input, stated)
    python = run(Step(CheckName.PYTHON_STATIC, Phase.STATIC), check_python_static, stated)
    found = StaticResults(repository=repository, image=image, hub=hub, plan=plan, test_input=test_input, python=python)
    run(Step(CheckName.PINS, Phase.STATIC), check_pins, found.source)
    run(Step(CheckName.CI_REFS, Phase.STATIC), check_ci_refs, checkout)
    return found


def ask_network(run: StepRunner, found: StaticResults) -> None:
    """The checks that ask registries, model hosts and the package index."""
    source = found.source
    run(
        Step(CheckName.BASE_IMAGE_EXISTS, Phase.NETWORK, _BUILT_BY_DOCKER, announced=True),
        check_base_image_exists,
        source,
    )
    run(Step(CheckName.MODEL_URLS, Phase.NETWORK, _TESTED_BY_DOCKER, announced=True), check_model_urls, source)
    run(DEPS_RESOLVE, check_deps_resolve, source)
