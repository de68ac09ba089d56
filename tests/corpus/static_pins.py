"""What installers take: versions that are the same, indexes named elsewhere, packages that are there already."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Kind, fails, notes, passes
from tests.corpus.workers import DOCKERFILE, GPU_HUB, SDK, hub, on

C, R = CheckName, ReportStatus
CHECK = C.PINS
CUDA = "nvidia/cuda:12.4.1-runtime-ubuntu22.04"
CU118 = "https://download.pytorch.org/whl/cu118"


def _dockerfile(runs: str, base: str = "python:3.11-slim") -> str:
    text = on(base)
    return text.replace("COPY handler.py", f"{runs}\nCOPY handler.py") if runs else text


def works(name: str, holds: str, runs: str = "", /, base: str = "python:3.11-slim", **files: str | None) -> Case:
    """Packages that can be installed, each of them pinned."""
    files = {"Dockerfile": _dockerfile(runs, base), **files}
    return Case(
        name=f"pins_{name}", holds=holds, truth=R.SUCCESS, expected=(passes(CHECK),), files=files, kind=Kind.STATIC
    )


def noted(
    name: str, code: str, holds: str, runs: str = "", /, base: str = "python:3.11-slim", **files: str | None
) -> Case:
    """Packages that can be installed, and something to say of them."""
    files = {"Dockerfile": _dockerfile(runs, base), **files}
    return Case(
        name=f"pins_{name}", holds=holds, truth=R.SUCCESS, expected=(notes(CHECK, code),), files=files, kind=Kind.STATIC
    )


def broken(
    name: str, code: str, holds: str, runs: str = "", /, base: str = "python:3.11-slim", **files: str | None
) -> Case:
    """Packages that no installer can bring together."""
    files = {"Dockerfile": _dockerfile(runs, base), **files}
    return Case(
        name=f"pins_{name}", holds=holds, truth=R.FAILED, expected=(fails(CHECK, code),), files=files, kind=Kind.STATIC
    )


VERSIONS = (
    works(
        "same_version_twice",
        "1.26 and 1.26.0 are one version",
        **{"requirements.txt": f"{SDK}numpy==1.26\nnumpy==1.26.0\n"},
    ),
    works(
        "same_version_spelled",
        "1.0RC1, 1.0.rc1 and v1.0rc1 are one version",
        **{"requirements.txt": f"{SDK}packaging==24.0\npackaging==v24.0\nidna==3.10\nIDNA==3.10\n"},
    ),
    works(
        "torch_without_its_last_zero",
        "torch 2.1 is 2.1.0, as torchvision demands",
        **{"requirements.txt": f"{SDK}torch==2.1\ntorchvision==0.16.0\n"},
    ),
    broken(
        "torch_of_another_patch",
        "torch_mismatch",
        "torchvision that demands another patch of torch",
        **{"requirements.txt": f"{SDK}torch==2.1.2\ntorchvision==0.16.0\n"},
    ),
    works(
        "excluding_markers",
        "one version for each Python",
        **{"requirements.txt": f'{SDK}numpy==1.24.4; python_version < "3.9"\nnumpy==1.26.4; python_version >= "3.9"\n'},
    ),
    broken(
        "constraint_against_requirement",
        "pin_conflict",
        "a constraint that excludes the requirement",
        **{
            "Dockerfile": DOCKERFILE.replace("COPY requirements.txt .", "COPY requirements.txt pins.txt ./").replace(
                "-r requirements.txt", "-r requirements.txt -c pins.txt"
            ),
            "requirements.txt": f"{SDK}idna==3.10\n",
            "pins.txt": "idna==3.9\n",
        },
    ),
    broken(
        "two_builds_of_torch",
        "pin_conflict",
        "two builds of one version",
        "RUN pip install torch==2.1.0+cu118 torch==2.1.0+cu121 -f /wheels",
    ),
    works(
        "no_deps", "--no-deps asks for nothing beside", "RUN pip install --no-deps torch==2.1.0 xformers==0.0.28.post1"
    ),
    works(
        "one_after_the_other",
        "a later command replaces what an earlier one installed",
        "RUN pip install torch==2.1.0\nRUN pip install torch==2.4.1 xformers==0.0.28.post1",
    ),
    works(
        "hashes_and_extras",
        "hashes, extras, comments and continued lines",
        **{
            "requirements.txt": "# all\nrunpod[all]==1.12.0 \\\n    --hash=sha256:abc \\\n"
            "    --hash=sha256:def\nidna == 3.10  # names\n\n--no-binary :none:\n"
        },
    ),
    works(
        "wheel_and_repository",
        "addresses of wheels and repositories are pinned",
        **{
            "requirements.txt": f"{SDK}x @ https://example.org/x-1-py3-none-any.whl\n"
            "git+https://github.com/org/y@v1#egg=y\n"
            "-e git+https://github.com/org/z@abc#egg=z\n"
        },
    ),
    noted(
        "any_version", "unpinned", "no version at all", **{"requirements.txt": f"{SDK}diffusers\ntransformers>=4.40\n"}
    ),
    works(
        "files_in_a_circle",
        "files that name each other",
        **{
            "Dockerfile": DOCKERFILE.replace("COPY requirements.txt .", "COPY *.txt ./"),
            "requirements.txt": f"-r more.txt\n{SDK}",
            "more.txt": "-r requirements.txt\nidna==3.10\n",
        },
    ),
    works(
        "mounted_file",
        "a file that RUN mounts from the context",
        **{
            "Dockerfile": "FROM python:3.11-slim\n"
            "RUN --mount=type=cache,target=/root/.cache/pip --mount=type=bind,source=requirements.txt,target=/tmp/r.txt"
            ' pip install -r /tmp/r.txt\nCOPY handler.py /\nCMD ["python", "/handler.py"]\n'
        },
    ),
    broken(
        "mounted_conflict",
        "pin_conflict",
        "two versions in a file that RUN mounts from the context",
        **{
            "Dockerfile": "FROM python:3.11-slim\nRUN --mount=type=bind,source=requirements.txt,target=/tmp/r.txt"
            ' pip install -r /tmp/r.txt\nCOPY handler.py /\nCMD ["python", "/handler.py"]\n',
            "requirements.txt": f"{SDK}idna==3.10\nidna==3.9\n",
        },
    ),
    noted(
        "conflict_that_nothing_installs",
        "pin_conflict",
        "two versions in a file that no command installs",
        **{
            "Dockerfile": 'FROM runpod/base:0.6.2-cuda12.2.0\nCOPY . /\nCMD ["python", "/handler.py"]\n',
            "requirements.txt": f"{SDK}idna==3.10\nidna==3.9\n",
        },
    ),
    works(
        "conflict_in_one_of_two",
        "commands of which only one is run",
        'RUN if [ "$OLD" ]; then pip install torch==2.1.0 torchvision==0.16.0; else pip '
        "install torch==2.4.1 torchvision==0.19.1; fi",
    ),
)

INDEXES = (
    works(
        "index_in_the_environment",
        "an index that ENV names",
        f"ENV PIP_EXTRA_INDEX_URL={CU118}\nRUN pip install torch==2.1.0+cu118",
    ),
    works(
        "index_before_the_command",
        "an index that stands before the command",
        f"RUN PIP_EXTRA_INDEX_URL={CU118} pip install torch==2.1.0+cu118",
    ),
    works(
        "index_in_the_settings",
        "an index in pip's settings",
        f"RUN pip config set global.extra-index-url {CU118}\nRUN pip install torch==2.1.0+cu118",
    ),
    works(
        "index_in_a_file",
        "an index in a settings file",
        "COPY pip.conf /etc/pip.conf\nRUN pip install torch==2.1.0+cu118",
        **{"pip.conf": f"[global]\nextra-index-url = {CU118}\n"},
    ),
    works(
        "index_in_requirements",
        "an index in the requirements file",
        **{"requirements.txt": f"--extra-index-url {CU118}\n{SDK}torch==2.1.0+cu118\ntorchvision==0.16.0+cu118\n"},
    ),
    works(
        "backend_of_uv",
        "uv's own choice of the index",
        "RUN pip install uv && uv pip install --system --torch-backend=cu118 torch==2.1.0+cu118",
    ),
    works(
        "torch_of_the_base",
        "a build that the base image has already",
        "RUN pip install torch==2.1.0+cu118 idna==3.10",
        base="runpod/pytorch:2.1.0-py3.10-cuda11.8.0-devel-ubuntu22.04",
    ),
    works(
        "torch_of_an_earlier_command",
        "a build that an earlier command has installed",
        f"RUN pip install torch==2.1.0+cu118 --index-url {CU118}\nRUN pip install torch==2.1.0+cu118 idna==3.10",
    ),
    broken(
        "no_index_at_all", "torch_index", "a build that no index has", "RUN pip install torch==2.1.0+cu118", base=CUDA
    ),
    works(
        "cuda_build_on_another_cuda",
        "PyTorch brings its own CUDA, whatever the image's",
        "RUN pip install torch==2.5.1+cu121 --index-url https://download.pytorch.org/whl/cu121",
        base="nvidia/cuda:11.8.0-runtime-ubuntu22.04",
        **{".runpod/hub.json": hub(GPU_HUB)},
    ),
)

GPU = (
    works(
        "cpu_torch_beside_another",
        "CPU PyTorch for small things, the GPU through another library",
        "RUN pip install torch==2.4.1 --index-url https://download.pytorch.org/whl/cpu && pip "
        "install onnxruntime-gpu==1.19.2",
        base=CUDA,
        **{".runpod/hub.json": hub(GPU_HUB)},
    ),
    works(
        "cpu_torch_while_building",
        "CPU PyTorch in a stage that only converts",
        **{
            "Dockerfile": "FROM python:3.11-slim AS convert\n"
            "RUN pip install torch==2.4.1 --index-url https://download.pytorch.org/whl/cpu\n"
            f"RUN echo m > /m\nFROM {CUDA}\n"
            "COPY --from=convert /m /m\n"
            "RUN apt-get update && apt-get install -y python3-pip && pip3 install runpod==1.12.0 tensorrt==10.3.0\n"
            'COPY handler.py /\nCMD ["python3", "/handler.py"]\n',
            ".runpod/hub.json": hub(GPU_HUB),
        },
    ),
    works(
        "cudnn_9_of_the_system",
        "cuDNN 9 out of the system's packages",
        "RUN apt-get update && apt-get install -y libcudnn9-cuda-12\nRUN pip install ctranslate2==4.5.0",
        base="nvidia/cuda:12.2.2-cudnn8-runtime-ubuntu22.04",
        **{".runpod/hub.json": hub(GPU_HUB)},
    ),
)

MANAGERS = (
    Case(
        name="pins_poetry",
        holds="packages of a project manager",
        truth=R.SUCCESS,
        kind=Kind.STATIC,
        expected=(passes(CHECK),),
        files={
            "Dockerfile": "FROM python:3.11-slim\nWORKDIR /app\nCOPY pyproject.toml poetry.lock ./\n"
            "RUN pip install poetry==1.8.3 && poetry install --no-root\nCOPY handler.py .\n"
            'CMD ["poetry", "run", "python", "handler.py"]\n',
            "pyproject.toml": '[tool.poetry]\nname = "w"\n[tool.poetry.dependencies]\npython = "^3.11"\n'
            'runpod = "1.12.0"\n',
            "poetry.lock": "",
            "requirements.txt": None,
        },
    ),
    works(
        "uv_sync",
        "packages of uv's lock",
        **{
            "Dockerfile": "FROM python:3.11-slim\nCOPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/\n"
            "WORKDIR /app\nCOPY pyproject.toml uv.lock ./\nRUN uv sync --frozen\n"
            'COPY handler.py .\nCMD ["uv", "run", "handler.py"]\n',
            "pyproject.toml": '[project]\nname = "w"\nversion = "1"\ndependencies = ["runpod>=1.7", "torch"]\n',
            "uv.lock": "version = 1\n",
        },
    ),
    noted(
        "conda",
        "unpinned",
        "packages of conda beside those of pip",
        "RUN conda env update -f environment.yml && pip install idna",
        base="continuumio/miniconda3:24.7.1-0",
        **{"environment.yml": "dependencies:\n  - python=3.11\n"},
    ),
)

PINNED = (*VERSIONS, *INDEXES, *GPU, *MANAGERS)
