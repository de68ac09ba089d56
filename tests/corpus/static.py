"""What a repository says of itself: Dockerfile, hub.json, tests.json, pins and workflows."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Kind, about, fails, notes, passes, skips
from tests.corpus.static_configs import DOCUMENTS
from tests.corpus.static_dockerfiles import DOCKERFILES
from tests.corpus.static_documents import DOCUMENTS_OF_PEOPLE
from tests.corpus.static_doubts import DOUBTS
from tests.corpus.static_hubs import HUBS
from tests.corpus.static_images import IMAGES
from tests.corpus.static_layouts import LAYOUTS
from tests.corpus.static_pins import PINNED
from tests.corpus.static_python import PYTHON
from tests.corpus.static_reached import REACHED
from tests.corpus.static_starts import STARTS
from tests.corpus.static_wild import WILD
from tests.corpus.static_workflows import FLOWS
from tests.corpus.workers import DOCKERFILE, GPU_HUB, HEALTHY, SDK, hub, on

C, R = CheckName, ReportStatus
TORCH = "RUN pip install torch==2.4.1 torchvision==0.19.1 xformers==0.0.28.post1\n"


def _dockerfile(name: str, text: str, *expected: object, truth: ReportStatus, holds: str, **changes: object) -> Case:
    files = {"Dockerfile": text, **changes.pop("files", {})}  # type: ignore[dict-item]  # checked by Case
    return Case(name=name, holds=holds, truth=truth, expected=expected, files=files, **changes)  # type: ignore[arg-type]  # named by the caller


def _pip(arguments: str) -> str:
    return DOCKERFILE.replace("COPY handler.py", f"RUN pip install {arguments}\nCOPY handler.py")


def _workflow(steps: str) -> dict[str, str | None]:
    return {".github/workflows/ci.yml": f"on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n{steps}"}


PARTS = (
    _dockerfile(
        "arg_in_from",
        f"ARG BASE=python:3.11-slim\n{DOCKERFILE.replace('python:3.11-slim', '${BASE}')}",
        passes(C.DOCKERFILE_PARSE),
        truth=R.SUCCESS,
        holds="a base that comes through ARG",
    ),
    _dockerfile(
        "arg_without_value",
        f"ARG BASE\n{DOCKERFILE.replace('python:3.11-slim', '$BASE')}",
        fails(C.DOCKERFILE_PARSE, "base_unresolved"),
        truth=R.FAILED,
        holds="FROM without an image",
    ),
    _dockerfile(
        "dockerfile_syntax",
        f"FORM python\n{DOCKERFILE}",
        fails(C.DOCKERFILE_PARSE, "dockerfile_syntax"),
        truth=R.FAILED,
        holds="an instruction that isn't one",
    ),
    _dockerfile(
        "copy_of_nothing",
        DOCKERFILE.replace("COPY handler.py", "COPY builder/setup.sh handler.py"),
        fails(C.DOCKERFILE_PARSE, "copy_source_missing"),
        truth=R.FAILED,
        holds="COPY of a deleted file",
    ),
    _dockerfile(
        "copy_of_what_is_ignored",
        DOCKERFILE,
        fails(C.DOCKERFILE_PARSE, "copy_source_missing"),
        truth=R.FAILED,
        holds="COPY of what .dockerignore keeps out",
        files={".dockerignore": "*.json\n"},
    ),
    _dockerfile(
        "starts_nothing",
        DOCKERFILE.replace('"handler.py"]', '"worker.py"]'),
        fails(C.DOCKERFILE_PARSE, "command_target_missing"),
        truth=R.FAILED,
        holds="CMD's target not copied in",
    ),
    _dockerfile(
        "unused_stage_is_broken",
        f"FROM python:3.11-slim AS old\nCOPY gone.txt /\n{DOCKERFILE}",
        passes(C.DOCKERFILE_PARSE),
        truth=R.SUCCESS,
        holds="a stage that nothing needs is not built",
    ),
    _dockerfile(
        "floating_base",
        DOCKERFILE.replace("python:3.11-slim", "python:latest"),
        passes(C.DOCKERFILE_PARSE),
        truth=R.SUCCESS,
        holds="a floating base is worth a warning",
    ),
    _dockerfile(
        "secret_in_arg",
        DOCKERFILE.replace("WORKDIR", "ARG HF_TOKEN=abcdef123456\nWORKDIR"),
        passes(C.DOCKERFILE_PARSE),
        truth=R.SUCCESS,
        holds="a secret in an ARG is worth a warning",
    ),
    Case(
        name="no_dockerfile",
        holds="no Dockerfile",
        truth=R.FAILED,
        expected=(fails(C.DOCKERFILE_PARSE, "dockerfile_missing"), skips(C.BASE_IMAGE_EXISTS, "prerequisite_failed")),
        files={"Dockerfile": None},
    ),
    Case(
        name="dockerfile_in_a_folder",
        holds="a Dockerfile that the config would have to name",
        truth=R.INCOMPLETE,
        expected=(
            skips(C.DOCKERFILE_PARSE, "dockerfile_not_named"),
            skips(C.BASE_IMAGE_EXISTS, "prerequisite_failed"),
        ),
        files={"Dockerfile": None, "serverless/Dockerfile": DOCKERFILE},
    ),
    Case(
        name="dockerfiles_by_variant",
        holds="several Dockerfiles, none of them by its usual name",
        truth=R.INCOMPLETE,
        expected=(skips(C.DOCKERFILE_PARSE, "dockerfile_not_named"),),
        files={"Dockerfile": None, "Dockerfile.cpu": DOCKERFILE, "gpu.dockerfile": DOCKERFILE},
    ),
    Case(
        name="dockerfile_elsewhere_of_another_kind",
        holds="Dockerfiles elsewhere, and a program that doesn't start the SDK",
        truth=R.INCOMPLETE,
        expected=(
            skips(C.DOCKERFILE_PARSE, "dockerfile_not_named"),
            skips(C.PYTHON_STATIC, "dockerfile_not_named"),
        ),
        files={"Dockerfile": None, "proxy/Dockerfile": DOCKERFILE, "handler.py": None, "proxy/app.py": "print('up')\n"},
    ),
    Case(
        name="dockerfile_in_name_only",
        holds="files that are named after a Dockerfile and are none",
        truth=R.FAILED,
        expected=(fails(C.DOCKERFILE_PARSE, "dockerfile_missing"),),
        files={"Dockerfile": None, "Dockerfile.dockerignore": "x\n", "dockerfile_lint.py": "x = 1\n"},
    ),
    Case(
        name="leads_outside",
        holds="a symlink out of the repository",
        truth=R.FAILED,
        expected=(fails(C.LAYOUT, "symlink_escape"),),
        files={"secrets": "-> /etc/passwd"},
    ),
    Case(
        name="override_first",
        holds=".runpod/ goes before the root",
        truth=R.SUCCESS,
        expected=(passes(C.HUB_SCHEMA), passes(C.LAYOUT)),
        files={".runpod/hub.json": hub(), "hub.json": "not JSON"},
    ),
    Case(
        name="syntax_error",
        holds="Python that doesn't compile",
        truth=R.FAILED,
        expected=(fails(C.PYTHON_STATIC, "syntax_error"),),
        files={"handler.py": HEALTHY.replace("def handler(job):", "def handler(job:")},
    ),
    Case(
        name="no_start_call",
        holds="a worker that never starts the SDK",
        truth=R.FAILED,
        expected=(fails(C.PYTHON_STATIC, "start_call_missing"),),
        files={"handler.py": "print('hello')\n"},
    ),
    Case(
        name="broken_file_beside",
        holds="a Python 2 file that is no part of the worker",
        truth=R.SUCCESS,
        expected=(passes(C.PYTHON_STATIC),),
        files={"tools/old.py": "print 'hello'\n"},
    ),
    Case(
        name="test_input_is_no_json",
        holds="test_input.json that the SDK can't read",
        truth=R.FAILED,
        expected=(fails(C.TEST_INPUT, "test_input_unreadable"),),
        files={"test_input.json": '{"input" {}}'},
    ),
    Case(
        name="test_input_without_input",
        holds="test_input.json without `input`",
        truth=R.FAILED,
        expected=(fails(C.TEST_INPUT, "test_input_invalid"),),
        files={"test_input.json": '{"text": "a"}'},
    ),
)

PINS = (
    Case(name="pinned", holds="pinned packages", truth=R.SUCCESS, expected=(passes(C.PINS),)),
    Case(
        name="unpinned",
        holds="unpinned packages break later, not now",
        truth=R.SUCCESS,
        expected=(notes(C.PINS, "unpinned"),),
        files={"requirements.txt": f"{SDK}idna\n"},
    ),
    Case(
        name="no_requirements",
        holds="nothing is asked for",
        truth=R.SUCCESS,
        expected=(skips(C.PINS, "absent"),),
        kind=Kind.STATIC,
        files={
            "Dockerfile": 'FROM runpod/base:1.0.2-ubuntu2204\nCOPY . /\nCMD ["python", "/handler.py"]\n',
            "requirements.txt": None,
        },
    ),
    Case(
        name="torch_and_xformers",
        holds="xformers that demands another torch",
        truth=R.FAILED,
        expected=(fails(C.PINS, "torch_mismatch"),),
        kind=Kind.STATIC,
        files={"requirements.txt": f"{SDK}torch==2.1.0\nxformers==0.0.28.post1\n"},
    ),
    Case(
        name="torch_that_fits",
        holds="torch, torchvision and xformers that fit",
        truth=R.SUCCESS,
        expected=(passes(C.PINS),),
        kind=Kind.STATIC,
        files={"Dockerfile": DOCKERFILE.replace("COPY handler.py", f"{TORCH}COPY handler.py")},
    ),
    Case(
        name="torch_on_another_index",
        holds="a build of torch that its index doesn't have",
        truth=R.FAILED,
        expected=(fails(C.PINS, "torch_index"),),
        kind=Kind.STATIC,
        files={"Dockerfile": _pip("torch==2.1.0+cu118 --index-url https://download.pytorch.org/whl/cu121")},
    ),
    Case(
        name="torch_never_built",
        holds="torch newer than the CUDA of its index",
        truth=R.FAILED,
        expected=(fails(C.PINS, "torch_index"),),
        kind=Kind.STATIC,
        files={"Dockerfile": _pip("torch==2.7.0 --index-url https://download.pytorch.org/whl/cu121")},
    ),
    Case(
        name="torch_with_its_index",
        holds="torch from its own index",
        truth=R.SUCCESS,
        expected=(passes(C.PINS),),
        kind=Kind.STATIC,
        files={"Dockerfile": _pip("torch==2.1.0+cu118 --index-url https://download.pytorch.org/whl/cu118")},
    ),
    Case(
        name="cpu_torch_on_a_gpu_worker",
        holds="a CUDA image that shipped CPU torch",
        truth=R.FAILED,
        expected=(fails(C.PINS, "cpu_torch"),),
        kind=Kind.STATIC,
        files={
            "Dockerfile": _pip("torch==2.4.1 --index-url https://download.pytorch.org/whl/cpu"),
            ".runpod/hub.json": hub(GPU_HUB),
        },
    ),
    Case(
        name="cudnn_9_on_cudnn_8",
        holds="cuDNN 9 library on a cuDNN 8 image",
        truth=R.FAILED,
        expected=(fails(C.PINS, "cudnn_mismatch"),),
        kind=Kind.STATIC,
        files={
            "Dockerfile": on("nvidia/cuda:12.2.2-cudnn8-runtime-ubuntu22.04"),
            "requirements.txt": f"{SDK}ctranslate2==4.5.0\n",
            ".runpod/hub.json": hub(GPU_HUB),
        },
    ),
    Case(
        name="no_sdk",
        holds="nothing installs the SDK",
        truth=R.FAILED,
        expected=(notes(C.PINS, "sdk_missing"), fails(C.HANDLER_LOCAL, "start_failed")),
        files={"requirements.txt": "idna==3.10\n"},
    ),
    Case(
        name="same_package_twice",
        holds="two exact versions of one package",
        truth=R.FAILED,
        expected=(fails(C.PINS, "pin_conflict"),),
        files={"requirements.txt": f"{SDK}idna==3.10\nidna==3.9\n"},
    ),
)

WORKFLOWS = (
    Case(
        name="workflow_in_order",
        holds="a workflow that names what is there",
        truth=R.SUCCESS,
        expected=(passes(C.CI_REFS),),
        files={
            **_workflow(
                "      - run: pip install -r requirements.txt && python handler.py\n"
                "      - run: |\n          echo hi > made.py\n          python made.py\n"
            )
        },
    ),
    Case(
        name="workflow_names_a_deleted_file",
        holds="CI workflows that name deleted files",
        truth=R.SUCCESS,
        expected=(notes(C.CI_REFS, "missing_file"),),
        files=_workflow("      - uses: ./.github/actions/setup\n      - run: python tests/smoke.py\n"),
    ),
    Case(
        name="workflow_of_other_repositories",
        holds="a workflow that fetches its files elsewhere",
        truth=R.SUCCESS,
        expected=(passes(C.CI_REFS),),
        files=_workflow("      - run: git clone https://example.org/x && python x/run.py\n"),
    ),
)

STATIC = (
    *about("static: Dockerfiles", (*PARTS, *DOCKERFILES)),
    *about("static: images", IMAGES),
    *about("static: Python", PYTHON),
    *about("static: documents of the hub", (*DOCUMENTS, *HUBS)),
    *about("static: documents as people write them", DOCUMENTS_OF_PEOPLE),
    *about("static: pins", (*PINS, *PINNED)),
    *about("static: workflows", (*WORKFLOWS, *FLOWS)),
    *about("static: what a reader can't see", DOUBTS),
    *about("static: patterns of public workers", WILD),
    *about("static: unusual layouts", LAYOUTS),
    *about("static: what is started and reached", REACHED),
    *about("static: what the final image holds and starts", STARTS),
)
