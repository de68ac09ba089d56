"""Why a check did not pass, or why a validation has no report: every reason code, with what it means.

The values are in reports, in the ledger and in the signatures of failures, so they don't change. A report of another
version may have others: there a code is any text of its pattern.
"""

from __future__ import annotations

import sys
from enum import Enum


class ReasonGroup(str, Enum):
    """Whose codes these are."""

    ANY = "Any check"
    WORLD = "Around the repository: network, servers and instance"
    CHECKOUT = "`checkout`"
    LAYOUT = "`layout`"
    DOCKERFILE = "`dockerfile_parse`"
    HUB = "`hub_schema`"
    TESTS = "`tests_schema` and `test_input`"
    CONSISTENCY = "`config_consistency`"
    PYTHON = "`python_static`"
    PINS = "`pins`"
    WORKFLOWS = "`ci_refs`"
    NETWORK = "`base_image_exists` and `model_urls`"
    RESOLUTION = "`deps_resolve`"
    HOST = "`host`"
    BUILD = "`build`, `image` and `build_time`"
    GPU = "`gpu_in_container`"
    START = "`container_start`"
    HANDLER = "`handler_local` and `handler_api`"
    API = "`handler_api`"
    NEGATIVE = "`negative_input`"
    LOGS = "`log_scan`"
    AGENT = "`agent_prompt`"
    CLEANUP = "`cleanup`"
    VALIDATION = "The validation as a whole, without a report or beside it"
    LAUNCH = "The launch of its instance"


_G = ReasonGroup


