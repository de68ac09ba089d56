"""What surely keeps a container from starting its program, and what only looks like it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from janitor.inspection.dockerfile.command import stage_command
from janitor.inspection.dockerfile.sources import read_context
from janitor.inspection.dockerfile.stages import parse_dockerfile
from janitor.inspection.image.final_files import files_of_final_image, text_at
from janitor.inspection.image.start_faults import StartFault, StartFaultKind, StartJudge
from janitor.inspection.tree import RepositoryTree
from janitor.validator.checks.static.dockerfile.start_of_image import source_reader

K = StartFaultKind
SLIM = "FROM python:3.11-slim\nWORKDIR /app\n"
ALL = f"{SLIM}COPY . .\n"
BASH = "#!/bin/bash\nexec python -u handler.py\n"
FILES = {
    "handler.py": "#!/usr/bin/env python3\nimport runpod\n",
    "plain.py": "import runpod\n",
    "start.sh": BASH,
    "bare.sh": "exec python -u /app/handler.py\n",
    "marked.sh": f"\ufeff{BASH}",
    "empty.sh": "",
    "returns.sh": BASH.replace("\n", "\r\n"),
    "returns_inside.sh": "#!/bin/bash\ncd /app\r\nexec python -u handler.py\r\n",
    "comment_returns.sh": "#!/bin/bash\n# note\r\nexec python -u handler.py\n",
    "env_returns.sh": "#!/usr/bin/env bash\r\nexec python handler.py\r\n",
    "zsh.sh": "#!/usr/bin/zsh\npython handler.py\n",
    "own_python.sh": "#!/usr/bin/python3\nimport runpod\n",
    "image_python.sh": "#!/usr/local/bin/python3\nimport runpod\n",
    "old_python.sh": "#!/usr/bin/env python3.8\nimport runpod\n",
    "gone.sh": "#!/app/tools/interpreter\nx\n",
    "outer.sh": "#!/bin/bash\nset -e\n./inner.sh\npython handler.py\n",
    "outer_exec.sh": "#!/bin/bash\nexec ./inner.sh\n",
    "outer_loose.sh": "#!/bin/bash\n./inner.sh\npython handler.py\n",
    "outer_asks.sh": "#!/bin/bash\nset -e\nif [ -f x ]; then ./inner.sh; fi\npython handler.py\n",
    "outer_chmod.sh": "#!/bin/bash\nset -e\nchmod +x inner.sh\n./inner.sh\n",
    "outer_bash.sh": "#!/bin/bash\nexec bash inner.sh\n",
    "outer_after.sh": "#!/bin/bash\nexec python handler.py\n./inner.sh\n",
    "inner.sh": "#!/bin/sh\necho inner\n",
    "missing.sh": "#!/bin/bash\npython /app/src/worker.py\n",
    "passes_on.sh": '#!/bin/bash\nexec "$@"\n',
}
RUNS = "RUN chmod +x *.sh handler.py plain.py\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worker")
    for name, text in FILES.items():
        (folder / name).write_bytes(text.encode())
        (folder / name).chmod(0o644)
    (folder / "program").write_bytes(b"\x7fELF\x02\xff\xfe")
    (folder / "ready.sh").write_text(BASH)
    for name in ("program", "ready.sh"):
        (folder / name).chmod(0o755)
    return folder


def fault(repository: Path, dockerfile: str, build_args: Mapping[str, str] | None = None) -> StartFault | None:
    tree = RepositoryTree(repository)
    parsed = parse_dockerfile(dockerfile, build_args=build_args or {})
    read = source_reader(tree)
    places = files_of_final_image(parsed, read_context(tree, PurePosixPath("Dockerfile")), read)

    def text(path: str) -> str | None:
        return text_at(places, path, read)

    return StartJudge(parsed.final, stage_command(parsed.final, read=text), places, text).fault()


@pytest.mark.parametrize(
    ("steps", "kind", "line"),
    [
        # who may execute it
        (f'{ALL}CMD ["./start.sh"]', K.NOT_EXECUTABLE, 4),
        (f"{ALL}CMD ./start.sh", K.NOT_EXECUTABLE, 4),
        (f'{ALL}CMD ["bash", "-c", "./start.sh"]', K.NOT_EXECUTABLE, 4),
        (f'{ALL}CMD ["/usr/bin/tini", "--", "./start.sh"]', K.NOT_EXECUTABLE, 4),
        (f'{ALL}ENTRYPOINT ["/app/start.sh"]\nCMD ["--port", "80"]', K.NOT_EXECUTABLE, 5),
        (f'{ALL}CMD ["/app/handler.py"]', K.NOT_EXECUTABLE, 4),
        (f'{ALL}RUN chmod +x handler.py\nCMD ["./start.sh"]', K.NOT_EXECUTABLE, 5),
        (f'{ALL}RUN chmod +x start.sh\nCOPY start.sh .\nCMD ["./start.sh"]', K.NOT_EXECUTABLE, 6),
        (f'{ALL}RUN chmod 644 ready.sh\nCMD ["./ready.sh"]', K.NOT_EXECUTABLE, 5),
        (f'{SLIM}COPY --chmod=644 ready.sh .\nCMD ["./ready.sh"]', K.NOT_EXECUTABLE, 4),
        (f'{SLIM}COPY <<EOF /start.sh\n#!/bin/sh\nEOF\nCMD ["/start.sh"]', K.NOT_EXECUTABLE, 6),
        (f'{SLIM}ADD https://example.org/start.sh /start.sh\nCMD ["/start.sh"]', K.NOT_EXECUTABLE, 4),
        (f"{SLIM}RUN echo python x.py > /start.sh\nCMD /start.sh", K.NOT_EXECUTABLE, 4),
        (f'{ALL}{RUNS}RUN chmod 644 inner.sh\nCMD ["./outer.sh"]', K.NOT_EXECUTABLE, 6),
        (f'{ALL}{RUNS}RUN chmod 644 inner.sh\nCMD ["./outer_exec.sh"]', K.NOT_EXECUTABLE, 6),
        (f'{SLIM}COPY . /app/x\nCMD ["/app/x"]', K.NOT_EXECUTABLE, 4),
        # what its first line says
        (f'{ALL}{RUNS}CMD ["./bare.sh"]', K.NO_FORMAT, 5),
        (f'{ALL}{RUNS}CMD ["./plain.py"]', K.NO_FORMAT, 5),
        (f'{ALL}{RUNS}CMD ["./marked.sh"]', K.NO_FORMAT, 5),
        (f'{ALL}{RUNS}CMD ["./empty.sh"]', K.NO_FORMAT, 5),
        (f'{ALL}{RUNS}ENTRYPOINT ["./bare.sh"]', K.NO_FORMAT, 5),
        (f'{ALL}{RUNS}CMD ["./returns.sh"]', K.NO_INTERPRETER, 5),
        (f"{ALL}{RUNS}CMD ./returns.sh", K.NO_INTERPRETER, 5),
        (f'{ALL}{RUNS}CMD ["./env_returns.sh"]', K.NO_INTERPRETER, 5),
        (f'{ALL}{RUNS}CMD ["./own_python.sh"]', K.NO_INTERPRETER, 5),
        (f'{ALL}{RUNS}CMD ["./old_python.sh"]', K.NO_INTERPRETER, 5),
        (f'{ALL}{RUNS}CMD ["./gone.sh"]', K.NO_INTERPRETER, 5),
        ('FROM python:3.11-alpine\nCOPY --chmod=755 start.sh /\nCMD ["/start.sh"]', K.NO_INTERPRETER, 3),
        # what isn't there
        (f'{SLIM}COPY handler.py /srv2\nCMD ["python", "/srv2/handler.py"]', K.NOT_THERE, 3),
        (f'{SLIM}COPY ready.sh start.sh /srv2\nCMD ["/srv2/ready.sh"]', K.NOT_THERE, 3),
        (f'{ALL}RUN rm handler.py\nCMD ["python", "handler.py"]', K.NOT_THERE, 4),
        (f'{ALL}RUN mv ready.sh /start.sh\nCMD ["./ready.sh"]', K.NOT_THERE, 4),
        (f'{ALL}RUN mv /app /worker\nCMD ["python", "/app/handler.py"]', K.NOT_THERE, 4),
        (f'{ALL}RUN ln -s /app/main.py /h.py\nCMD ["python", "/h.py"]', K.NOT_THERE, 5),
        (f'{ALL}CMD ["python", "$HOME/handler.py"]', K.NOT_THERE, 4),
        (f'{ALL}CMD ["python", "~/handler.py"]', K.NOT_THERE, 4),
        (f'{ALL}{RUNS}CMD ["bash", "missing.sh"]', K.NOT_THERE, 5),
        (f'{ALL}CMD ["bash", "returns_inside.sh"]', K.NOT_THERE, 4),
        (f'{ALL}WORKDIR /data\nCMD ["python", "handler.py"]', K.NOT_THERE, 5),
        (f'{ALL}WORKDIR src\nCMD ["python", "handler.py"]', K.NOT_THERE, 5),
        # words that nobody reads
        (f'{ALL}CMD ["$HOME/start.sh"]', K.NOT_FOUND, 4),
        (f'{ALL}CMD ["~/start.sh"]', K.NOT_FOUND, 4),
        (f'{ALL}CMD ["python handler.py"]', K.NOT_FOUND, 4),
        (f'{ALL}{RUNS}CMD ["./start.sh --port 80"]', K.NOT_FOUND, 5),
        (f'{ALL}CMD ["DEBUG=1", "python", "handler.py"]', K.NOT_FOUND, 4),
        (f'{ALL}{RUNS}CMD ["start.sh"]', K.NOT_FOUND, 5),
        (f"{ALL}{RUNS}CMD start.sh", K.NOT_FOUND, 5),
        # PATH
        (f'{ALL}ENV PATH=/app/bin\nCMD ["python", "handler.py"]', K.NOT_FOUND, 4),
        (f'{ALL}ENV PATH="/usr/bin:/bin"\nCMD python handler.py', K.NOT_FOUND, 4),
        (f'{ALL}ENV PATH=/app/bin:/opt2/bin\nENV PATH=/x:$PATH\nCMD ["python", "handler.py"]', K.NOT_FOUND, 5),
        ('FROM ubuntu:22.04\nCOPY . /app\nCMD ["python3", "/app/handler.py"]', K.NOT_FOUND, 3),
        # forms
        (f'{ALL}ENTRYPOINT ["python", "-u"]\nCMD handler.py', K.WRONG_FORM, 5),
        (f'{ALL}ENTRYPOINT ["/bin/sh", "-c"]\nCMD python handler.py', K.WRONG_FORM, 5),
        (f'{ALL}ENTRYPOINT ["bash"]\nCMD start.sh', K.WRONG_FORM, 5),
        (f'{ALL}{RUNS}ENTRYPOINT ./passes_on.sh\nCMD ["python", "handler.py"]', K.WRONG_FORM, 5),
        (f"{ALL}{RUNS}ENTRYPOINT exec bash ./passes_on.sh\nCMD python handler.py", K.WRONG_FORM, 5),
        (f'{ALL}ENTRYPOINT exec "$@"\nCMD ["python", "handler.py"]', K.WRONG_FORM, 4),
        (f'{ALL}CMD ["bash", "-c", "python", "handler.py"]', K.WRONG_FORM, 4),
    ],
)
def test_what_keeps_it_from_starting(
    repository: Path, steps: str, kind: StartFaultKind | None, line: int | None
) -> None:
    found = fault(repository, steps)
    assert (found and found.kind, found and found.line) == (kind, line), found


@pytest.mark.parametrize(
    "steps",
    [
        # who may execute it
        f'{ALL}RUN chmod +x start.sh\nCMD ["./start.sh"]',
        f'{ALL}CMD ["./ready.sh"]',
        f'{ALL}CMD ["bash", "start.sh"]',
        f"{ALL}CMD bash start.sh",
        f'{ALL}CMD ["bash", "-c", "bash ./start.sh"]',
        f'{SLIM}COPY --chmod=755 start.sh handler.py ./\nCMD ["./start.sh"]',
        f'{ALL}RUN find . -name "*.sh" -exec chmod +x {{}} +\nCMD ["./start.sh"]',
        f'{ALL}RUN for f in *.sh; do chmod +x "$f"; done\nCMD ["./start.sh"]',
        f'{ALL}RUN chmod -R a+x /app\nCMD ["./start.sh"]',
        f'{ALL}RUN python setup_files.py\nCMD ["./start.sh"]',
        f'{ALL}RUN make\nCMD ["./start.sh"]',
        f'{ALL}RUN ls | xargs chmod +x\nCMD ["./start.sh"]',
        f'{ALL}RUN test -f x || chmod +x start.sh\nCMD ["./start.sh"]',
        f'{ALL}RUN git clone https://example.org/a/b /b\nCMD ["/b/start.sh"]',
        f'{ALL}VOLUME /app\nCMD ["./start.sh"]',
        'FROM somebody/image:1\nCOPY . /app\nCMD ["/app/start.sh"]',
        f'{ALL}{RUNS}RUN chmod 644 inner.sh\nCMD ["./outer_loose.sh"]',
        f'{ALL}{RUNS}RUN chmod 644 inner.sh\nCMD ["./outer_asks.sh"]',
        f'{ALL}{RUNS}RUN chmod 644 inner.sh\nCMD ["./outer_chmod.sh"]',
        f'{ALL}{RUNS}RUN chmod 644 inner.sh\nCMD ["./outer_bash.sh"]',
        f'{ALL}{RUNS}RUN chmod 644 inner.sh\nCMD ["./outer_after.sh"]',
        'FROM python:3.11-slim AS a\nCOPY . /app\nRUN chmod +x /app/start.sh\nFROM a\nWORKDIR /app\nCMD ["./start.sh"]',
        "FROM debian AS a\nCOPY . /a\nRUN chmod +x /a/start.sh\nFROM debian\nCOPY --from=a /a /b\n"
        'RUN apt-get install -y python3\nWORKDIR /b\nCMD ["/b/start.sh"]',
        # what its first line says
        f"{ALL}{RUNS}CMD ./bare.sh",
        f'{ALL}{RUNS}CMD ["bash", "./bare.sh"]',
        f'{ALL}{RUNS}CMD ["/usr/bin/tini", "--", "./bare.sh"]',
        "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04\nRUN apt-get install -y python3\nCOPY . /app\n"
        'RUN chmod +x /app/bare.sh\nCMD ["/app/bare.sh"]',
        f'{ALL}CMD ["./program"]',
        f'{ALL}{RUNS}CMD ["./handler.py"]',
        f"{ALL}{RUNS}RUN sed -i 's/\\r$//' *.sh\nCMD [\"./returns.sh\"]",
        f'{ALL}{RUNS}RUN dos2unix returns.sh\nCMD ["./returns.sh"]',
        f"{ALL}{RUNS}RUN sed -i '1s/.*/#!\\/bin\\/bash/' bare.sh\nCMD [\"./bare.sh\"]",
        f'{ALL}{RUNS}CMD ["./comment_returns.sh"]',
        f'{ALL}{RUNS}CMD ["./zsh.sh"]',
        f'{ALL}{RUNS}CMD ["./image_python.sh"]',
        f'{ALL}{RUNS}RUN apt-get update && apt-get install -y python3\nCMD ["./own_python.sh"]',
        f'FROM python:3.11\nWORKDIR /app\nCOPY . .\n{RUNS}CMD ["./own_python.sh"]',
        'FROM python:3.11-alpine\nRUN apk add bash\nCOPY --chmod=755 start.sh handler.py /\nCMD ["/start.sh"]',
        # what isn't there
        f'{SLIM}COPY handler.py /srv2/\nCMD ["python", "/srv2/handler.py"]',
        f'{SLIM}RUN mkdir /srv2\nCOPY handler.py /srv2\nCMD ["python", "/srv2/handler.py"]',
        f'{ALL}RUN rm handler.py\nCOPY handler.py .\nCMD ["python", "handler.py"]',
        f'{ALL}RUN rm start.sh README.md; rm -rf tests\nCMD ["python", "handler.py"]',
        f'{ALL}RUN cp handler.py main.py && rm handler.py\nCMD ["python", "main.py"]',
        f'{ALL}RUN ln -s /app/handler.py /h.py\nCMD ["python", "/h.py"]',
        f'{ALL}RUN mv /app /worker\nWORKDIR /worker\nCMD ["python", "handler.py"]',
        f'{ALL}RUN pip install .\nCMD ["python", "/opt/x/worker.py"]',
        f'{ALL}VOLUME /data\nCMD ["python", "/data/worker.py"]',
        f'{ALL}CMD ["python", "/runpod-volume/worker.py"]',
        f'{ALL}ENV H=handler.py\nCMD ["sh", "-c", "python $H"]',
        f"{ALL}ENV H=handler.py\nCMD python /app/$H",
        f'{ALL}CMD ["bash", "-c", "python ~/handler.py"]',
        f'{ALL}WORKDIR /data\nWORKDIR ../app\nCMD ["python", "handler.py"]',
        # words
        f'{ALL}ENTRYPOINT ["/bin/bash", "-c"]\nCMD ["python handler.py"]',
        f'{ALL}{RUNS}RUN mv start.sh /usr/local/bin/\nCMD ["start.sh"]',
        f'{ALL}{RUNS}ENV PATH="/app:$PATH"\nCMD ["start.sh"]',
        f'{ALL}CMD ["env", "DEBUG=1", "python", "handler.py"]',
        f"{ALL}CMD DEBUG=1 python handler.py",
        f'{ALL}CMD ["nvidia-smi"]',
        # PATH
        f'{ALL}ENV PATH="/app/bin:$PATH"\nCMD ["python", "handler.py"]',
        f'{ALL}ENV PATH=/app/bin:${{PATH}}\nCMD ["python", "handler.py"]',
        f'{ALL}ENV PATH=/usr/local/bin:/usr/bin\nCMD ["python", "handler.py"]',
        f'{ALL}RUN python -m venv /opt/venv\nENV PATH=/opt/venv/bin\nCMD ["python", "handler.py"]',
        f'{ALL}RUN python -m venv venv\nENV PATH=/app/venv/bin\nCMD ["python", "handler.py"]',
        f'{ALL}ENV PATH=/app/bin\nCMD ["/usr/local/bin/python", "handler.py"]',
        f'{ALL}ENV PATH=$NOWHERE\nCMD ["python", "handler.py"]',
        'FROM ubuntu:22.04\nRUN apt-get install -y python3\nCOPY . /app\nCMD ["python3", "/app/handler.py"]',
        "FROM ubuntu:22.04\nCOPY --from=python:3.11 /usr/local /usr/local\nCOPY . /app\n"
        'CMD ["python", "/app/handler.py"]',
        "FROM ubuntu:22.04\nCOPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/uv\nCOPY . /app\nWORKDIR /app\n"
        'RUN uv sync\nCMD ["uv", "run", "python", "handler.py"]',
        # forms
        f'{ALL}ENTRYPOINT ["python", "-u"]\nCMD ["handler.py"]',
        f'{ALL}ENTRYPOINT ["/bin/sh", "-c"]\nCMD ["python handler.py"]',
        f'{ALL}{RUNS}ENTRYPOINT ["./passes_on.sh"]\nCMD python handler.py',
        f'{ALL}ENTRYPOINT ["tini", "--"]\nCMD python handler.py',
        f'{ALL}ENTRYPOINT ["python", "handler.py"]\nCMD --flag',
        f'{ALL}ENTRYPOINT ["bash", "-c", "exec \\"$@\\"", "--"]\nCMD python handler.py',
        f'{ALL}{RUNS}ENTRYPOINT ["./passes_on.sh"]\nCMD ["python", "handler.py"]',
        f'{ALL}{RUNS}ENTRYPOINT ./start.sh\nCMD ["--port", "80"]',
        f'{ALL}ENTRYPOINT bash ./start.sh\nCMD ["python", "handler.py"]',
        f'{ALL}CMD ["bash", "-c", "python $0", "handler.py"]',
        # what a base image's own entrypoint does with CMD is its own business
        'FROM somebody/image:1\nCOPY . /app\nCMD ["python handler.py"]',
    ],
)
def test_what_starts_all_the_same(repository: Path, steps: str) -> None:
    assert fault(repository, steps) is None
