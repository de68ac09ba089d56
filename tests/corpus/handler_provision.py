"""What an image is provided with: whose packages they are, which RUN lines surely fail, which libraries it lacks."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Expected, Kind, fails, passes
from tests.corpus.workers import DOCKERFILE, GPU_HUB, SDK, handler, hub, on

C, R = CheckName, ReportStatus
_INSTALL = "RUN pip install --no-cache-dir -r requirements.txt\n"
_COPY = "COPY handler.py test_input.json ./\n"
_START = 'CMD ["python", "-u", "handler.py"]\n'
_SLIM = "FROM python:3.11-slim\nWORKDIR /app\nCOPY requirements.txt .\n"
_CUDA = "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04\nRUN apt-get update && apt-get install -y python3 python3-pip\n"
_BOOKWORM = (
    "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y python3 python3-pip python3-venv\n"
    "WORKDIR /app\nCOPY requirements.txt .\n"
)
_FILES = "WORKDIR /app\nCOPY requirements.txt .\n"
_USES_IDNA = handler("return {'version': idna.__version__}", before="import idna\n")
_NEWER = handler(
    "if idna.__version__ != '3.7':\n    raise RuntimeError(f'idna {idna.__version__}')\nreturn {'fine': 1}",
    before="import idna\n",
)
_ELF = """\
import struct
from setuptools import setup
from setuptools.command.build_py import build_py

NAMES = [b"libGL.so.1", b"libc.so.6"]


