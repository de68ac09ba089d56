"""What an image or a container pretends, on a real engine: nobody forges a pass, nobody prints an excuse, and what the
host lacks is not the repository's fault.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from tests.integration.validator.conftest import Result, handler
from tests.integration.validator.docker.test_validator_docker_gpu import torch
from tests.support.docker_engine import GPU_STAND_IN
from tests.support.docker_images import WORKER_BASE

pytestmark = pytest.mark.docker
needs_stand_in = pytest.mark.skipif(
    GPU_STAND_IN not in os.environ, reason="the Docker engine has no stand-in for a GPU; .ci/run starts one"
)

BASE = f"FROM {WORKER_BASE}\nWORKDIR /app\nCOPY . .\n"
START = 'CMD ["python", "-u", "handler.py"]\n'
SMI = "COPY --chmod=755 smi.sh /usr/local/bin/nvidia-smi\n"
TORCH = "COPY torch.py /usr/local/lib/python3.11/dist-packages/torch.py\n"
CUDA = "ENV CUDA_VERSION=12.4.1\n"
ECHO = handler("return {'got': job['input']}")
SEES = "#!/bin/sh\necho 'GPU 0: NVIDIA A10G (UUID: GPU-1)'\n"
TABLE = "| NVIDIA-SMI 550.54   Driver Version: 550.54.15   CUDA Version: 12.4 |"
RISES = "if [ -e {folder}/asked ]; then echo '1300, 35'; else echo '300, 0'; fi; touch {folder}/asked"


@pytest.fixture
def on_host(in_docker, tmp_path) -> Callable[..., Result]:
    """Validates on a host whose nvidia-smi answers so to questions for memory, and for processes."""
    programs = tmp_path / "programs"
    programs.mkdir()

    def run(repository: Path, memory: str = RISES, processes: str = "true", **changes) -> Result:
        script = (
            '#!/bin/sh\ncase "$1" in\n'
            f"--query-gpu=memory.used*) {memory.format(folder=programs)};;\n"
            f"--query-compute-apps*) {processes.format(folder=programs)};;\n"
            "--query-gpu=*) echo 'NVIDIA A10G, 550.54.15, 23028 MiB, 8.6';;\n"
            f"*) echo '{TABLE}';;\nesac\n"
        )
        (programs / "nvidia-smi").write_text(script)
        (programs / "nvidia-smi").chmod(0o755)
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", **changes.pop("environment", {})}
        return in_docker(repository, **{"gpu_required": True, **changes, "environment": environment})

    return run


@needs_stand_in
@pytest.mark.parametrize(
    ("memory", "processes", "is_used"),
    [
        ("echo '20000, 97'", "echo 4242", False),
        ("echo '[N/A], [N/A]'", "echo", None),
        ("echo '[N/A], [N/A]'", "if [ -e {folder}/twice ]; then echo 77; fi; touch {folder}/twice", True),
        ("echo '300, 0'; echo '[Unknown Error], [N/A]'", "echo", False),
        ("echo '300, 0'; echo '300, 0'", "echo", False),
        (RISES, "echo", True),
    ],
    ids=["busy with other work", "partitioned", "partitioned, a process comes", "one of two broken", "idle", "used"],
)
def test_use_of_the_gpu_is_what_the_host_sees(on_host, make_worker, memory, processes, is_used):
    files = {"Dockerfile": BASE + CUDA + SMI + TORCH + START, "smi.sh": SEES, "torch.py": torch()}
    result = on_host(make_worker(ECHO, files), memory, processes)
    found = result.check("gpu_in_container")
    if is_used is False:
        assert (found.status, found.reason_code) == (CheckStatus.ERROR, "gpu_unproven"), result.output
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("handler_local", "gpu_unused"))
    else:
        assert found.status is CheckStatus.PASS, result.output


@needs_stand_in
@pytest.mark.parametrize(
    ("dockerfile", "files", "status", "code"),
    [
        (BASE + TORCH, {"torch.py": torch()}, CheckStatus.PASS, None),
        (BASE + SMI, {"smi.sh": "#!/bin/sh\nexit 127\n"}, CheckStatus.SKIP, "image_without_cuda"),
        (
            BASE + SMI + TORCH,
            {"smi.sh": "#!/bin/sh\nexit 127\n", "torch.py": torch(cuda=None, available=False)},
            *(CheckStatus.FAIL, "torch_without_cuda"),
        ),
        (
            BASE + TORCH + CUDA + "ENV NVIDIA_DRIVER_CAPABILITIES=compute\n",
            {"torch.py": torch()},
            *(CheckStatus.PASS, None),
        ),
        (BASE + CUDA, {}, CheckStatus.ERROR, "host_driver"),
        (
            BASE + CUDA + "ENV NVIDIA_DRIVER_CAPABILITIES=compute\n",
            {},
            *(CheckStatus.SKIP, "no_torch"),
        ),
        (
            BASE + SMI + TORCH,
            {
                "smi.sh": "#!/bin/sh\necho 'docker: nvidia-container-cli: nvml error'\nexit 127\n",
                "torch.py": torch(cuda=None, available=False),
            },
            *(CheckStatus.FAIL, "torch_without_cuda"),
        ),
        (
            BASE + SMI + "RUN python -m venv /opt/worker && mkdir -p /opt/worker/lib/python3.11/site-packages/torch"
            " && mv torch.py /opt/worker/lib/python3.11/site-packages/torch/__init__.py"
            " && touch /opt/worker/lib/python3.11/site-packages/torch/version.py\n",
            {"smi.sh": SEES, "torch.py": torch(cuda=None, available=False)},
            *(CheckStatus.FAIL, "torch_without_cuda"),
        ),
        (
            BASE + SMI + TORCH,
            {"smi.sh": SEES, "torch.py": torch(arch="sm_90", error="CUDA error: no kernel image is available").replace(
                "(8, 6)", "(12, 0)")},
            *(CheckStatus.FAIL, "no_kernel_image"),
        ),
    ],
    ids=[
        *("computes without nvidia-smi", "nvidia-smi that hides", "hides a torch for the CPU", "left out on purpose"),
        *("toolkit put nothing in", "left out, no torch", "prints the toolkit's words", "torch elsewhere", "sm_120"),
    ],
)  # fmt: skip
def test_image_cannot_answer_for_itself(on_host, make_worker, dockerfile, files, status, code):
    result = on_host(make_worker(ECHO, {"Dockerfile": dockerfile + START, **files}))
    found = result.check("gpu_in_container")
    assert (found.status, found.reason_code) == (status, code), result.output


@pytest.mark.parametrize(
    ("dockerfile", "status", "code"),
    [
        (
            BASE + "CMD echo 'docker: Error response from daemon: no such network.' >&2; exit 125\n",
            *(ReportStatus.FAILED, "exited_early"),
        ),
        (
            BASE + "CMD echo 'docker: nvidia-container-cli: nvml error' >&2; exit 127\n",
            *(ReportStatus.FAILED, "command_not_started"),
        ),
        (BASE + START + "USER nobody-of-this-name\n", ReportStatus.FAILED, "command_not_started"),
        (BASE + START + "WORKDIR /app\nRUN chmod 700 /root\nWORKDIR /root\nUSER 1234\n", ReportStatus.FAILED, None),
        (BASE + "CMD []\n", ReportStatus.FAILED, "command_not_started"),
        (BASE + "CMD sh -c 'kill -9 $$'\n", ReportStatus.FAILED, None),
        (BASE + "CMD kill -9 $$; sh -c 'kill -9 $$'; exit 137\n", ReportStatus.FAILED, "exited_early"),
        (BASE + "CMD python -u handler.py >/dev/null 2>&1 & exit 0\n", ReportStatus.FAILED, "exited_at_once"),
    ],
    ids=[
        *("prints the engine's words", "prints the toolkit's words", "no such user", "folder closed to the user"),
        *("no command", "kills itself", "137 without want of memory", "goes to the background"),
    ],
)
def test_start_that_fails_is_the_images(in_docker, make_worker, dockerfile, status, code):
    result = in_docker(make_worker(ECHO, {"Dockerfile": dockerfile}))
    assert result.status is status, result.output
    if code is not None:
        assert result.check("container_start").reason_code == code, result.output


@pytest.mark.parametrize(
    "dockerfile",
    [
        BASE + "VOLUME /app\n" + START,
        BASE + "HEALTHCHECK --interval=1s CMD false\n" + START,
        BASE + "USER 1234\n" + START,
        BASE + "RUN chmod -R a-w /app\nUSER nobody\n" + START,
        BASE + 'EXPOSE 9000\nENTRYPOINT ["/app/entry.sh"]\n' + START,
        BASE
        + 'CMD ["sh", "-c", "mkdir -p /srv/run && cp handler.py /srv/run && cd /srv/run && python -u handler.py"]\n',
        BASE + "STOPSIGNAL SIGUSR1\n" + START,
    ],
    ids=["volume", "health check", "another user", "read-only", "wrapper", "another folder", "another signal"],
)
def test_ways_to_start_that_work(in_docker, make_worker, dockerfile):
    entry = '#!/bin/sh\nexport WRAPPED=1\nexec "$@"\n'
    dockerfile = dockerfile.replace("WORKDIR /app\nCOPY . .\n", "WORKDIR /app\nCOPY . .\nRUN chmod +x entry.sh\n")
    result = in_docker(make_worker(ECHO, {"Dockerfile": dockerfile, "entry.sh": entry}))
    assert result.status is ReportStatus.SUCCESS, result.output


def test_container_that_ignores_every_signal_is_ended(in_docker, make_worker):
    body = "import time\nwhile True:\n    time.sleep(1)"
    before = "import signal\nfor number in (1, 2, 15):\n    signal.signal(number, signal.SIG_IGN)"
    began = time.monotonic()
    result = in_docker(make_worker(handler(body, before=before), {"Dockerfile": BASE + START}), seconds=30)
    assert result.status is ReportStatus.TIMED_OUT, result.output
    assert time.monotonic() - began < 75


def test_thread_that_outlives_the_job_leaves_the_judgement_to_the_api(in_docker, make_worker):
    before = "import threading\n\nthreading.Thread(target=threading.Event().wait).start()"
    result = in_docker(
        make_worker(handler("return {'ok': 1}", before=before), {"Dockerfile": BASE + START}), seconds=120
    )
    assert result.status is ReportStatus.SUCCESS, result.output
    assert result.check("handler_local").reason_code == "exit_hangs"
    assert result.check("handler_api").status is CheckStatus.PASS


def test_level_of_the_commands_own_hides_no_output(in_docker, make_worker):
    source = handler("import datetime\nreturn {'at': datetime.datetime.now()}")
    command = 'CMD ["python", "-u", "handler.py", "--rp_log_level", "ERROR"]\n'
    tests = '{"tests": [{"name": "one", "input": {"text": "x"}, "timeout": 20000}]}'
    files = {"Dockerfile": BASE + command, "test_input.json": None, ".runpod/tests.json": tests}
    result = in_docker(make_worker(source, files))
    assert (result.status, result.reason) == (ReportStatus.FAILED, ("handler_api", "output_not_json")), result.output
