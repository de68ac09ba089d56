"""Whose fault a failure is: the world's trouble is never the repository's."""

from __future__ import annotations

import pytest

from janitor.diagnosis.build_log import failing_step
from janitor.diagnosis.failure_rules import build_trouble, lacks_build_tools, missing_requirements
from janitor.diagnosis.host_conditions import Place, host_condition
from janitor.inspection.capability_gap import Gap

WORLD = [
    ("error: Request failed after 3 retries\n  cause: dns error\n  cause: failed to lookup address", "name_resolution"),
    ("error sending request for url (https://x)\n client error (Connect)\n tcp connect error", "network"),
    (
        "WARNING: Retrying after connection broken by 'NewConnectionError(... Connection refused')\n"
        "ERROR: No matching distribution found for six",
        "network",
    ),
    ("toomanyrequests: You have reached your pull rate limit", "rate_limited"),
    ("HTTP status client error (429 Too Many Requests)", "rate_limited"),
    ("received unexpected HTTP status: 503 Service Unavailable", "server_trouble"),
    ("HTTP status server error (502 Bad Gateway) for url (https://index.example.org/simple/x/)", "server_trouble"),
    ("OSError: [Errno 28] No space left on device", "disk_full"),
    ("write /var/lib/docker/tmp: no space left on device", "disk_full"),
    ("unexpected status from HEAD request: 401 Unauthorized", "registry_denied"),
    ("net/http: TLS handshake timeout", "network"),
    ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock", "engine_trouble"),
    ("c++: fatal error: Killed signal terminated\nsignal: killed", "out_of_memory"),
    ("Temporary failure resolving 'packages.example.org'", "name_resolution"),
]
REPOSITORY = [
    ("error: Failed to download `idna==3.7`\n  cause: Hash mismatch for `idna==3.7`\n", "dependency_hash"),
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you", "dependency_hash"),
    ("error: In `--require-hashes` mode, all requirements must have a hash, but none", "dependency_hash"),
    ("         fatal: couldn't find remote ref refs/tags/nope", "not_found"),
    ("fatal: repository 'https://example.org/a/b.git/' not found", "not_found"),
    ("Because nope was not found in the package registry and you require nope", "dependency_not_found"),
    ("ERROR: No matching distribution found for runpod==99", "dependency_not_found"),
    ("Because there is no version of runpod==99.9 and you require it", "dependency_not_found"),
    (
        "error: No solution found when resolving dependencies\n cause: Because boto3==1.0 depends on",
        "dependency_conflict",
    ),
    ("ERROR: ResolutionImpossible: for help visit", "dependency_conflict"),
    ("ERROR: Package 'x' requires a different Python: 3.11.7 not in '>=3.13'", "dependency_python"),
    ("error: subprocess-exited-with-error\nx python setup.py bdist_wheel did not run", "dependency_build"),
    ("error: Failed to build `badpkg @ file:///x`", "dependency_build"),
    ("error: Failed to parse: `foo bar`", "requirements_invalid"),
    ("HTTP status client error (404 Not Found) for url (https://x/y.whl)", "not_found"),
    ("docker.io/library/python:9.99: not found", "not_found"),
    ("E: Unable to locate package ffmpegg", "system_package"),
]


@pytest.mark.parametrize(("text", "code"), WORLD, ids=[text[:40] for text, _ in WORLD])
def test_trouble_of_the_world_is_told(text, code):
    trouble = build_trouble(text, 1)
    assert trouble is not None
    assert (trouble.repository_at_fault, trouble.code) == (False, code)


@pytest.mark.parametrize(("text", "code"), REPOSITORY, ids=[text[:40] for text, _ in REPOSITORY])
def test_fault_of_the_repository_is_told(text, code):
    trouble = build_trouble(text, 1)
    assert trouble is not None
    assert (trouble.repository_at_fault, trouble.code) == (True, code)
    assert trouble.reason


@pytest.mark.parametrize(
    "text",
    [
        "ERROR: Could not open requirements file: [Errno 2] No such file or directory: 'missing.txt'",
        "error: File not found: missing.txt",
        "error: Error parsing included file in `r.txt` at position 0\n"
        "  cause: failed to read from file `/app/base.txt`: No such file or directory (os error 2)",
        "error: Error parsing included file in `r.txt` at position 0\n"
        "  Caused by: failed to read from file `base.txt`: No such file or directory (os error 2)",
        "error: Distribution not found at: file:///x/slow",
        "ERROR: Directory './x' is not installable. Neither 'setup.py' nor 'pyproject.toml'",
        "error: `/x` does not appear to be a Python project, as neither `pyproject.toml`",
    ],
)
def test_what_is_to_be_installed_is_missed_only_where_the_files_are(text):
    found = missing_requirements(text)
    assert found is not None
    assert (found.repository_at_fault, found.code) == (True, "requirements_missing")
    # A dry run elsewhere has none of the repository's files.
    assert build_trouble(text, 1) is None