class ReasonCode(str, Enum):
    """A closed vocabulary; `meaning` is one line for people."""

    meaning: str
    group: ReasonGroup

    def __new__(cls, value: str, group: ReasonGroup, meaning: str) -> ReasonCode:
        """A member with what it means."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.group, member.meaning = group, meaning
        return member

    def __str__(self) -> str:
        """The code as a report has it."""
        return str(self.value)

    @classmethod
    def known(cls, text: str | None) -> ReasonCode | None:
        """The code that a text is; None for one of another version, or for none."""
        return next((code for code in cls if code.value == text), None)

    ABSENT = "absent", _G.ANY, "the repository has nothing that the check could look at"
    PREREQUISITE_FAILED = "prerequisite_failed", _G.ANY, "a check that this one builds on has not passed"
    NOT_REACHED = "not_reached", _G.ANY, "the validation was cut short before this check"
    DEADLINE = "deadline", _G.ANY, "the hard limit came while this check was running, or before any report"
    TERMINATED = "terminated", _G.ANY, "the validator was told to end while this check was running"
    VALIDATOR_BUG = "validator_bug", _G.ANY, "the validator itself broke down; no fault of the repository"
    UNKNOWN = "unknown", _G.ANY, "nobody said why"

    NETWORK = "network", _G.WORLD, "the network failed"
    NAME_RESOLUTION = "name_resolution", _G.WORLD, "a host name could not be resolved"
    NO_NETWORK = "no_network", _G.WORLD, "this machine reaches nothing, or not this host"
    NETWORK_TIMEOUT = "network_timeout", _G.WORLD, "a server gave no answer in time"
    HOST_REFUSED = "host_refused", _G.WORLD, "a host that may not be asked, as one of a private network"
    TLS_FAILED = "tls_failed", _G.WORLD, "a server's certificate is not to be trusted"
    ANSWER_BROKEN = "answer_broken", _G.WORLD, "a server's answer broke off or can't be read"
    RATE_LIMITED = "rate_limited", _G.WORLD, "a registry or server takes no more requests for now"
    SERVER_TROUBLE = "server_trouble", _G.WORLD, "a server answered with an error of its own"
    REGISTRY_DENIED = "registry_denied", _G.WORLD, "a registry or server refused access"
    NEEDS_TOKEN = "needs_token", _G.WORLD, "a host wants a token that this validation was not given"
    NEEDS_SECRET = "needs_secret", _G.WORLD, "build or worker want a secret that this validation was not given"
    DISK_FULL = "disk_full", _G.WORLD, "the instance's disk is full"
    DISK_TROUBLE = "disk_trouble", _G.WORLD, "the instance's disk is at fault"
    OUT_OF_MEMORY = "out_of_memory", _G.WORLD, "the instance ran out of memory"
    RESOURCE = "resource", _G.WORLD, "a container ran out of memory"
    CLOCK_WRONG = "clock_wrong", _G.WORLD, "the instance's clock is wrong"
    PORT_IN_USE = "port_in_use", _G.WORLD, "another process of the instance has the port that the worker wants"
    HOST_DRIVER = "host_driver", _G.WORLD, "the instance's GPU driver is at fault, or too old for the worker"
    GPU_MISSING = "gpu_missing", _G.WORLD, "a GPU is wanted and this instance has none"
    ENGINE_TROUBLE = "engine_trouble", _G.WORLD, "the engine broke off or could not do its part"
    ENGINE_LIMIT = "engine_limit", _G.WORLD, "the venv engine lacks what the image has; only docker can tell"
    LFS_UNFETCHED = "lfs_unfetched", _G.WORLD, "files that are wanted are only Git LFS pointers here"
    PLATFORM_ONLY = "platform_only", _G.WORLD, "the worker wants what only the platform sets or mounts"

    GIT_FAILED = "git_failed", _G.CHECKOUT, "git failed for no reason that is known"
    GIT_MISSING = "git_missing", _G.CHECKOUT, "git can't be started on this instance"
    NEEDS_CREDENTIALS = "needs_credentials", _G.CHECKOUT, "the repository is private or does not exist"
    REPOSITORY_NOT_FOUND = "repository_not_found", _G.CHECKOUT, "there is no such repository"
    UNKNOWN_REF = "unknown_ref", _G.CHECKOUT, "the repository has no such branch, tag or commit"
    PATCH_UNAPPLIED = "patch_unapplied", _G.CHECKOUT, "the patch that was ordered can't be applied to the commit"
    EMPTY_REPOSITORY = "empty_repository", _G.CHECKOUT, "the repository has no commit"
    NO_DEFAULT_BRANCH = "no_default_branch", _G.CHECKOUT, "the repository's HEAD names a branch that isn't there"
    TRANSPORT_REFUSED = "transport_refused", _G.CHECKOUT, "an address that nothing is fetched from"
    SUBMODULE_UNMAPPED = "submodule_unmapped", _G.CHECKOUT, "a submodule has no address in .gitmodules"
    SUBMODULE_INVALID = "submodule_invalid", _G.CHECKOUT, "a submodule's name, path or command is none that is taken"
    SUBMODULE_LIMIT = "submodule_limit", _G.CHECKOUT, "there are more submodules than are fetched"
    NO_GIT = "no_git", _G.CHECKOUT, "a folder that is no checkout: every file in it counts"

    TREE_TOO_DEEP = "tree_too_deep", _G.LAYOUT, "folders lie too deep in each other"
    SYMLINK_ESCAPE = "symlink_escape", _G.LAYOUT, "a symlink leads out of the repository"

    DOCKERFILE_MISSING = "dockerfile_missing", _G.DOCKERFILE, "the repository has no Dockerfile"
    DOCKERFILE_NOT_NAMED = "dockerfile_not_named", _G.DOCKERFILE, "there are several, and none in the usual places"
    DOCKERFILE_UNREADABLE = "dockerfile_unreadable", _G.DOCKERFILE, "the Dockerfile is no text, or too large"
    DOCKERFILE_SYNTAX = "dockerfile_syntax", _G.DOCKERFILE, "BuildKit would refuse an instruction"
    BASE_UNRESOLVED = "base_unresolved", _G.DOCKERFILE, "FROM names an image by an argument without a value"
    COPY_SOURCE_MISSING = "copy_source_missing", _G.DOCKERFILE, "COPY or ADD of what the build context doesn't hold"
    SHELL_REDIRECTION = "shell_redirection", _G.DOCKERFILE, "a version that the shell takes for a file"
    COMMAND_TARGET_MISSING = "command_target_missing", _G.DOCKERFILE, "the container starts what is not copied in"
    COMMAND_NOT_EXECUTABLE = "command_not_executable", _G.DOCKERFILE, "the container starts what nobody may execute"
    COMMAND_NOT_FOUND = "command_not_found", _G.DOCKERFILE, "the container starts a name that PATH doesn't find"
    COMMAND_FORMAT = "command_format", _G.DOCKERFILE, "exec form starts a script without a `#!` line"
    COMMAND_INTERPRETER = "command_interpreter", _G.DOCKERFILE, "a `#!` line names what the image doesn't have"
    COMMAND_FORM = "command_form", _G.DOCKERFILE, "CMD in shell form becomes arguments of an interpreter"
    INTERPRETER_MISSING = "interpreter_missing", _G.DOCKERFILE, "the container starts a Python that nothing brings"

    HUB_UNREADABLE = "hub_unreadable", _G.HUB, "hub.json is no JSON"
    HUB_INVALID = "hub_invalid", _G.HUB, "hub.json has not its documented form"
    UNKNOWN_GPU = "unknown_gpu", _G.HUB, "a GPU type or pool that doesn't exist"
    GPU_TYPE_FOR_POOL = "gpu_type_for_pool", _G.HUB, "a GPU type where a pool belongs"

    TESTS_UNREADABLE = "tests_unreadable", _G.TESTS, "tests.json is no JSON"
    TESTS_INVALID = "tests_invalid", _G.TESTS, "tests.json has not its documented form"
    TESTS_TOO_MANY = "tests_too_many", _G.TESTS, "more tests than are run"
    TESTS_EMPTY = "tests_empty", _G.TESTS, "tests.json has no test"
    TESTS_DEACTIVATED = "tests_deactivated", _G.TESTS, "the file's name keeps it from being read"
    TIMEOUT_IN_SECONDS = "timeout_in_seconds", _G.TESTS, "a timeout that reads like seconds; it is milliseconds"
    POOL_FOR_GPU_TYPE = "pool_for_gpu_type", _G.TESTS, "a pool where a GPU type belongs"
    TEST_INPUT_UNREADABLE = "test_input_unreadable", _G.TESTS, "test_input.json is no JSON"
    TEST_INPUT_INVALID = "test_input_invalid", _G.TESTS, "test_input.json is no object with `input`"

    CUDA_DISJOINT = "cuda_disjoint", _G.CONSISTENCY, "hub.json and tests.json allow no common CUDA version"
    BASE_CUDA_ABOVE_ALLOWED = (
        "base_cuda_above_allowed",
        _G.CONSISTENCY,
        "the base image has a newer CUDA than is allowed",
    )
    RUNS_ON_MISMATCH = "runs_on_mismatch", _G.CONSISTENCY, "CPU and GPU are asked for at once"
    GPU_NOT_WANTED = "gpu_not_wanted", _G.CONSISTENCY, "hub.json says CPU, and the validation requires a GPU"
    GPU_COUNT_MISMATCH = "gpu_count_mismatch", _G.CONSISTENCY, "tests.json asks for fewer GPUs than hub.json"

    SYNTAX_ERROR = "syntax_error", _G.PYTHON, "a file of the worker does not compile"
    PYTHON_VERSION = "python_version", _G.PYTHON, "this Python can't judge code for another version"
    START_CALL_MISSING = "start_call_missing", _G.PYTHON, "nothing that the container starts starts the runpod SDK"
    FILE_REMOVED = "file_removed", _G.PYTHON, "the program needs a file that the build takes out of the image"
    COMMAND_STARTS_NOTHING = "command_starts_nothing", _G.PYTHON, "the container surely starts no worker"
    START_UNCLEAR = "start_unclear", _G.PYTHON, "the worker can start other programs than those that were read"
    SOURCE_UNREAD = "source_unread", _G.PYTHON, "the program is too large to be read"
    NOT_IN_REPOSITORY = "not_in_repository", _G.PYTHON, "the program can come from elsewhere than the repository"
    PACKAGES_ELSEWHERE = "packages_elsewhere", _G.PYTHON, "no package is where the program's Python looks for it"
    PACKAGE_REMOVED = "package_removed", _G.PYTHON, "the build takes away a package that the program imports"
    LOAD_BALANCER = "load_balancer", _G.PYTHON, "a load-balanced worker has no handler"

    PIN_CONFLICT = "pin_conflict", _G.PINS, "two exact versions exclude each other"
    TORCH_MISMATCH = "torch_mismatch", _G.PINS, "a package demands another torch than is pinned"
    TORCH_INDEX = "torch_index", _G.PINS, "a build of torch that no index in use has"
    CUDNN_MISMATCH = "cudnn_mismatch", _G.PINS, "a package loads another cuDNN than the base image has"
    CPU_TORCH = "cpu_torch", _G.PINS, "a worker for GPUs asks for the CPU build of torch"
    SDK_MISSING = "sdk_missing", _G.PINS, "no command installs the runpod SDK"
    UNPINNED = "unpinned", _G.PINS, "a package without a version: tomorrow's build may get another"

    MISSING_FILE = "missing_file", _G.WORKFLOWS, "a workflow names a file that isn't there"
    WORKFLOW_UNREADABLE = "workflow_unreadable", _G.WORKFLOWS, "a workflow can't be read"

    NO_BASE_IMAGE = "no_base_image", _G.NETWORK, "the Dockerfile starts from nothing that a registry has"
    BASE_MISSING = "base_missing", _G.NETWORK, "the registry has no such image"
    BASE_WRONG_PLATFORM = "base_wrong_platform", _G.NETWORK, "the image is there for other platforms only"
    NO_MODEL_URL = "no_model_url", _G.NETWORK, "nothing names an address that models come from"
    MODEL_GONE = "model_gone", _G.NETWORK, "what the worker downloads is gone for good"

    NEEDS_BUILD = "needs_build", _G.RESOLUTION, "only a build can tell"
    NOT_UNDERSTOOD = "not_understood", _G.RESOLUTION, "something is asked for in a way that isn't resolved here"
    INSTALLER_MISSING = "installer_missing", _G.RESOLUTION, "no installer that is known to build nothing is here"
    RESOLUTION_FAILED = "resolution_failed", _G.RESOLUTION, "the installer failed for no reason that is known"
    PYTHON_UNKNOWN = "python_unknown", _G.RESOLUTION, "which Python the image has isn't known"
    INDEX_UNKNOWN = "index_unknown", _G.RESOLUTION, "the image may use an index of its own"

    ENGINE_MISSING = "engine_missing", _G.HOST, "no Docker engine answers, and the spec wants one"
    SECRET_UNRESOLVED = "secret_unresolved", _G.HOST, "the instance can't read a secret that the config names"
    MEMORY_LOW = "memory_low", _G.HOST, "the instance has too little memory"
    DISK_LOW = "disk_low", _G.HOST, "the instance has too little free disk"

    DEPENDENCY_NOT_FOUND = "dependency_not_found", _G.BUILD, "a package, or this version of it, does not exist"
    DEPENDENCY_CONFLICT = "dependency_conflict", _G.BUILD, "the required packages contradict each other"
    DEPENDENCY_PYTHON = "dependency_python", _G.BUILD, "a package does not support this Python"
    DEPENDENCY_HASH = "dependency_hash", _G.BUILD, "a package is not the one whose hash is stated"
    DEPENDENCY_BUILD = "dependency_build", _G.BUILD, "a package does not build"
    REQUIREMENTS_INVALID = "requirements_invalid", _G.BUILD, "a requirement is not well-formed"
    REQUIREMENTS_MISSING = "requirements_missing", _G.BUILD, "what is to be installed is not there"
    SYSTEM_PACKAGE = "system_package", _G.BUILD, "a system package does not exist"
    PACKAGE_KEY = "package_key", _G.BUILD, "the image doesn't hold the key of a package repository"
    NOT_FOUND = "not_found", _G.BUILD, "something that the build downloads does not exist"
    BASE_PLATFORM = "base_platform", _G.BUILD, "a base image is not made for this platform"
    DOCKERFILE_INVALID = "dockerfile_invalid", _G.BUILD, "BuildKit refuses the Dockerfile"
    BAKE_UNCLEAR = "bake_unclear", _G.BUILD, "the bake file doesn't say how the image is built"
    BUILD_STEP_FAILED = "build_step_failed", _G.BUILD, "a step of the build failed by itself"
    PROGRAM_MISSING = "program_missing", _G.BUILD, "a step starts a program that nothing has brought"
    EXTERNALLY_MANAGED = "externally_managed", _G.BUILD, "pip is to install into the system's own Python, which refuses"
    LIBRARY_MISSING = "library_missing", _G.BUILD, "a package needs a library of the system that the image lacks"
    BUILD_UNCLEAR = "build_unclear", _G.BUILD, "the build failed, and nothing says at what"
    BUILD_TIMEOUT = "build_timeout", _G.BUILD, "the build took longer than a build may"
    INSTALL_FAILED = "install_failed", _G.BUILD, "the installer failed for no reason that is known"
    ENGINE_VENV = "engine_venv", _G.BUILD, "the venv engine makes no image and starts no container"
    GUARDED_IMPORT_MISSING = (
        "guarded_import_missing",
        _G.BUILD,
        "a module that the worker imports if it can is not installed",
    )
    IMAGE_TOO_LARGE = "image_too_large", _G.BUILD, "the image is larger than containerDiskInGb"
    BUILD_SLOWER = "build_slower", _G.BUILD, "the build took much longer than earlier ones at the same cache state"
    NO_HISTORY = "no_history", _G.BUILD, "no earlier build can be compared"

    IMAGE_WITHOUT_CUDA = "image_without_cuda", _G.GPU, "the image has neither CUDA nor torch"
    NO_TORCH = "no_torch", _G.GPU, "the image has CUDA, and no torch to compute with"
    PROBE_FAILED = "probe_failed", _G.GPU, "the probe of torch broke off"
    GPU_UNPROVEN = "gpu_unproven", _G.GPU, "torch says that it computed, and the GPU saw nothing of it"
    TORCH_BROKEN = "torch_broken", _G.GPU, "the image's torch can't be imported"
    TORCH_WITHOUT_CUDA = "torch_without_cuda", _G.GPU, "the image has a torch without CUDA"
    GPU_HIDDEN = "gpu_hidden", _G.GPU, "the image hides the GPU from its programs"
    GPU_UNSUITABLE = "gpu_unsuitable", _G.GPU, "the image's torch is made for newer GPUs than this one"
    NO_KERNEL_IMAGE = "no_kernel_image", _G.GPU, "the image's torch is made for older GPUs than this one"

    COMMAND_NOT_STARTED = "command_not_started", _G.START, "the image's command can't be started"
    EXITED_AT_ONCE = "exited_at_once", _G.START, "the image's command ended well without starting the SDK"
    EXITED_EARLY = "exited_early", _G.START, "the image's command failed before the SDK started"
    START_TIMEOUT = "start_timeout", _G.START, "the image's command neither ended nor started the SDK"

    NO_TEST_INPUT = "no_test_input", _G.HANDLER, "there is nothing to test with"
    TEST_INPUT_NOT_FOUND = "test_input_not_found", _G.HANDLER, "the SDK did not find the test input"
    INPUT_REJECTED = "input_rejected", _G.HANDLER, "the SDK could not read the test input"
    NO_INPUT = "no_input", _G.HANDLER, "the SDK says that the job has no input"
    SDK_NOT_STARTED = "sdk_not_started", _G.HANDLER, "the program ended without starting the SDK"
    SDK_TOO_OLD = "sdk_too_old", _G.HANDLER, "the worker's SDK has no local mode that can be judged"
    START_FAILED = "start_failed", _G.HANDLER, "the program failed before the SDK started"
    HANDLER_EXITED = "handler_exited", _G.HANDLER, "the worker ended in its handler"
    HANDLER_RAISED = "handler_raised", _G.HANDLER, "the handler raised an exception"
    HANDLER_ERROR = "handler_error", _G.HANDLER, "the handler returned an error"
    NESTED_ERROR = "nested_error", _G.HANDLER, "an error lies within what the handler returned"
    HANDLER_STOPPED = "handler_stopped", _G.HANDLER, "the worker was stopped before it ended"
    NOT_COMPLETED = "not_completed", _G.HANDLER, "the job was never completed"
    EMPTY_OUTPUT = "empty_output", _G.HANDLER, "the handler returned nothing"
    OUTPUT_NOT_JSON = "output_not_json", _G.HANDLER, "what the handler returned can't be sent"
    OUTPUT_MISMATCH = "output_mismatch", _G.HANDLER, "the answer is not the expected one"
    SUCCESS_WHEN_UNMET = "success_when_unmet", _G.HANDLER, "the answer is not what `success_when` asks for"
    OBJECT_AS_TEXT = "object_as_text", _G.HANDLER, "the answer holds what Python prints for an object"
    ANSWER_DOUBTFUL = "answer_doubtful", _G.HANDLER, "something in the answer may tell of a failure"
    UNFINISHED_OBJECT = "unfinished_object", _G.HANDLER, "the handler returned what was never awaited or read"
    GENERATOR_RETURNED = "generator_returned", _G.HANDLER, "a plain handler returned a generator"
    GENERATOR_NOT_ITERATED = "generator_not_iterated", _G.HANDLER, "the local mode never iterates a generator"
    GENERATOR_NEEDS_API = "generator_needs_api", _G.HANDLER, "only the API iterates a generator"
    RESULT_MISSING = "result_missing", _G.HANDLER, "the log shows no result"
    RESULT_TRUNCATED = "result_truncated", _G.HANDLER, "the log shows only the ends of the result"
    RESULT_UNREAD = "result_unread", _G.HANDLER, "the result in the log can't be read back"
    OTHER_JOB = "other_job", _G.HANDLER, "the log tells of another job"
    LOG_SILENT = "log_silent", _G.HANDLER, "the worker's log doesn't tell"
    EXIT_HANGS = "exit_hangs", _G.HANDLER, "the worker did its job and did not end"
    NUMBERS_UNSURE = "numbers_unsure", _G.HANDLER, "the result's numbers may be none that JSON takes"
    TRACEBACK_LOGGED = "traceback_logged", _G.HANDLER, "a traceback was logged during a job that was answered well"
    SWALLOWED_ERROR = "swallowed_error", _G.HANDLER, "the answer holds nothing, and an error was logged meanwhile"
    GPU_UNUSED = "gpu_unused", _G.HANDLER, "a GPU is required, and the worker passed on the CPU"

    NOT_NEEDED = "not_needed", _G.API, "the local mode has tested the handler already"
    API_NOT_SERVED = "api_not_served", _G.API, "the worker ran its local mode instead of serving the API"
    SERVER_NOT_READY = "server_not_ready", _G.API, "the worker's API was not ready in time"
    SERVER_EXITED = "server_exited", _G.API, "the worker ended before its API was ready"
    SERVER_DIED = "server_died", _G.API, "the worker broke off its answer"
    TEST_TIMEOUT = "test_timeout", _G.API, "a test got no answer within its time"
    INPUT_REFUSED = "input_refused", _G.API, "the API refused a test's input"
    ANSWER_INVALID = "answer_invalid", _G.API, "the API's answer has not its form"
    ONE_JOB_ONLY = "one_job_only", _G.API, "the worker answers a job and not the same one again"
    SECOND_JOB_UNCLEAR = "second_job_unclear", _G.API, "what kept the worker from the same job again isn't its own"
    ANOTHER_ANSWER = "another_answer", _G.API, "the same input gets the expected answer once, and then another"
    API_DIFFERS = "api_differs", _G.API, "the API doesn't serve what the local mode does"
    STREAM_NOT_AGGREGATED = "stream_not_aggregated", _G.API, "a test expects of a generator what only its stream has"
    PLATFORM_BRANCH = "platform_branch", _G.API, "the worker fails where the platform's variables are set"
    CALLBACK_FAILED = "callback_failed", _G.API, "a function that the SDK calls on the platform alone fails"
    CALLBACK_UNCLEAR = "callback_unclear", _G.API, "what such a function gives may not be what the SDK needs"
    OUTPUT_TOO_LARGE = "output_too_large", _G.API, "the answer is larger than the platform takes"

    HANDLER_NOT_PASSED = "handler_not_passed", _G.NEGATIVE, "the handler passed no test with good input"
    NO_TIME = "no_time", _G.NEGATIVE, "too little time was left for an optional check"
    NOT_READY = "not_ready", _G.NEGATIVE, "the worker could not be asked"
    BAD_INPUT_FATAL = "bad_input_fatal", _G.NEGATIVE, "bad input ends the worker"
    BAD_INPUT_UNANSWERED = "bad_input_unanswered", _G.NEGATIVE, "bad input gets no answer"
    BAD_INPUT_SILENT = "bad_input_silent", _G.NEGATIVE, "bad input is answered as if it were good"
    BAD_INPUT_UNCLEAR = "bad_input_unclear", _G.NEGATIVE, "the answer to bad input is no clean error"

    NO_LOG = "no_log", _G.LOGS, "no handler was run"
    GPU_ERROR = "gpu_error", _G.LOGS, "the worker logged an error of the GPU"
    ERRORS_LOGGED = "errors_logged", _G.LOGS, "the worker logged errors that no test shows"

    AGENT_NOT_CONFIGURED = "agent_not_configured", _G.AGENT, "no agent is configured"
    AGENT_NOT_INSTALLED = "agent_not_installed", _G.AGENT, "the agent's packages are not on this machine"
    AGENT_NO_CREDENTIALS = "agent_no_credentials", _G.AGENT, "the model's credentials are not there"
    AGENT_NO_SANDBOX = "agent_no_sandbox", _G.AGENT, "no sandbox for the agent's commands"
    AGENT_NO_TIME = "agent_no_time", _G.AGENT, "too little time is left to ask the agent"
    AGENT_TIMED_OUT = "agent_timed_out", _G.AGENT, "the agent was not done in time"
    AGENT_LIMIT = "agent_limit", _G.AGENT, "the agent reached one of its limits"
    AGENT_INVALID_OUTPUT = "agent_invalid_output", _G.AGENT, "the agent gave no verdict"
    AGENT_MODEL_ERROR = "agent_model_error", _G.AGENT, "the model can't be reached or used"
    AGENT_SANDBOX_LOST = "agent_sandbox_lost", _G.AGENT, "the agent's sandbox failed"
    AGENT_CRASHED = "agent_crashed", _G.AGENT, "the agent's process failed"
    AGENT_FAILED = "agent_failed", _G.AGENT, "the agent gave no answer, and no reason that is known"
    AGENT_DID_NOT_LOOK = "agent_did_not_look", _G.AGENT, "the agent judged without looking at anything"
    AGENT_WITHOUT_PROOF = "agent_without_proof", _G.AGENT, "the agent found a fault and quoted nothing for it"
    AGENT_INCONCLUSIVE = "agent_inconclusive", _G.AGENT, "the agent could not tell"
    AGENT_CONTRADICTS_ITSELF = "agent_contradicts_itself", _G.AGENT, "the agent said pass and found something grave"
    AGENT_REMARKED = "agent_remarked", _G.AGENT, "a note: the agent said pass and found something small"
    AGENT_FOUND_FAULT = "agent_found_fault", _G.AGENT, "the agent found a fault, and proved it"

    LEFT_BEHIND = "left_behind", _G.CLEANUP, "a process, a container or a file is still there"

    HANDLER_NOT_TESTED = "handler_not_tested", _G.VALIDATION, "no check is at fault, and no handler was tested"
    REPORT_MISSING = "report_missing", _G.VALIDATION, "the validator ended, and its report is not in storage"
    REPORT_UNREADABLE = "report_unreadable", _G.VALIDATION, "the report can't be read"
    REPORT_UNPROVEN = "report_unproven", _G.VALIDATION, "the report was not written by the validator that was sent"
    REPORT_MISMATCH = "report_mismatch", _G.VALIDATION, "the report doesn't answer what was asked"
    REPORT_UNCONFIRMED = "report_unconfirmed", _G.VALIDATION, "the report says success, and something speaks against it"
    PROOF_TOO_LOW = "proof_too_low", _G.VALIDATION, "a success that proves less than `required_proof` asks for"
    REPORT_UNDELIVERED = "report_undelivered", _G.VALIDATION, "the validator could not upload its report"
    SPEC_REFUSED = "spec_refused", _G.VALIDATION, "the validator refused its spec"
    VALIDATOR_UNFETCHED = "validator_unfetched", _G.VALIDATION, "the instance could not fetch the validator"
    MACHINE_NOT_READY = "machine_not_ready", _G.VALIDATION, "the instance's image did not get its machine ready"
    VALIDATOR_CRASHED = "validator_crashed", _G.VALIDATION, "the validator ended without a report"
    RUN_CANCELLED = "run_cancelled", _G.VALIDATION, "somebody stopped the run"
    NOT_LAUNCHED = "not_launched", _G.VALIDATION, "the run was stopped before an instance was launched"
    NO_SIGN_OF_LIFE = "no_sign_of_life", _G.VALIDATION, "the command on the instance never showed that it runs"
    BEGAN_LATE = "began_late", _G.VALIDATION, "the work began too close to the end of the hard limit"
    SPOT_INTERRUPTED = "spot_interrupted", _G.VALIDATION, "AWS took the spot instance back"
    INSTANCE_LOST = "instance_lost", _G.VALIDATION, "the instance ended before its validation"
    SSM_NEVER_ONLINE = "ssm_never_online", _G.VALIDATION, "the instance never came online in SSM"
    INTERRUPTED = "interrupted", _G.VALIDATION, "nobody saw the validation end: its Airflow task was stopped"

    CAPACITY = "capacity", _G.LAUNCH, "EC2 has no capacity"
    PRICE = "price", _G.LAUNCH, "the spot price is above the limit"
    THROTTLED = "throttled", _G.LAUNCH, "EC2 throttled the launch"
    QUOTA = "quota", _G.LAUNCH, "the account's quota is used up"
    PERMISSION = "permission", _G.LAUNCH, "the account or role may not launch this"
    LAUNCH_CONFIG = "launch_config", _G.LAUNCH, "EC2 refused the launch as it is configured"
    LAUNCH_UNANSWERED = "launch_unanswered", _G.LAUNCH, "EC2 did not say whether the instance was launched"
    LAUNCH_BREAKER = "launch_breaker", _G.LAUNCH, "launches are stopped after too many that came to nothing"
    LAUNCH_ERROR = "launch_error", _G.LAUNCH, "the launch failed for another reason"
    WRONG_PLACE = "wrong_place", _G.LAUNCH, "the deployment's place is another one than is recorded"


def page() -> str:
    """The page of the documentation that lists them."""
    lines = [
        "# Reason codes",
        "",
        "Why a check did not pass, or why a validation has no report. The codes are those of reports, of",
        "`janitor query-db` and of `janitor failures`; a report of another version can have others.",
        "",
        "Generated: `python -m janitor.protocol.terms.reason_codes > docs/reason-codes.md`",
    ]
    for group in ReasonGroup:
        lines += ["", f"## {group.value}", "", "| code | means |", "|---|---|"]
        lines += [f"| `{code.value}` | {code.meaning} |" for code in ReasonCode if code.group is group]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
