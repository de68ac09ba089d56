"""The checks that need neither an engine nor a GPU, in their order: those that read, and those that ask the network."""

from __future__ import annotations

from janitor.protocol.statuses import CheckName, Engine
from janitor.validator.checks.static.base_image_exists import check_base_image_exists
from janitor.validator.checks.static.ci_refs import check_ci_refs
from janitor.validator.checks.static.config_consistency import check_config_consistency
from janitor.validator.checks.static.deps_resolve import check_deps_resolve
from janitor.validator.checks.static.dockerfile_parse import check_dockerfile_parse
from janitor.validator.checks.static.hub_schema import check_hub_schema
from janitor.validator.checks.static.layout import check_layout
from janitor.validator.checks.static.model_urls import check_model_urls
from janitor.validator.checks.static.pins import check_pins
from janitor.validator.checks.static.python_static import check_python_static
from janitor.validator.checks.static.test_input import check_test_input
from janitor.validator.checks.static.tests_schema import check_tests_schema
from janitor.validator.steps import Phase, Settlement, Step

_SOURCE = frozenset({CheckName.CHECKOUT})
_DOCKER = frozenset({Engine.DOCKER})
_BUILT = frozenset({CheckName.BUILD})
_TESTED = frozenset({CheckName.HANDLER_LOCAL, CheckName.HANDLER_API})

STATIC_CHECKS: tuple[Step, ...] = (
    Step(name=CheckName.LAYOUT, phase=Phase.STATIC, run=check_layout, needs=_SOURCE),
    Step(name=CheckName.DOCKERFILE_PARSE, phase=Phase.STATIC, run=check_dockerfile_parse, needs=_SOURCE),
    Step(name=CheckName.HUB_SCHEMA, phase=Phase.STATIC, run=check_hub_schema, needs=_SOURCE),
    Step(name=CheckName.TESTS_SCHEMA, phase=Phase.STATIC, run=check_tests_schema, needs=_SOURCE),
    Step(name=CheckName.CONFIG_CONSISTENCY, phase=Phase.STATIC, run=check_config_consistency, needs=_SOURCE),
    Step(name=CheckName.TEST_INPUT, phase=Phase.STATIC, run=check_test_input, needs=_SOURCE),
    Step(name=CheckName.PYTHON_STATIC, phase=Phase.STATIC, run=check_python_static, needs=_SOURCE),
    Step(name=CheckName.PINS, phase=Phase.STATIC, run=check_pins, needs=_SOURCE),
    Step(name=CheckName.CI_REFS, phase=Phase.STATIC, run=check_ci_refs, needs=_SOURCE),
)

NETWORK_CHECKS: tuple[Step, ...] = (
    Step(
        name=CheckName.BASE_IMAGE_EXISTS,
        phase=Phase.NETWORK,
        run=check_base_image_exists,
        needs=_SOURCE,
        settlement=Settlement(checks=_BUILT, engines=_DOCKER),
    ),
    Step(
        name=CheckName.MODEL_URLS,
        phase=Phase.NETWORK,
        run=check_model_urls,
        needs=_SOURCE,
        settlement=Settlement(checks=_TESTED, engines=_DOCKER),
    ),
    Step(
        name=CheckName.DEPS_RESOLVE,
        phase=Phase.NETWORK,
        run=check_deps_resolve,
        needs=_SOURCE,
        settlement=Settlement(checks=_BUILT),
    ),
)
