"""The GPU checks of the docker engine: real containers, in which a stand-in for nvidia-smi and torch answers.

The host's nvidia-smi is a stand-in too; the engine takes `--gpus` through a hook that stands for NVIDIA's toolkit.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from tests.integration.validator.conftest import handler
from tests.support.docker_engine import GPU_STAND_IN, REFUSE_GPU
from tests.support.docker_images import WORKER_BASE

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(
        GPU_STAND_IN not in os.environ, reason="the Docker engine has no stand-in for a GPU; .ci/run starts one"
    ),
]

BASE = f"FROM {WORKER_BASE}\nWORKDIR /app\nCOPY . .\n"
START = 'CMD ["python", "-u", "handler.py"]\n'
SMI = "COPY --chmod=755 smi.sh /usr/local/bin/nvidia-smi\n"
TORCH = "COPY torch.py /usr/local/lib/python3.11/dist-packages/torch.py\n"
ECHO = handler("return {'got': job['input']}")
TABLE = "| NVIDIA-SMI 550.54   Driver Version: 550.54.15   CUDA Version: 12.4 |"


def torch(*, cuda: str | None = "12.1", available: bool = True, arch: str = "sm_86", error: str = "") -> str:
    """A module that answers as torch does."""
    return (
        f"__version__ = '2.4.0'\nclass version:\n    cuda = {cuda!r}\n"
        "class cuda:\n"
        f"    is_available = staticmethod(lambda: {available})\n"
        f"    get_arch_list = staticmethod(lambda: [{arch!r}])\n"
        "    get_device_capability = staticmethod(lambda: (8, 6))\n"
        "class _Sum(float):\n    def item(self):\n        return float(self)\n"
        "class _Ones:\n    def __init__(self, size):\n        self.size = size\n"
        "    def __mul__(self, by):\n        return _Ones(self.size * by)\n"
        "    def sum(self):\n        return _Sum(self.size)\n"
        f"def ones(size, device=None):\n    if {error!r}:\n        raise RuntimeError({error!r})\n"
        "    return _Ones(size)\n"
    )


@pytest.fixture
def with_gpu(in_docker, tmp_path):
    """Validates on a host that says it has a GPU."""
    programs = tmp_path / "programs"
    programs.mkdir()
    asked, idle = tmp_path / "asked", tmp_path / "idle"
    script = (
        '#!/bin/sh\ncase "$1" in\n'
        # Memory that rises once somebody has looked before the start.
        f"--query-gpu=memory.used*)\n  if [ -e {asked} ] && [ ! -e {idle} ]\n"
        "  then echo '1300, 35'; else echo '300, 0'; fi\n"
        f"  touch {asked};;\n"
        "--query-gpu=*) echo 'NVIDIA A10G, 550.54.15, 23028 MiB, 8.6';;\n"
        f"*) echo '{TABLE}';;\nesac\n"
    )
    (programs / "nvidia-smi").write_text(script)
    (programs / "nvidia-smi").chmod(0o755)

    def run(folder: Path, **changes):
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", **changes.pop("environment", {})}
        return in_docker(folder, gpu_required=changes.pop("gpu_required", True), environment=environment, **changes)

    return run


@pytest.mark.parametrize(
    ("dockerfile", "source", "status", "check", "code", "cuda"),
    [
        (BASE + SMI + TORCH, torch(), ReportStatus.SUCCESS, CheckStatus.PASS, None, True),
        (BASE, None, ReportStatus.SUCCESS, CheckStatus.SKIP, "image_without_cuda", False),
        (BASE + SMI, None, ReportStatus.SUCCESS, CheckStatus.SKIP, "image_without_cuda", False),
        (BASE + SMI + "ENV CUDA_VERSION=12.4.1\n", None, ReportStatus.SUCCESS, CheckStatus.SKIP, "no_torch", True),
        (
            BASE + SMI + TORCH + "ENV CUDA_VERSION=12.4.1\n",
            torch(cuda=None, available=False),
            *(ReportStatus.FAILED, CheckStatus.FAIL, "torch_without_cuda", False),
        ),
        (
            BASE + SMI + TORCH + 'ENV CUDA_VISIBLE_DEVICES=""\n',
            torch(available=False),
            *(ReportStatus.FAILED, CheckStatus.FAIL, "gpu_hidden", True),
        ),
        (
            BASE + SMI + TORCH,
            torch(arch="sm_80", error="CUDA error: no kernel image is available for execution"),
            *(ReportStatus.FAILED, CheckStatus.FAIL, "no_kernel_image", True),
        ),
        (
            BASE + SMI + TORCH,
            "raise OSError('libcudnn.so.9: cannot open shared object file')\n",
            *(ReportStatus.FAILED, CheckStatus.FAIL, "torch_broken", False),
        ),
        (
            BASE + SMI + TORCH,
            torch(cuda="12.8", available=False),
            *(ReportStatus.ERROR, CheckStatus.ERROR, "host_driver", False),
        ),
        (
            BASE + "COPY --chmod=755 broken.sh /usr/local/bin/nvidia-smi\n",
            None,
            *(ReportStatus.ERROR, CheckStatus.ERROR, "host_driver", None),
        ),
    ],
    ids=[
        *("computes", "no CUDA", "no CUDA, GPU seen", "no torch", "torch for the CPU", "GPU hidden", "no kernel"),
        *("broken torch", "driver too old for torch", "NVML broken"),
    ],
)
def test_gpu_in_container(with_gpu, make_worker, dockerfile, source, status, check, code, cuda):
    files = {
        "Dockerfile": dockerfile + START,
        "smi.sh": "#!/bin/sh\necho 'GPU 0: NVIDIA A10G (UUID: GPU-1)'\n",
        "broken.sh": "#!/bin/sh\necho 'Failed to initialize NVML: Unknown Error'\nexit 255\n",
        "torch.py": source,
    }
    result = with_gpu(make_worker(ECHO, files))
    found = result.check("gpu_in_container")
    assert (found.status, found.reason_code, result.report.cuda_detected) == (check, code, cuda), result.output
    assert result.status is status
    assert result.report.gpu_available is True


def test_passing_on_the_cpu_where_a_gpu_is_required_is_a_failure_of_its_own(with_gpu, make_worker, tmp_path):
    (tmp_path / "idle").write_text("yes")
    files = {"Dockerfile": BASE + SMI + TORCH + START, "smi.sh": "#!/bin/sh\necho GPU 0\n", "torch.py": torch()}
    result = with_gpu(make_worker(ECHO, files))
    assert (result.status, result.reason) == (ReportStatus.FAILED, ("handler_local", "gpu_unused")), result.output
    # What the image's torch says of itself is no proof.
    found = result.check("gpu_in_container")
    assert (found.status, found.reason_code) == (CheckStatus.ERROR, "gpu_unproven")
    assert with_gpu(make_worker(ECHO, files), gpu_required=False).status is ReportStatus.SUCCESS
    # A tests.json without a test leaves the local run as the only one that can show it.
    untested = with_gpu(make_worker(ECHO, {**files, ".runpod/tests.json": '{"tests": []}'}))
    assert (untested.status, untested.reason) == (ReportStatus.FAILED, ("handler_local", "gpu_unused")), untested.output


def test_an_image_without_cuda_is_not_blamed_for_an_idle_gpu(with_gpu, make_worker, tmp_path):
    (tmp_path / "idle").write_text("yes")
    result = with_gpu(make_worker(ECHO, {"Dockerfile": BASE + START}))
    assert result.status is ReportStatus.SUCCESS, result.output
    assert result.report.cuda_detected is False


def test_host_is_described(with_gpu, make_worker):
    result = with_gpu(make_worker(ECHO, {"Dockerfile": BASE + START}))
    text = result.evidence("host")
    for fact in ("NVIDIA A10G", "23028 MiB", "capability 8.6", "550.54.15", "CUDA up to 12.4", "container toolkit"):
        assert fact in text
    assert result.report.host.gpu_names == ("NVIDIA A10G",)


def test_worker_that_wants_a_newer_driver_is_not_blamed(with_gpu, make_worker, docker_host):
    docker_host.call("tag", WORKER_BASE, "nvidia/cuda:12.8.0-runtime-test")
    try:
        dockerfile = BASE.replace(WORKER_BASE, "nvidia/cuda:12.8.0-runtime-test") + START
        result = with_gpu(make_worker(ECHO, {"Dockerfile": dockerfile}))
    finally:
        docker_host.call("rmi", "nvidia/cuda:12.8.0-runtime-test")
    assert (result.status, result.reason) == (ReportStatus.ERROR, ("host", "host_driver")), result.output
    assert "asks for CUDA 12.8; the driver supports up to 12.4" in result.check("host").reason


@pytest.mark.parametrize("source", [ECHO, handler("yield 1")], ids=["local mode", "API"])
def test_engine_that_refuses_the_gpu_is_the_hosts(with_gpu, make_worker, source):
    result = with_gpu(make_worker(source, {"Dockerfile": BASE + START}), repository={"env": {REFUSE_GPU: "1"}})
    assert (result.status, result.reason) == (ReportStatus.ERROR, ("container_start", "host_driver")), result.output
    tested = result.check("handler_local" if source is ECHO else "handler_api")
    assert (tested.status, tested.reason_code) == (CheckStatus.ERROR, "engine_trouble")


def test_known_good_container_is_tried_first(with_gpu, make_worker, docker_host, tmp_path):
    for name, text in (("good", "echo 'GPU 0: NVIDIA A10G'"), ("bad", "echo 'Failed to initialize NVML'; exit 1")):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "smi.sh").write_text(f"#!/bin/sh\n{text}\n")
        (folder / "Dockerfile").write_text(f"FROM {WORKER_BASE}\n" + SMI)
        built = docker_host.call("build", "--tag", f"janitor-test/{name}", str(folder))
        assert built.returncode == 0, built.stderr
    try:
        worker = make_worker(ECHO, {"Dockerfile": BASE + START})
        result = with_gpu(worker, environment={"JANITOR_CUDA_IMAGE": "janitor-test/good"})
        assert result.status is ReportStatus.SUCCESS, result.output
        assert "GPU 0" in result.evidence("host")
        result = with_gpu(worker, environment={"JANITOR_CUDA_IMAGE": "janitor-test/bad"})
        assert (result.status, result.reason) == (ReportStatus.ERROR, ("host", "host_driver")), result.output
    finally:
        docker_host.call("rmi", "janitor-test/good", "janitor-test/bad")


def test_gpu_that_is_required_and_missing_is_the_hosts(in_docker, make_worker):
    result = in_docker(make_worker(ECHO, {"Dockerfile": BASE + START}), gpu_required=True)
    assert result.report.gpu_available or result.reason == ("host", "gpu_missing"), result.output
