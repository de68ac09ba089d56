"""What no repository is to blame for: the machine, its GPU, memory, disk and network."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, errs, fails, passes, skips
from tests.corpus.workers import COPY_ALL, DOCKERFILE, handler

C, R = CheckName, ReportStatus
LOCAL, API, SCAN = C.HANDLER_LOCAL, C.HANDLER_API, C.LOG_SCAN

WORLD = (
    Case(
        name="no_gpu_here",
        holds="GPU CI that passes with no GPU",
        truth=R.ERROR,
        expected=(errs(C.HOST, "gpu_missing"), skips(C.BUILD, "prerequisite_failed")),
        spec={"gpu_required": True},
    ),
    Case(
        name="worker_wants_a_gpu",
        holds="a worker that wants a GPU on a machine that has none is not to blame",
        truth=R.ERROR,
        expected=(errs(LOCAL, "gpu_missing"),),
        files={"handler.py": handler('raise RuntimeError("Found no NVIDIA driver on your system.")')},
    ),
    Case(
        name="generator_wants_a_gpu",
        holds="the same through the API",
        truth=R.ERROR,
        expected=(errs(API, "gpu_missing"),),
        files={"handler.py": handler('yield 1\nraise RuntimeError("No CUDA GPUs are available")')},
    ),
    Case(
        name="gpu_without_kernels",
        holds="sm_120 `no kernel image`: answered well, and not on the GPU",
        truth=R.FAILED,
        expected=(fails(SCAN, "gpu_error"), passes(LOCAL)),
        files={
            "handler.py": handler(
                'print("CUDA error: no kernel image is available for execution on the device")\nreturn {"ok": 1}'
            )
        },
        spec={"gpu_required": True},
        gpu=True,
    ),
    Case(
        name="driver_lost",
        holds="`Failed to initialize NVML` after a daemon-reload is the host's doing",
        truth=R.ERROR,
        expected=(errs(SCAN, "host_driver"),),
        files={"handler.py": handler('print("Failed to initialize NVML: Unknown Error")\nreturn {"ok": 1}')},
        spec={"gpu_required": True},
        gpu=True,
    ),
    Case(
        name="out_of_memory",
        holds="infrastructure errors stored as failed: memory",
        truth=R.ERROR,
        expected=(errs(LOCAL, "out_of_memory"),),
        files={"handler.py": handler('raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")')},
    ),
    Case(
        name="disk_full",
        holds="infrastructure errors stored as failed: disk",
        truth=R.ERROR,
        expected=(errs(LOCAL, "disk_full"),),
        files={"handler.py": handler('raise OSError(28, "No space left on device")')},
    ),
    Case(
        name="network_lost",
        holds="infrastructure errors stored as failed: network",
        truth=R.ERROR,
        expected=(errs(LOCAL, "network"),),
        files={"handler.py": handler('raise OSError("Temporary failure in name resolution")')},
    ),
    Case(
        name="lfs_pointer",
        holds="a model that is only a Git LFS pointer here",
        truth=R.ERROR,
        expected=(errs(LOCAL, "lfs_unfetched"),),
        files={
            "Dockerfile": COPY_ALL,
            "handler.py": handler('return json.load(open("model.json"))', before="import json"),
            "model.json": f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n",
        },
    ),
    Case(
        name="another_python",
        holds="newer syntax than this machine's Python is not wrong",
        truth=R.ERROR,
        expected=(skips(C.PYTHON_STATIC, "python_version"),),
        files={
            "Dockerfile": DOCKERFILE.replace("3.11", "3.19"),
            "handler.py": handler("return {'ok': 1}", before="type X = frobnicate int"),
        },
    ),
)