def made():
    strings = b"\\0" + b"".join(name + b"\\0" for name in NAMES)
    places = [1, 2 + len(NAMES[0])]
    start = 64 + 2 * 56
    entries = [(1, place) for place in places] + [(5, 0x1000), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", *entry) for entry in entries)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\\x7fELF\\2\\1\\1", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    first = struct.pack("<IIQQQQQQ", 1, 4, start, 0x1000, 0x1000, len(strings), len(strings), 8)
    at = start + len(strings)
    second = struct.pack("<IIQQQQQQ", 2, 4, at, 0x2000, 0x2000, len(dynamic), len(dynamic), 8)
    return head + first + second + strings + dynamic


class Build(build_py):
    def run(self):
        super().run()
        with open(f"{self.build_lib}/drawing/_native.so", "wb") as file:
            file.write(made())


folders = {"drawing": "source"}
setup(name="drawing", version="1", packages=["drawing"], package_dir=folders, cmdclass={"build_py": Build})
"""


def _case(name: str, holds: str, text: str, truth: ReportStatus, *expected: Expected, **files: str | None) -> Case:
    kind = Kind.WHOLE if any(each.check in (C.BUILD, C.HANDLER_LOCAL) for each in expected) else Kind.STATIC
    return Case(
        name=f"provided_{name}",
        holds=holds,
        truth=truth,
        expected=expected,
        files={"Dockerfile": text, **files},
        kind=kind,
    )


def _build_fails(name: str, code: str, holds: str, text: str, **files: str | None) -> Case:
    return _case(name, f"FALSE GREEN: {holds}", text, R.FAILED, fails(C.BUILD, code), **files)


def _refused(name: str, check: CheckName, code: str, holds: str, text: str, **files: str | None) -> Case:
    return _case(name, f"FALSE GREEN: {holds}", text, R.FAILED, fails(check, code), **files)


def _works(name: str, holds: str, text: str, **files: str | None) -> Case:
    holds = f"FALSE BLAME: {holds}"
    return _case(name, holds, text, R.SUCCESS, passes(C.BUILD), passes(C.HANDLER_LOCAL), **files)


PROGRAMS = (
    _refused(
        "python_of_ubuntu",
        C.DOCKERFILE_PARSE,
        "interpreter_missing",
        "Ubuntu's python3 brings no `python`",
        f"{_CUDA}{_FILES}RUN pip3 install -r requirements.txt\n{_COPY}{_START}",
    ),
    _refused(
        "environment_without_its_python",
        C.DOCKERFILE_PARSE,
        "interpreter_missing",
        "an environment is copied to where the Python that it links to isn't",
        f"FROM python:3.11-slim AS build\nRUN python -m venv /opt/env && /opt/env/bin/pip install {SDK}"
        f"FROM debian:bookworm-slim\nCOPY --from=build /opt/env /opt/env\n{_FILES}{_COPY}"
        'CMD ["/opt/env/bin/python", "-u", "handler.py"]\n',
    ),
    _case(
        "python_by_a_link",
        "FALSE BLAME: a link makes the `python` that Ubuntu hasn't",
        f"{_CUDA}RUN ln -s /usr/bin/python3 /usr/local/bin/python\n{_FILES}"
        f"RUN python -m pip install -r requirements.txt\n{_COPY}{_START}",
        R.SUCCESS,
        passes(C.DOCKERFILE_PARSE),
        passes(C.PYTHON_STATIC),
    ),
    _case(
        "python_by_a_package",
        "FALSE BLAME: a package makes it",
        on("nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04"),
        R.SUCCESS,
        passes(C.DOCKERFILE_PARSE),
        passes(C.PYTHON_STATIC),
    ),
)

WHOSE = (
    _refused(
        "environment_off_the_path",
        C.PYTHON_STATIC,
        "packages_elsewhere",
        "an environment gets the packages, and the image's own Python is started",
        f"{_SLIM}RUN python -m venv /opt/env && /opt/env/bin/pip install -r requirements.txt\n{_COPY}{_START}",
    ),
    _refused(
        "stage_that_nothing_is_copied_from",
        C.PYTHON_STATIC,
        "packages_elsewhere",
        "the stage that installs is not the image's, and only a file is copied from it",
        f"FROM python:3.11-slim AS build\n{_FILES}{_INSTALL}FROM python:3.11-slim\nWORKDIR /app\n"
        f"COPY --from=build /app/requirements.txt .\n{_COPY}{_START}",
    ),
    _refused(
        "packages_of_another_version",
        C.PYTHON_STATIC,
        "packages_elsewhere",
        "an environment of 3.10 in an image of 3.12, which looks for its packages in another folder",
        f"FROM python:3.10-slim AS build\nRUN python -m venv /opt/env && /opt/env/bin/pip install {SDK}"
        f"FROM python:3.12-slim\nCOPY --from=build /opt/env /opt/env\nENV PATH=/opt/env/bin:$PATH\n"
        f"{_FILES}{_COPY}{_START}",
    ),
    _refused(
        "uninstalled_package",
        C.PYTHON_STATIC,
        "package_removed",
        "a later line takes away what the handler imports",
        f"{_SLIM}{_INSTALL}RUN pip install idna==3.7\nRUN pip uninstall -y idna\n{_COPY}{_START}",
        **{"handler.py": _USES_IDNA},
    ),
    _case(
        "uninstalled_dependency",
        "FALSE GREEN: a later line takes away what the SDK itself needs",
        f"{_SLIM}{_INSTALL}RUN pip uninstall -y aiohttp\n{_COPY}{_START}",
        R.FAILED,
        fails(C.HANDLER_LOCAL, "start_failed"),
        passes(C.BUILD),
    ),
    _works(
        "uninstalled_and_back",
        "a package is taken away and another version installed",
        f"{_SLIM}{_INSTALL}RUN pip install idna==3.6 && pip uninstall -y idna\nRUN pip install idna==3.7\n"
        f"{_COPY}{_START}",
        **{"handler.py": _NEWER},
    ),
    _works(
        "environment_on_the_path",
        "an environment that PATH leads to",
        f"{_SLIM}RUN python -m venv /opt/env\nENV PATH=/opt/env/bin:$PATH\n{_INSTALL}{_COPY}{_START}",
    ),
    _works(
        "packages_of_a_user",
        "a user's packages are copied from the stage that installs them",
        f"FROM python:3.11-slim AS build\n{_FILES}RUN pip install --user -r requirements.txt\n"
        f"FROM python:3.11-slim\nCOPY --from=build /root/.local /root/.local\nWORKDIR /app\n{_COPY}{_START}",
    ),
    _works(
        "another_tool_beside",
        "a tool has an environment of its own, with another version of what the handler needs",
        f"{_SLIM}{_INSTALL}RUN pip install idna==3.7\n"
        f"RUN python -m venv /opt/tool && /opt/tool/bin/pip install idna==3.6\n{_COPY}{_START}",
        **{"handler.py": _NEWER},
    ),
    _works(
        "uv_from_its_image",
        "uv comes out of its own image",
        f"{_SLIM}COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /usr/local/bin/uv\n"
        f"RUN uv pip install --system -r requirements.txt\n{_COPY}{_START}",
    ),
)

LINES = (
    _build_fails(
        "check_of_a_file_nobody_makes",
        "build_step_failed",
        "a RUN checks for a file that no line makes",
        f"{_SLIM}{_INSTALL}{_COPY}RUN echo checking && [ -s /models/weights.safetensors ]\n{_START}",
    ),
    _build_fails(
        "mode_of_a_file_that_comes_later",
        "build_step_failed",
        "a RUN makes a script executable that a later line copies",
        f"{_SLIM}{_INSTALL}RUN chmod +x /app/start.sh\nCOPY start.sh handler.py test_input.json ./\n"
        'CMD ["/app/start.sh"]\n',
        **{"start.sh": "#!/bin/sh\nexec python -u handler.py\n"},
    ),
    _build_fails(
        "source_in_dash",
        "build_step_failed",
        "/bin/sh has no `source`",
        f"{_SLIM}RUN python -m venv /opt/env && source /opt/env/bin/activate && pip install -r requirements.txt\n"
        f'{_COPY}CMD ["/opt/env/bin/python", "-u", "handler.py"]\n',
    ),
    _build_fails(
        "uv_of_nobody",
        "program_missing",
        "a base without uv",
        f"{_SLIM}RUN uv pip install --system -r requirements.txt\n{_COPY}{_START}",
    ),
    _build_fails(
        "system_python_refuses",
        "externally_managed",
        "pip into Debian's own Python",
        f'{_BOOKWORM}RUN pip3 install -r requirements.txt\n{_COPY}CMD ["python3", "-u", "handler.py"]\n',
    ),
    _works(
        "system_python_is_told",
        "the same with a variable that allows it",
        f"{_BOOKWORM}ENV PIP_BREAK_SYSTEM_PACKAGES=1\nRUN pip3 install -r requirements.txt\n{_COPY}"
        'CMD ["python3", "-u", "handler.py"]\n',
    ),
    _works(
        "source_in_bash",
        "SHELL names one that has it",
        f'{_SLIM}SHELL ["/bin/bash", "-c"]\nRUN python -m venv /opt/env && source /opt/env/bin/activate'
        f' && pip install -r requirements.txt\n{_COPY}CMD ["/opt/env/bin/python", "-u", "handler.py"]\n',
    ),
    _works(
        "checks_that_pass",
        "checks of what is there, and of what may be missing",
        f"{_SLIM}{_INSTALL}{_COPY}RUN test -f handler.py && python -c 'import runpod'\n"
        f"RUN [ -f /nowhere ] || echo none\nRUN if [ ! -d /cache ]; then mkdir /cache; fi\n{_START}",
    ),
)

LIBRARIES = (
    _build_fails(
        "library_of_the_machine",
        "library_missing",
        "an import needs a library that this machine has and the slim image hasn't",
        DOCKERFILE.replace("COPY handler.py", "COPY native /src/native\nRUN pip install /src/native\nCOPY handler.py"),
        **{
            "native/setup.py": _ELF,
            "native/source/__init__.py": "from . import _native\n",
            "handler.py": handler("return {'fine': 1}", before="import drawing\n"),
        },
    ),
    _works(
        "library_that_nothing_imports",
        "the same package, where only a function imports it that isn't called",
        DOCKERFILE.replace("COPY handler.py", "COPY native /src/native\nRUN pip install /src/native\nCOPY handler.py"),
        **{
            "native/setup.py": _ELF,
            "native/source/__init__.py": "from . import _native\n",
            "handler.py": handler("return {'fine': 1}", before="def draw():\n    import drawing\n"),
        },
    ),
    _refused(
        "cudnn_of_another_major",
        C.PINS,
        "cudnn_mismatch",
        "faster-whisper takes the newest CTranslate2, which loads cuDNN 9",
        on("nvidia/cuda:12.2.2-cudnn8-runtime-ubuntu22.04"),
        **{"requirements.txt": f"{SDK}faster-whisper==1.0.3\n", ".runpod/hub.json": hub(GPU_HUB)},
    ),
    _refused(
        "cudnn_8_on_cudnn_9",
        C.PINS,
        "cudnn_mismatch",
        "an older CTranslate2 loads cuDNN 8, and the base has cuDNN 9",
        on("nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04"),
        **{"requirements.txt": f"{SDK}ctranslate2==4.4.0\n", ".runpod/hub.json": hub(GPU_HUB)},
    ),
    _case(
        "cudnn_that_fits",
        "FALSE BLAME: the older CTranslate2 beside faster-whisper, for the base's cuDNN 8",
        on("nvidia/cuda:12.2.2-cudnn8-runtime-ubuntu22.04"),
        R.SUCCESS,
        passes(C.PINS),
        passes(C.DOCKERFILE_PARSE),
        **{
            "requirements.txt": f"{SDK}faster-whisper==1.0.3\nctranslate2==4.4.0\n",
            ".runpod/hub.json": hub(GPU_HUB),
        },
    ),
    _case(
        "cudnn_of_torch",
        "FALSE BLAME: the cuDNN that comes with PyTorch",
        on("nvidia/cuda:12.2.2-cudnn8-runtime-ubuntu22.04"),
        R.SUCCESS,
        passes(C.PINS),
        passes(C.DOCKERFILE_PARSE),
        **{
            "requirements.txt": f"{SDK}faster-whisper==1.0.3\ntorch==2.4.1\n",
            ".runpod/hub.json": hub(GPU_HUB),
        },
    ),
)

PROVISION = (*PROGRAMS, *WHOSE, *LINES, *LIBRARIES)