@pytest.mark.parametrize("exit_code", [-9, 137])
def test_build_that_was_killed_is_not_judged_by_what_it_said_last(exit_code):
    found = build_trouble("error: failed to build `flash-attn`", exit_code)
    assert found is not None
    assert (found.repository_at_fault, found.code) == (False, "out_of_memory")


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("error: command 'gcc' failed: No such file or directory", True),
        ("error: command '/usr/bin/x86_64-linux-gnu-gcc' failed: No such file or directory", True),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'cmake'", True),
        ("src/x.c:3:10: fatal error: Python.h: No such file or directory", True),
        ("/bin/sh: 1: gcc: not found", True),
        ("error: command 'gcc' failed with exit status 1", False),
        ("RuntimeError: no", False),
    ],
)
def test_want_of_build_tools_is_told(text, lacks):
    assert lacks_build_tools(text) is lacks


def test_what_is_not_known_is_not_guessed():
    assert build_trouble("error: something else", 1) is None


@pytest.mark.parametrize("exit_code", [-9, 137])
def test_killed_build_is_no_fault(exit_code):
    trouble = build_trouble("compiling …", exit_code)
    assert trouble is not None
    assert trouble.code == "out_of_memory"


def place(**changes: object) -> Place:
    values: dict = {"has_gpu": False, "gaps": (), "in_image": lambda _path: False, "is_image": False}
    return Place(**{**values, **changes})


SHALLOW = Gap(text="system packages (line 2)", is_deep=False)
DEEP = Gap(text="downloads (line 3)", is_deep=True)


class TestExcuses:
    @pytest.mark.parametrize(
        "text",
        [
            "RuntimeError: Found no NVIDIA driver on your system.",
            "RuntimeError: No CUDA GPUs are available",
            "AssertionError: Torch not compiled with CUDA enabled",
            "ImportError: libcuda.so.1: cannot open shared object file",
        ],
    )
    def test_missing_gpu_is_the_hosts(self, text):
        found = host_condition(text, place())
        assert found is not None
        assert found.code == "gpu_missing"
        # With a GPU at hand the same words are the worker's own trouble.
        here = place(has_gpu=True, is_image=True)
        assert host_condition("AssertionError: Torch not compiled with CUDA enabled", here) is None

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "out_of_memory"),
            ("MemoryError\n", "out_of_memory"),
            ("OSError: [Errno 28] No space left on device", "disk_full"),
            ("socket.gaierror: [Errno -3] Temporary failure in name resolution", "network"),
            ("requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url", "network"),
            ("ConnectError: [Errno -2] Name or service not known", "network"),
        ],
    )
    def test_resources_and_network_are_the_hosts(self, text, code):
        found = host_condition(text, place(is_image=True))
        assert found is not None
        assert found.code == code

    @pytest.mark.parametrize(
        "text",
        [
            "KeyError: 'large'",
            "RuntimeError: boom",
            "ModuleNotFoundError: No module named 'foo'",
            "FileNotFoundError: [Errno 2] No such file or directory: 'model.bin'",
        ],
    )
    def test_error_of_the_worker_itself_is_not_excused(self, text):
        assert host_condition(text, place()) is None

    @pytest.mark.parametrize(
        "text",
        [
            "ModuleNotFoundError: No module named 'torch'",
            "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
            "FileNotFoundError: [Errno 2] No such file or directory: 'ffmpeg'",
        ],
    )
    def test_what_the_image_would_have_brought_is_excused(self, text):
        found = host_condition(text, place(gaps=(SHALLOW,)))
        assert found is not None
        assert found.code == "engine_limit"
        assert "system packages" in found.reason

    def test_gap_does_not_excuse_an_error_that_has_nothing_to_do_with_it(self):
        assert host_condition("ValueError: bad shape", place(gaps=(SHALLOW,))) is None

    def test_any_failure_may_come_of_a_deep_gap(self):
        found = host_condition("ValueError: bad shape", place(gaps=(SHALLOW, DEEP)))
        assert found is not None
        assert found.code == "engine_limit"
        assert "downloads (line 3)" in found.reason

    def test_absolute_path_of_the_image_is_excused_where_there_is_no_image(self):
        text = "FileNotFoundError: [Errno 2] No such file or directory: '/app/config.json'"
        found = host_condition(text, place(in_image=lambda path: path == "/app/config.json"))
        assert found is not None
        assert found.code == "engine_limit"
        assert host_condition(text, place(is_image=True)) is None

    def test_lfs_pointers_excuse(self):
        found = host_condition("ValueError: bad magic number", place(unfetched_files=("model.bin",)))
        assert found is not None
        assert found.code == "lfs_unfetched"


class TestBuildLog:
    LOG = """\
#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
#5 [2/4] RUN echo fine
#5 0.100 503 is only a number here
#5 DONE 0.2s
#6 [3/4] RUN pip install nope==9
#6 0.512 ERROR: No matching distribution found for nope==9
#6 ERROR: process "/bin/sh -c pip install nope==9" did not complete successfully: exit code: 1
------
 > [3/4] RUN pip install nope==9:
------
ERROR: failed to solve: process "/bin/sh -c pip install nope==9" did not complete successfully: exit code: 1
"""

    def test_failing_step_is_named_with_its_own_output(self):
        step = failing_step(self.LOG)
        assert step is not None
        assert step.name == "[3/4] RUN pip install nope==9"
        assert "No matching distribution" in step.output
        assert "only a number" not in step.output
        assert build_trouble(step.output, 1).code == "dependency_not_found"

    def test_log_without_a_failed_step_names_none(self):
        assert failing_step("#1 DONE 0.0s\nERROR: something\n") is None
