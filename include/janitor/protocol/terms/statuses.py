"""The closed sets of states and engines that the spec and the report speak of."""

from __future__ import annotations

from enum import Enum


class CheckStatus(str, Enum):
    """Outcome of one check."""

    PASS = "pass"  # noqa: S105  # asserted, and evidenced
    FAIL = "fail"  # the repository is at fault
    SKIP = "skip"  # not applicable, or a prerequisite failed; always with a reason
    ERROR = "error"  # could not tell: cloud, registry, host, network; worth another try


class ReportStatus(str, Enum):
    """Outcome of one validation, derived from its checks by `janitor.protocol.terms.rollup`."""

    SUCCESS = "success"
    FAILED = "failed"  # a required check failed
    ERROR = "error"  # a required check could not tell
    TIMED_OUT = "timed_out"  # the deadline came first
    INCOMPLETE = "incomplete"  # a required check was skipped, or no handler test was executed


class Engine(str, Enum):
    """What built and ran the worker."""

    DOCKER = "docker"
    VENV = "venv"


class EngineChoice(str, Enum):
    """What the spec asks for; `auto` is docker where an engine answers, else venv."""

    AUTO = "auto"
    DOCKER = "docker"
    VENV = "venv"


class EvidenceKind(str, Enum):
    """What an evidence's artefact was."""

    LOG = "log"  # output of a process
    FILE = "file"  # content of a file
    VALUE = "value"  # something measured or concluded
    HTTP = "http"  # body of an HTTP response


class CheckName(str, Enum):
    """The checks of this validator, in the order in which they run.

    Reports may carry other names (a newer validator's), so this is no limit on what `Report` accepts.
    """

    CHECKOUT = "checkout"
    LAYOUT = "layout"
    DOCKERFILE_PARSE = "dockerfile_parse"
    HUB_SCHEMA = "hub_schema"
    TESTS_SCHEMA = "tests_schema"
    CONFIG_CONSISTENCY = "config_consistency"
    TEST_INPUT = "test_input"
    PYTHON_STATIC = "python_static"
    PINS = "pins"
    CI_REFS = "ci_refs"
    BASE_IMAGE_EXISTS = "base_image_exists"
    MODEL_URLS = "model_urls"
    DEPS_RESOLVE = "deps_resolve"
    HOST = "host"
    BUILD = "build"
    IMAGE = "image"
    BUILD_TIME = "build_time"
    GPU_IN_CONTAINER = "gpu_in_container"
    CONTAINER_START = "container_start"
    HANDLER_LOCAL = "handler_local"
    HANDLER_API = "handler_api"
    NEGATIVE_INPUT = "negative_input"
    LOG_SCAN = "log_scan"
    AGENT_PROMPT = "agent_prompt"
    CLEANUP = "cleanup"


class CacheState(str, Enum):
    """Whether an instance that several repositories use in turn has the deployment's cache volume."""

    ATTACHED = "attached"
    COLD = "cold"
