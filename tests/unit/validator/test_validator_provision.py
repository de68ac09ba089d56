"""What an image is provided with: programs, interpreters and packages, and which RUN lines surely fail."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from janitor.inspection.dockerfile.command import stage_command
from janitor.inspection.dockerfile.image_files import StageFiles
from janitor.inspection.dockerfile.stages import Dockerfile, parse_dockerfile
from janitor.inspection.install.install import plan_installs
from janitor.inspection.provision.commands.shell_lists import (
    OPEN,
    WELL,
    End,
    Ended,
    Failure,
    ShellOptions,
    surely_fails,
)
from janitor.inspection.provision.commands.unrun import unrun_commands
from janitor.inspection.provision.failing_commands import RULES, CommandRule
from janitor.inspection.provision.program import Program, Reach, has_nothing, reach, removed_for, started_program
from janitor.inspection.provision.system.start_needs import lacks_interpreter, lacks_starter
from janitor.inspection.provision.system.state import path_folders
from janitor.inspection.provision.walk import Provision, read_provision
from tests.support.cpu_time import cpu_time_below

SLIM = "FROM python:3.11-slim\n"
CUDA = "FROM nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04\n"
APT = "RUN apt-get update && apt-get install -y --no-install-recommends "
SITE = "/usr/local/lib/python3.11/site-packages"
NOBLE = f"FROM ubuntu:24.04\n{APT}python3 python3-pip python3-venv\n"
START = 'CMD ["python", "-u", "/app/handler.py"]\n'
HELD = {"/app/handler.py": "handler.py", "/app/build.py": "build.py"}


def provided(text: str, scripts: dict[str, str] | None = None) -> tuple[Dockerfile, Provision]:
    """Of a Dockerfile whose stages hold the files of `HELD` and these scripts."""
    dockerfile = parse_dockerfile(text, build_args={})
    files = {path: PurePosixPath(name) for path, name in {**HELD, **{each: each for each in scripts or {}}}.items()}
    stages = {each.index: StageFiles(files=files, counts=((0, len(files)),)) for each in dockerfile.stages}
    read = {"/app/build.py": "import torch\n", **(scripts or {})}
    return dockerfile, read_provision(dockerfile, stages, is_sure=True, read=lambda path, _files: read.get(path))


def failures(text: str) -> list[int]:
    return [each.line for each in provided(text)[1].failures]


def program(text: str, scripts: dict[str, str] | None = None) -> tuple[Provision, Program]:
    dockerfile, provision = provided(text, scripts)
    read = (scripts or {}).get
    command = stage_command(dockerfile.final, read=read)
    found = started_program(provision, dockerfile.final, command, read=read, holds=lambda path: path in HELD)
    assert found is not None
    return provision, found


# -- rules


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says.__name__)
def test_a_rule_catches_its_own_example_and_lets_the_other_be(rule: CommandRule) -> None:
    found = provided(rule.fails)[1].failures
    assert [each.code for each in found] == [rule.code]
    assert found[0].line == rule.fails.rstrip().count("\n") + 1
    assert provided(rule.passes)[1].failures == ()


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("false", True),
        ("false || true", False),
        ("maybe && false", True),
        ("false && true; echo", False),
        ("set -e; false; echo", True),
        ("set -e; false && true; echo", False),
        ("set -e; set +e; false; echo", False),
        ("maybe || false", False),
        ("false || exit 1", True),
        ("maybe || exit 0; false", False),
        ("maybe || exit 1; false", True),
        ("if maybe; then false; fi", False),
        ("if maybe; then exit 0; fi; false", False),
        ("for each in 1 2; do false; done", False),
        ("for each in 1 2; do false; done; false", True),
        ("check() { false; }; maybe", False),
        ("echo a | false", True),
        ("false | cat", False),
        ("set -o pipefail; false | cat", True),
        ("(false)", False),
        ("x=$(maybe | other) && false", False),
        ("maybe &&\n false", True),
        ("maybe\nfalse\n", True),
        ("false &", False),
        ("exit 0; false", False),
        ("true || false", False),
        ("! false", False),
        ("echo 'exit 1' && echo \"a; false\"", False),
        ("# false\nmaybe", False),
    ],
)
def test_what_a_shell_makes_of_a_failure(text: str, fails: bool) -> None:
    def judge(command: str, _place: int) -> Ended:
        word = command.split(maxsplit=1)[0]
        if word in ("true", "echo", "set"):
            return WELL
        if word == "false" or command == "exit 1":
            return Ended(end=End.BADLY, failure=Failure(command=command, reason="it does"))
        return OPEN

    assert (surely_fails(text, judge, ShellOptions()) is not None) is fails


@pytest.mark.parametrize(
    "text",
    [
        # The base brings it, or isn't known.
        f"{SLIM}RUN python --version && pip --version && python3.11 -m pip install idna\n",
        "FROM runpod/base:0.6.2-cuda12.2.0\nRUN python3.11 -m pip install idna && git clone x && test -f /y\n",
        "FROM ghcr.io/org/image\nRUN source /x && uv sync\n",
        "FROM python:3.11\nRUN git clone https://example.org/a /a && gcc --version && curl -O x\n",
        "FROM python:3-slim\nRUN python3.12 -m pip install idna\n",
        # A command before brings it.
        f"{SLIM}{APT}git wget unzip\nRUN git clone x /x && wget y && unzip z\n",
        f"{SLIM}{APT}some-tool\nRUN git --version\n",
        f"{SLIM}RUN pip install uv\nRUN uv pip install --system idna\n",
        f"{SLIM}COPY --from=ghcr.io/astral-sh/uv:0.5 /uv /usr/local/bin/uv\nRUN uv sync\n",
        f"{SLIM}{APT}curl\nRUN curl -LsSf https://astral.sh/uv/install.sh | sh\nRUN uv sync\n",
        f"{CUDA}{APT}python3 python3-pip\nRUN ln -s /usr/bin/python3 /usr/bin/python && python -m pip install a\n",
        f"{CUDA}{APT}python3\nRUN update-alternatives --install /usr/bin/python python /usr/bin/python3 1\n"
        "RUN python -V\n",
        f"{CUDA}{APT}python3 curl\nRUN curl -sS https://x/get-pip.py | python3\nRUN python3 -m pip install idna\n",
        f"{CUDA}{APT}python3.11 python3.11-venv\nRUN python3.11 -m ensurepip && python3.11 -m pip install idna\n",
        # The system's own Python is told, or isn't meant.
        f"{NOBLE}RUN pip3 install --break-system-packages idna\n",
        f"{NOBLE}ENV PIP_BREAK_SYSTEM_PACKAGES=1\nRUN pip3 install idna\n",
        f"{NOBLE}RUN pip3 config set global.break-system-packages true && pip3 install idna\n",
        f"{NOBLE}RUN rm /usr/lib/python3*/EXTERNALLY-MANAGED\nRUN pip3 install idna\n",
        f"{NOBLE}RUN pip3 install --target /app/lib idna\n",
        f"{NOBLE}ENV PATH=/opt/v/bin:$PATH\nRUN python3 -m venv /opt/v\nRUN pip install idna\n",
        f"{NOBLE}RUN python3 -m venv /opt/v && . /opt/v/bin/activate && pip install idna\n",
        f"{CUDA}{APT}python3-pip\nRUN pip3 install idna\n",
        # Files that are there, or may be.
        f"{SLIM}RUN test -f /app/handler.py && python /app/build.py\n",
        f"{SLIM}WORKDIR /models\nRUN test -d /models && chmod 755 /models\n",
        f"{SLIM}RUN echo x > /made && cat /made\n",
        f"{SLIM}COPY --from=ghcr.io/org/weights /w /weights\nRUN test -f /weights/a.bin\n",
        f"{SLIM}ADD https://example.org/a.bin /weights/\nRUN test -s /weights/a.bin\n",
        f"{SLIM}RUN python /app/build.py\nRUN test -s /weights/a.bin\n",
        f"{SLIM}RUN test -f /etc/os-release && test -x /usr/bin/env\n",
        f'{SLIM}RUN test -f "$WEIGHTS"\n',
        f"{SLIM}RUN --mount=type=bind,source=.,target=/src test -f /src/handler.py\n",
        f"{SLIM}RUN [ ! -f /nowhere ] || exit 1\n",
        f"{SLIM}RUN rm -f /nowhere && rm -rf /nothing\n",
        f"{SLIM}RUN if [ -f /nowhere ]; then cat /nowhere; fi\n",
        f"{SLIM}RUN [ -f /nowhere ] && cat /nowhere || true\n",
        f"{SLIM}RUN head -n 5 /app/handler.py && tail -c 9 /app/handler.py\n",
        f"{SLIM}RUN cp -t /srv /app/handler.py && chmod -R a+rX /app && chown --reference=/app/handler.py /app\n",
        f"{SLIM}VOLUME /data\nRUN chown -R 1000:1000 /data\n",
        f"{SLIM}RUN --mount=type=cache,target=/cache ls -la /cache\n",
        f"{SLIM}RUN --mount=type=secret,id=key,target=/key cat /key\n",
        f"{SLIM}{APT}google-chrome-stable\nRUN ls /opt/google\n",
        f"{SLIM}RUN chmod 755 /app/handler.py && ls -l /app && cat /app/handler.py\n",
        f"{SLIM}RUN mv /app/build.py /app/made.py && cat /app/made.py\n",
        f"{SLIM}RUN pip install hatch\nRUN uv --version\n",
        # Rights, and what pip needs.
        f"{SLIM}USER 0\nRUN apt-get update\n",
        f"{SLIM}USER $OWNER\nRUN apt-get update\n",
        "FROM python:3.11\nRUN pip install git+https://example.org/a/b.git\n",
        f"{SLIM}RUN pip install 'a @ git+https://example.org/a/b.git ; python_version < \"3\"'\n",
        # Shells.
        f"{SLIM}RUN set -o pipefail; echo a | cat\n",
        f'{SLIM}SHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN source /etc/profile && [[ -n x ]]\n',
        f'{SLIM}RUN ["/bin/bash", "-c", "source /etc/profile"]\n',
        f"{SLIM}RUN bash -c 'source /etc/profile && [[ -n x ]]'\n",
        f"{SLIM}RUN ln -sf /bin/bash /bin/sh\nRUN source /etc/profile\n",
        "FROM python:3.11-alpine\nRUN source /etc/profile\n",
        # Texts that are none of the shell's.
        f"{SLIM}RUN cat <<EOF > /start.sh\nfalse\nsource x\nEOF\nRUN chmod +x /start.sh\n",
        f"{SLIM}RUN python <<EOF\nraise SystemExit(0)\nEOF\nRUN test -f /x\n",
        f"{SLIM}RUN echo 'source /x' >> /root/.bashrc\n",
    ],
)
def test_no_rule_speaks_of_what_may_pass(text: str) -> None:
    assert failures(text) == []


@pytest.mark.parametrize(
    "text",
    [
        f"{SLIM}RUN git clone https://example.org/a /a\n",
        f"{SLIM}RUN sudo apt-get update\n",
        f"{SLIM}RUN uv sync\n",
        f"{SLIM}RUN python3.10 -m pip install idna\n",
        "FROM python:3.12-alpine\nRUN bash -c 'echo hi'\n",
        f"{CUDA}RUN pip install idna\n",
        f"{CUDA}RUN apt-get update && apt-get install -y python3 && pip install idna\n",
        f"{NOBLE}RUN python3 -m pip install idna\n",
        f"{NOBLE}RUN apt-get clean && pip3 install -r /app/requirements.txt && rm -rf /root/.cache\n",
        f"FROM debian:bookworm-slim\n{APT}python3-pip\nRUN pip3 install idna\n",
        f"{SLIM}RUN python /app/missing.py\n",
        f"{SLIM}RUN /opt/v/bin/pip install idna\n",
        f"{SLIM}RUN [ -d /models/llama ] || exit 3\n",
        f"{SLIM}RUN set -e; test -f /nowhere; echo fine\n",
        f"{SLIM}RUN <<EOF\nset -e\ntest -f /nowhere\necho fine\nEOF\n",
        f"{SLIM}RUN bash -c 'test -f /nowhere'\n",
        f"{SLIM}RUN cat /nowhere/list.txt\n",
        f"{SLIM}RUN cp /nowhere/a /app/a\n",
        f"{SLIM}RUN cp -r /nowhere/a /app/\n",
        f"{SLIM}RUN chmod -R 755 /nowhere\n",
        f"{SLIM}RUN mv /app/absent.py /app/made.py\n",
        f"{SLIM}RUN pip install 'a @ git+https://example.org/a/b.git'\n",
        "FROM debian:bookworm-slim\nRUN set -euo pipefail; echo a\n",
    ],
)
def test_what_surely_fails_is_told_with_its_line(text: str) -> None:
    assert failures(text) == [text.rstrip().count("\n") + 1 - text.count("<<EOF") * 4]


# -- the program's interpreter


@pytest.mark.parametrize(
    ("text", "is_missing"),
    [
        (f"{CUDA}{APT}python3 python3-pip\n{START}", True),
        (f"{CUDA}{APT}python3 python3-pip\nCMD python -u /app/handler.py\n", True),
        (f"{CUDA}{APT}python3 python3-pip\nRUN echo 'alias python=python3' >> /root/.bashrc\n{START}", True),
        (f"{CUDA}{APT}python3 python3-pip\nRUN ln -s /usr/bin/python3 /usr/local/bin/python\n{START}", False),
        (f"{CUDA}{APT}python3 python-is-python3\n{START}", False),
        (f"{CUDA}{APT}python3 python3-venv\nRUN python3 -m venv /v\nENV PATH=/v/bin:$PATH\n{START}", False),
        (f"{CUDA}{APT}python3 python3-venv\nRUN python3 -m venv /v\n{START}", True),
        (f"{CUDA}{START}", True),
        (f"{CUDA}RUN wget https://x/Miniconda.sh && bash Miniconda.sh -b\n{START}", False),
        (f"FROM python:3.11-slim AS b\nRUN python -m venv /v\n{CUDA}COPY --from=b /v /v\n"
         'CMD ["/v/bin/python", "/app/handler.py"]\n', True),
        (f"FROM python:3.11-slim AS b\nRUN python -m venv /v\n{SLIM}COPY --from=b /v /v\n"
         'CMD ["/v/bin/python", "/app/handler.py"]\n', False),
        (f"{SLIM}{START}", False),
        (f'{SLIM}CMD ["python3.10", "/app/handler.py"]\n', True),
        ('FROM runpod/base:0.6.2-cuda12.2.0\nCMD ["python3.13", "/app/handler.py"]\n', False),
        (f'{SLIM}CMD ["/opt/venv/bin/python", "/app/handler.py"]\n', True),
        (f'{SLIM}CMD ["uv", "run", "/app/handler.py"]\n', True),
        (f'{SLIM}RUN pip install uv\nCMD ["uv", "run", "/app/handler.py"]\n', False),
    ],
)  # fmt: skip
def test_an_interpreter_that_nothing_brings(text: str, is_missing: bool) -> None:
    assert program(text)[1].is_missing is is_missing


@pytest.mark.parametrize(
    ("script", "is_missing"),
    [
        ("#!/bin/bash\npython -u /app/handler.py\n", True),
        ("#!/bin/bash\nset -e\necho up\nexec python3 -u /app/handler.py\n", False),
    ],
)
def test_an_interpreter_behind_a_script(script: str, is_missing: bool) -> None:
    text = f'{CUDA}{APT}python3 python3-pip\nCMD ["/start.sh"]\n'
    assert program(text, {"/start.sh": script})[1].is_missing is is_missing


# -- packages


STAGE = "FROM python:3.11-slim AS build\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{SLIM}RUN pip install idna\n{START}", Reach.PROGRAM),
        (f"{SLIM}RUN pip install --user idna\n{START}", Reach.PROGRAM),
        (f"{SLIM}RUN python -m venv /v && /v/bin/pip install idna\n{START}", Reach.ASIDE),
        (f"{SLIM}RUN python -m venv /v && /v/bin/pip install idna\nENV PATH=/v/bin:$PATH\n{START}", Reach.PROGRAM),
        (f"{SLIM}RUN python -m venv /v\nENV PATH=/v/bin:$PATH\nRUN pip install idna\n{START}", Reach.PROGRAM),
        (f"{SLIM}RUN pip install --target /lib2 idna\n{START}", Reach.ASIDE),
        (f"{SLIM}ENV PYTHONPATH=/lib2\nRUN pip install --target /lib2 idna\n{START}", Reach.PROGRAM),
        (f"{SLIM}RUN pip install --target /app idna\n{START}", Reach.PROGRAM),
        (f"{STAGE}RUN pip install idna\n{SLIM}COPY --from=build /usr/local /usr/local\n{START}", Reach.PROGRAM),
        (f"{STAGE}RUN pip install idna\n{SLIM}COPY --from=build /usr/local/lib/python3.11/site-packages"
         f" /usr/local/lib/python3.11/site-packages\n{START}", Reach.PROGRAM),
        (f"{STAGE}RUN pip install idna\n{SLIM}COPY --from=build /app /app\n{START}", Reach.ASIDE),
        (f"{STAGE}RUN pip install --prefix=/i idna\n{SLIM}COPY --from=build /i /usr/local\n{START}", Reach.PROGRAM),
        (f"{STAGE}RUN pip install --user idna\n{SLIM}COPY --from=build /root/.local /root/.local\n{START}",
         Reach.PROGRAM),
        (f"{STAGE}RUN pip install --user idna\n{SLIM}COPY --from=build /app /app\n{START}", Reach.ASIDE),
        (f"{SLIM}USER worker\nRUN pip install idna\n{START}", Reach.UNKNOWN),
        (f"{SLIM}ENV HOME=/home/w\nUSER worker\nRUN pip install idna\n{START}", Reach.PROGRAM),
        (f"{STAGE}RUN python -m venv /v && /v/bin/pip install idna\n{SLIM}COPY --from=build /v /v\n"
         f"ENV PATH=/v/bin:$PATH\n{START}", Reach.PROGRAM),
        (f"{STAGE}RUN python -m venv /v && /v/bin/pip install idna\nFROM python:3.12-slim\nCOPY --from=build /v /v\n"
         f"ENV PATH=/v/bin:$PATH\n{START}", Reach.ASIDE),
        (f"{STAGE}RUN pip install idna\nFROM build\n{START}", Reach.PROGRAM),
        (f"{STAGE}RUN pip install idna\nFROM scratch\nCOPY --from=build / /\n{START}", Reach.PROGRAM),
        (f"{CUDA}{APT}python3-pip python3.11\nRUN pip3 install idna\nCMD python3.11 /app/handler.py\n", Reach.ASIDE),
        (f"{CUDA}{APT}python3-pip python3.11\nRUN pip3 install idna\nCMD python3 /app/handler.py\n", Reach.PROGRAM),
        (f"{CUDA}{APT}python3-pip python3.11\nRUN update-alternatives --install /usr/bin/python3 python3"
         " /usr/bin/python3.11 1\nRUN pip3 install idna\nCMD python3 /app/handler.py\n", Reach.UNKNOWN),
        (f"{SLIM}RUN pip install uv && uv pip install --system idna\n{START}", Reach.PROGRAM),
        (f"{SLIM}RUN pip install uv && uv venv /v && uv pip install --python /v/bin/python idna\n{START}",
         Reach.ASIDE),
        (f"{SLIM}RUN ./install.sh\nRUN python -m venv /v && /v/bin/pip install idna\n{START}", Reach.UNKNOWN),
        (f"FROM runpod/base:0.6.2-cuda12.2.0\nRUN pip install idna\n{START}", Reach.UNKNOWN),
    ],
)  # fmt: skip
def test_what_an_installation_is_for(text: str, expected: Reach) -> None:
    dockerfile, _ = provided(text)
    provision, started = program(text)
    install = plan_installs(dockerfile, lambda path: path in HELD).attempts[-1]
    assert install.arguments[-1] == "idna"
    assert reach(install, provision, started) is expected


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        (f"{STAGE}RUN pip install idna\n{SLIM}{START}", True),
        (f"{SLIM}{START}", True),
        (f"{SLIM}RUN pip install idna\n{START}", False),
        (f"{SLIM}RUN python /app/build.py\n{START}", True),
        (f"{SLIM}RUN python -m spacy download en\n{START}", False),
        (f"{SLIM}RUN ./install.sh\n{START}", False),
        (f"{SLIM}RUN pip install uv\nWORKDIR /app\nRUN uv sync\n{START}", False),
        (f"{SLIM}COPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/uv\nWORKDIR /app\nRUN uv sync\n{START}", True),
        (f"{SLIM}COPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/uv\nWORKDIR /app\nRUN uv sync\n"
         f"ENV PATH=/app/.venv/bin:$PATH\n{START}", False),
        (f"{SLIM}ENV UV_PROJECT_ENVIRONMENT=/usr/local\nCOPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/uv\n"
         f"WORKDIR /app\nRUN uv sync\n{START}", False),
        (f"{CUDA}{APT}python3-pip python3.11\nRUN pip3 install idna\nCMD python3.11 /app/handler.py\n", True),
    ],
)  # fmt: skip
def test_a_program_that_gets_no_package_at_all(text: str, nothing: bool) -> None:
    provision, started = program(text)
    assert has_nothing(provision, started) is nothing


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("pip uninstall -y requests Idna", ("requests", "idna")),
        ("python -m pip uninstall --yes requests", ("requests",)),
        ("pip install uv && uv pip uninstall --system requests", ("requests",)),
        ("pip uninstall -y requests || true", ("requests",)),
        ("pip uninstall -y requests && pip install requests", None),
        ("pip uninstall -y requests && pip install httpx", None),
        ("if pip check; then pip uninstall -y requests; fi", None),
        ("pip check || pip uninstall -y requests", None),
        ("python -m venv /v && /v/bin/pip uninstall -y requests", None),
        ("pip uninstall -y -r list.txt", None),
        ("pip check && pip uninstall -y requests || true", None),
        ("pip check && pip uninstall -y requests; true", None),
        (f"rm -rf {SITE}/requests", ("requests",)),
        (f"cd {SITE} && rm -r requests", ("requests",)),
        (f"rm -rf {SITE}/*", ("*",)),
        (f"rm -rf {SITE}", ("*",)),
        (f"rm -rf {SITE}/requests && pip install httpx", None),
        (f"rm -rf {SITE}/requests/tests {SITE}/six-1.17.0.dist-info /root/.cache", None),
        (f"rm -f {SITE}/requests", None),
        (f"rm -rf {SITE}/requests-*", None),
        (f"[ -d /x ] && rm -rf {SITE}/requests || true", None),
        (f"rm -rf {SITE}/requests && python -m restore", None),
        (f"rm -rf {SITE}/requests\nCOPY requests {SITE}/requests", None),
        ("rm -rf /usr/local/lib/python3.10/site-packages/requests", None),
    ],
)
def test_what_is_taken_away_for_good(command: str, names: tuple[str, ...] | None) -> None:
    provision, started = program(f"{SLIM}RUN pip install requests runpod\nRUN {command}\n{START}")
    assert [each.names for each in removed_for(provision, started)] == ([] if names is None else [names])


# -- what may have been made, and what brings a program


@pytest.mark.parametrize(
    ("run", "fails"),
    [
        ("python -m nltk.downloader punkt && mv /nltk_data /models", False),
        ("python -m compileall /app && ls /pycache", False),
        ("python -m py_compile /app/handler.py && mv /made /models", False),
        ("python -m unittest && cp /result.xml /models", False),
        ("python -m pytest && cat /result.xml", False),
        ("python -m json.tool /app/in.json /out && cat /other", False),
        ("ffmpeg -i a.wav b%02d.wav && mv /b01.wav /models", False),
        ("python -m site && mv /nltk_data /models", True),
        ("git --version && mv /nltk_data /models", True),
        ("mv /nltk_data /models", True),
    ],
)
def test_a_module_that_writes_or_runs_code_leaves_open_which_files_there_are(run: str, fails: bool) -> None:
    text = f"FROM python:3.11-slim\n{APT}git ffmpeg\nRUN {run}\n"
    assert bool(failures(text)) is fails


@pytest.mark.parametrize(
    ("base", "run", "fails"),
    [
        ("alpine:3.20", "apk add --no-cache bash && bash --version", False),
        ("python:3.11-alpine", "apk add bash && bash -c true", False),
        ("python:3.11-alpine", "apk add coreutils && bash -c true", True),
        ("python:3.11-alpine", "bash -c true", True),
        ("python:3.11-alpine", "wget -q https://example.org/a && unzip a", False),
        ("python:3.11-alpine", "curl -O https://example.org/a", True),
        ("alpine:3.20", "apk add python3 && python --version", False),
        ("alpine:3.20", "apk add git && python3 --version", True),
        ("debian:12", "apt-get update && apt-get install -y ffmpeg && ffmpeg -version", False),
        ("debian:12", "apt-get update && apt-get install -y git && wget -q https://example.org/a", True),
    ],
)
def test_a_package_brings_the_program_that_it_is_named_after(base: str, run: str, fails: bool) -> None:
    assert bool(failures(f"FROM {base}\nRUN {run}\n")) is fails


# -- an environment whose Python stayed behind

BUILT = f"{SLIM.strip()} AS build\nRUN python -m venv /opt/venv && /opt/venv/bin/pip install runpod\n"
TAKEN = "COPY --from=build /opt/venv /opt/venv\nENV PATH=/opt/venv/bin:$PATH\n"


@pytest.mark.parametrize(
    ("base", "between", "start", "is_missing"),
    [
        (CUDA, "", START, True),
        (CUDA, "", 'CMD ["/opt/venv/bin/python", "/app/handler.py"]\n', True),
        (CUDA, f"{APT}python3\n", START, True),
        (CUDA, f"{APT}python3\n", 'CMD ["/opt/venv/bin/python", "/app/handler.py"]\n', True),
        ("FROM debian:12-slim\n", "", START, True),
        (SLIM, "", START, False),
        (CUDA, f"{APT}python-is-python3\n", START, False),
        (CUDA, "COPY --from=build /usr/local /usr/local\n", START, False),
        (CUDA, "COPY --from=build /usr/local/bin/python3.11 /usr/local/bin/\n", START, False),
        (CUDA, "RUN ln -s /usr/bin/python3 /usr/local/bin/python3\n", START, False),
        (CUDA, "RUN ./build-python\n", START, False),
        ("FROM example.org/own/base:1\n", "", START, False),
    ],
)
def test_an_environment_without_the_python_that_it_was_made_with(
    base: str, between: str, start: str, is_missing: bool
) -> None:
    started = program(f"{BUILT}{base}{between}{TAKEN}{start}")[1]
    assert started.is_missing is is_missing


def test_an_environment_that_is_taken_away_is_no_longer_found_by_its_name() -> None:
    made = f"{SLIM}ENV PATH=/opt/venv/bin:$PATH\nRUN python -m venv /opt/venv\nRUN pip install runpod\n"
    provision, kept = program(f"{made}RUN rm -rf /opt/venv/share\n{START}")
    assert not has_nothing(provision, kept)
    assert removed_for(provision, kept) == []
    provision, gone = program(f"{made}RUN rm -rf /opt/venv\n{START}")
    assert gone.interpreter is not None
    assert gone.interpreter.path == "/usr/local/bin/python3"
    assert has_nothing(provision, gone)


def test_what_was_taken_away_comes_back_with_a_copy_of_its_folder() -> None:
    built = f"{SLIM.strip()} AS build\nRUN pip install requests runpod\n"
    taken = f"{SLIM}RUN pip install requests && rm -rf {SITE}/*\n"
    assert removed_for(*program(f"{built}{taken}{START}")) != []
    assert removed_for(*program(f"{built}{taken}COPY --from=build {SITE} {SITE}\n{START}")) == []


# -- what starts the program


@pytest.mark.parametrize(
    ("steps", "word", "is_lacking"),
    [
        ("", "/tini", True),
        ("", "tini", True),
        ("", "/usr/bin/tini", True),
        ("", "dumb-init", True),
        ("", "gunicorn", True),
        ("RUN pip install -r /app/requirements.txt\n", "dumb-init", True),
        ("RUN pip install -r /app/requirements.txt\n", "gunicorn", False),
        ("RUN pip install -r /app/others.txt\n", "dumb-init", False),
        ("RUN pip install .\n", "dumb-init", False),
        ("RUN pip install -r /app/requirements.txt ./own\n", "dumb-init", False),
        ("RUN pip install dumb-init\n", "dumb-init", False),
        ("RUN pip install runpod\n", "dumb-init", True),
        (f"{APT}tini\n", "tini", False),
        (f"{APT}tini\n", "dumb-init", True),
        (f"{APT}anybodys-package\n", "tini", False),
        ("ADD https://example.org/tini /tini\n", "/tini", False),
        ("COPY --from=example.org/tini:1 /tini-static /usr/bin/tini\n", "tini", False),
        ("RUN curl -fsSLo /tini https://example.org/tini\n", "/tini", False),
        ("RUN conda install -y tini\n", "tini", False),
        ("RUN ./install-init\n", "tini", False),
        ("RUN cp /app/handler.py /usr/local/bin/tini\n", "tini", False),
        ("", "bash", False),
        ("", "./tini", False),
    ],
)
def test_what_starts_the_program_and_is_brought_by_nothing(steps: str, word: str, is_lacking: bool) -> None:
    read = {"/app/requirements.txt": "runpod==1.7.7\n"}
    dockerfile, provision = provided(f"{SLIM}{steps}{START}", read)
    folders = path_folders(dockerfile.final.environment)
    assert lacks_starter(word, folders, provision.final, lambda path: path in read) is is_lacking
    assert not lacks_starter(word, folders, provision.final, lambda _: True)
    elsewhere = provided(f"FROM example.org/own/base:1\n{steps}{START}", read)[1]
    assert not lacks_starter(word, folders, elsewhere.final, lambda path: path in read)


@pytest.mark.parametrize(
    ("steps", "path", "is_lacking"),
    [
        ("", "/opt/conda/bin/python", True),
        ("RUN pip install -r /app/requirements.txt\n", "/opt/conda/bin/python", True),
        ("RUN python -m venv /opt/venv\n", "/opt/venv/bin/python", False),
        (
            "RUN curl -O https://example.org/conda.sh && bash conda.sh -b -p /opt/conda\n",
            "/opt/conda/bin/python",
            False,
        ),
        ("RUN ln -s /usr/local /opt/conda\n", "/opt/conda/bin/python", False),
        ("COPY --from=condaforge/miniforge3 /opt/conda /opt/conda\n", "/opt/conda/bin/python", False),
        ("", "/usr/bin/env", False),
        ("", "/bin/bash", False),
    ],
)
def test_an_interpreter_in_a_folder_that_nothing_makes(steps: str, path: str, is_lacking: bool) -> None:
    state = provided(f"{SLIM}{steps}{START}", {"/app/requirements.txt": "runpod\n"})[1].final
    assert lacks_interpreter(path, state, lambda _: False) is is_lacking
    assert not lacks_interpreter(path, state, lambda _: True)


# -- what was left out


def test_every_run_that_was_not_run_is_listed_once_and_none_that_was() -> None:
    text = (
        f"{STAGE}RUN python make.py\n{SLIM}RUN apt-get update && apt-get install -y ffmpeg\n"
        "RUN mkdir -p /data && pip install idna && rm -rf /root/.cache/pip\n"
        'RUN pip install six && python -c "import six"\nRUN echo hello\nRUN python - <<EOF\nprint(1)\nEOF\n'
        "COPY --from=build /x /x\n"
    )
    dockerfile = parse_dockerfile(text, build_args={})
    done = {(each.line, each.place) for each in plan_installs(dockerfile, lambda _: False).attempts}
    assert [(each.line, each.text) for each in unrun_commands(dockerfile, done)] == [
        (2, "python make.py"),
        (4, "apt-get update ; apt-get install -y ffmpeg"),
        (6, 'python -c "import six"'),
        (8, "python - <<EOF print(1)"),
    ]


@pytest.mark.parametrize(
    ("run", "is_listed"),
    [
        ("mkdir /app", True),
        ("mkdir /a/b/c", True),
        ("mkdir -p /a/b/c", False),
        ("mkdir -p /a/b && cd /a/b && cd .. && cd ..", False),
        ("mkdir -p $NOBODY_KNOWS", True),
        ("cd /nope", True),
        ("cd /app", False),
        ("cd /usr/local && cd", False),
        ("cd /data/in", False),
        ("cd /data/out", True),
        ("set -eu; echo $FOO", True),
        ("set -eux; echo built", False),
        ("echo $FOO", False),
        ("echo ${FOO:?}", True),
        ("echo $(make)", True),
        ("echo a > /a", True),
        ("export A=b && A=c && unset A && umask 022 && true", False),
        ("A=$(false)", True),
        ("set -o pipefail", True),
        ("! true", True),
        ("rm /root/.cache/pip", True),
        ("rm -rf /root/.cache/pip /var/lib/apt/lists/*", False),
        ("rm -rf /srv/data", True),
        ("python -m venv /v && . /v/bin/activate", False),
        (". /w/bin/activate", True),
    ],
)
def test_what_may_fail_is_listed_and_what_surely_succeeds_is_not(run: str, is_listed: bool) -> None:
    text = f"{SLIM}WORKDIR /app\nCOPY in /data/in\nCOPY a.txt /data/out\nRUN {run}\n"
    assert bool(unrun_commands(parse_dockerfile(text, build_args={}), ())) is is_listed


def test_what_needs_rights_is_listed_where_root_does_not_run_it() -> None:
    text = f"{SLIM}RUN mkdir -p /models\nUSER worker\nRUN mkdir -p /cache\n"
    assert [each.line for each in unrun_commands(parse_dockerfile(text, build_args={}), ())] == [4]


@pytest.mark.parametrize(
    ("run", "fails"),
    [
        ("mkdir /app", True),
        ("mkdir /tmp", True),
        ("mkdir /models /models", True),
        ("mkdir /models /models/a", False),
        ("mkdir /weights/b", True),
        ("mkdir -p /weights && mkdir /weights/b", False),
        ("mkdir /app || true", False),
        ("rm -rf /app && mkdir /app", False),
        ("[ -d /app ] || mkdir /app", False),
        ("mkdir models && cd models && cd ../models", False),
        ("cd models", True),
        ("cd models || true", False),
        ("cd ~ && cd - && cd /usr/nobody_knows", False),
        ("git clone https://example.org/a/b /b && cd /b", False),
        ("apt-get source hello && cd hello-2.10", False),
        ("cd /later", False),
    ],
)
def test_a_folder_that_is_there_or_is_not(run: str, fails: bool) -> None:
    text = f"FROM python:3.11-slim\n{APT}git\nWORKDIR /app\nRUN {run}\nWORKDIR /later\n"
    assert bool(failures(text)) is fails


# -- what is meant to take long


@pytest.mark.parametrize(
    "text",
    [
        SLIM + "".join(f"RUN cat {' '.join(f'/a{number}' for number in range(20))}\n" for _ in range(1_500)),
        SLIM + "RUN " + " && ".join(f"pip install -t /a{number} x" for number in range(5_000)),
        SLIM + f"ENV PATH={':'.join(f'/p{number}' for number in range(20_000))}\n" + "RUN nope\n" * 1_000,
        "FROM python:3.11-slim AS own\nRUN pip install x\nCOPY --from=own /usr/local /usr/local\n",
        SLIM + "RUN " + "(" * 100_000,
        SLIM + "RUN bash -c '" + 'bash -c "true" ; ' * 5_000 + "'",
    ],
    ids=["files", "folders", "path", "from itself", "brackets", "shells"],
)
def test_no_dockerfile_takes_long_to_walk_through(text: str) -> None:
    with cpu_time_below(10):
        provided(text)
