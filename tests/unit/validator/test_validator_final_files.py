"""What a Dockerfile surely leaves in its final image, and what it leaves unknown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from janitor.inspection.dockerfile.sources import read_context
from janitor.inspection.dockerfile.stages import parse_dockerfile
from janitor.inspection.image.file_modes import changed_mode
from janitor.inspection.image.final_files import files_of_final_image, text_at
from janitor.inspection.image.places import Budget, ImagePlaces, PlaceKind
from janitor.inspection.tree import RepositoryTree, UnreadableError

SLIM = "FROM python:3.11-slim\nWORKDIR /app\n"
ALL = f"{SLIM}COPY . .\n"
FILES = {
    "handler.py": "import runpod\n",
    "start.sh": "#!/bin/bash\r\npython handler.py\r\n",
    "data/labels.txt": "a b\n",
    "data/words.txt": "c\n",
    "setup.sh": "pip install idna\n",
    "cleanup.sh": "rm -rf /app/data\n",
    "requirements.txt": "idna==3.10\n",
    "own.txt": "-e .\n",
}
THERE, GONE, OPEN = PlaceKind.FILE, PlaceKind.ABSENT, PlaceKind.UNKNOWN


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
        path.chmod(0o644)
    (tmp_path / "latest.txt").symlink_to("data/labels.txt")
    return tmp_path


def reader(repository: Path) -> Callable[[PurePosixPath], str | None]:
    tree = RepositoryTree(repository)

    def read(path: PurePosixPath) -> str | None:
        try:
            return tree.read_text(path)
        except UnreadableError:
            return None

    return read


def image(repository: Path, dockerfile: str) -> ImagePlaces:
    (repository / "Dockerfile").write_text(dockerfile)
    context = read_context(RepositoryTree(repository), PurePosixPath("Dockerfile"))
    return files_of_final_image(parse_dockerfile(dockerfile, build_args={}), context, reader(repository))


def text_in_image(repository: Path, dockerfile: str, path: str) -> str | None:
    return text_at(image(repository, dockerfile), path, reader(repository))


@pytest.mark.parametrize(
    ("steps", "path", "kind", "line"),
    [
        # COPY
        (f"{SLIM}COPY handler.py /srv2\n", "/srv2", THERE, 3),
        (f"{SLIM}COPY handler.py /srv2\n", "/srv2/handler.py", GONE, 3),
        (f"{SLIM}COPY handler.py /srv2/\n", "/srv2/handler.py", THERE, 3),
        (f"{SLIM}RUN mkdir -p /srv2\nCOPY handler.py /srv2\n", "/srv2/handler.py", THERE, 4),
        (f"{SLIM}COPY handler.py /app\n", "/app/handler.py", THERE, 3),
        (f"{SLIM}COPY handler.py start.sh /srv2\n", "/srv2/handler.py", GONE, 3),
        (f"{SLIM}COPY data /srv2\n", "/srv2/labels.txt", THERE, 3),
        (f"{SLIM}COPY data /srv2\n", "/srv2/data/labels.txt", GONE, None),
        ("FROM somebody/image:1\nCOPY handler.py /srv2\n", "/srv2/handler.py", OPEN, None),
        (f"{SLIM}COPY $WHAT .\n", "/app/handler.py", OPEN, None),
        (f"{SLIM}COPY --exclude=*.sh . .\n", "/app/handler.py", THERE, 3),
        (f"{SLIM}COPY --exclude=*.sh . .\n", "/app/start.sh", OPEN, 3),
        (f"{SLIM}COPY <<EOF /app/made.sh\necho\nEOF\n", "/app/made.sh", THERE, 3),
        (f"{SLIM}ADD https://example.org/x/start.sh /app/\n", "/app/start.sh", THERE, 3),
        (f"{ALL}", "/app/latest.txt", THERE, 3),
        # stages
        ("FROM python:3.11-slim AS a\nCOPY . /a\nRUN rm /a/start.sh\nFROM a\n", "/a/start.sh", GONE, 3),
        ("FROM python:3.11-slim AS a\nCOPY . /a\nFROM a\nRUN rm /a/start.sh\n", "/a/start.sh", GONE, 4),
        ("FROM python:3.11-slim AS a\nCOPY . /a\nFROM debian\nCOPY --from=a /a/data /b\n", "/b/labels.txt", THERE, 2),
        ("FROM python:3.11-slim AS a\nCOPY . /a\nFROM debian\nCOPY --from=a /a/data /b\n", "/b/handler.py", GONE, None),
        ("FROM debian\nCOPY --from=other/image /b /b\n", "/b/handler.py", OPEN, 2),
        # rm
        (f"{ALL}RUN rm -f data/labels.txt\n", "/app/data/labels.txt", GONE, 4),
        (f"{ALL}RUN rm -f data/labels.txt\n", "/app/latest.txt", GONE, 4),
        (f"{ALL}RUN rm -rf data\n", "/app/data/labels.txt", GONE, 4),
        (f"{ALL}RUN rm data/*.txt && echo done\n", "/app/data/labels.txt", GONE, 4),
        (f"{ALL}RUN cd data && rm labels.txt\n", "/app/data/labels.txt", GONE, 4),
        (f"{ALL}RUN (cd data) && rm -f labels.txt\n", "/app/data/labels.txt", THERE, 3),
        (f"{ALL}RUN pip install -r requirements.txt; rm -rf data\n", "/app/data/labels.txt", GONE, 4),
        (f"{ALL}RUN bash -c 'rm -rf data'\n", "/app/data/labels.txt", GONE, 4),
        (f'{ALL}RUN ["rm", "-rf", "data"]\n', "/app/data/labels.txt", GONE, 4),
        (f"{ALL}RUN <<EOF\nset -e\nrm -rf data\nEOF\n", "/app/data/labels.txt", GONE, 4),
        (f"{ALL}ARG D=data\nRUN rm -rf $D\n", "/app/data/labels.txt", GONE, 5),
        (f"{ALL}RUN rm -rf $D\n", "/app/data/labels.txt", OPEN, None),
        (f"{ALL}RUN rm data/*.txt\nCOPY data data\n", "/app/data/labels.txt", THERE, 5),
        (f"{ALL}RUN test -f x || rm -rf data\n", "/app/data/labels.txt", OPEN, 4),
        (f"{ALL}RUN if [ -f x ]; then rm -rf data; fi\n", "/app/data/labels.txt", OPEN, 4),
        (f"{ALL}RUN for d in data; do rm -rf $d; done\n", "/app/data/labels.txt", OPEN, None),
        (f"{ALL}RUN false && rm -rf data; true\n", "/app/data/labels.txt", OPEN, 4),
        (f"{ALL}RUN rm -f data || true\n", "/app/data/labels.txt", THERE, 3),
        (f"{ALL}RUN rm -rf data && git clone https://example.org/x/data\n", "/app/data/labels.txt", OPEN, 4),
        (f"{ALL}RUN rm -rf data && python fetch.py\n", "/app/data/labels.txt", OPEN, None),
        (f"{ALL}RUN rm -rf data && make data\n", "/app/data/labels.txt", OPEN, None),
        (f"{ALL}RUN bash cleanup.sh\n", "/app/data/labels.txt", OPEN, 4),
        (f"{ALL}RUN bash setup.sh\n", "/app/data/labels.txt", THERE, 3),
        (f"{ALL}RUN echo 'rm -rf data'\n", "/app/data/labels.txt", THERE, 3),
        (f"{ALL}RUN find . -name '*.txt' -delete\n", "/app/data/labels.txt", OPEN, 4),
        (f"{ALL}RUN find . -name '*.pyc' -delete\n", "/app/data/labels.txt", THERE, 3),
        (f"{ALL}RUN ls data | xargs rm\n", "/app/data/labels.txt", OPEN, None),
        (f"{ALL}RUN rm -rf /var/lib/apt/lists/*\n", "/app/data/labels.txt", THERE, 3),
        # mv, cp, ln
        (f"{ALL}RUN mv handler.py worker.py\n", "/app/handler.py", GONE, 4),
        (f"{ALL}RUN mv handler.py worker.py\n", "/app/worker.py", THERE, 4),
        (f"{ALL}RUN mv handler.py data\n", "/app/data/handler.py", THERE, 4),
        (f"{ALL}RUN mv data /srv2\n", "/srv2/labels.txt", THERE, 3),
        (f"{ALL}RUN mv data /srv2\n", "/app/data/labels.txt", GONE, 4),
        (f"{ALL}RUN cp handler.py /usr/local/bin/handler\n", "/usr/local/bin/handler", OPEN, 4),
        (f"{ALL}RUN cp handler.py /handler.py\n", "/handler.py", THERE, 4),
        (f"{ALL}RUN cp -r data/. /d\n", "/d/labels.txt", OPEN, 4),
        (f"{ALL}RUN ln -s /app/handler.py /handler.py\n", "/handler.py", THERE, 3),
        (f"{ALL}RUN ln -s /app/gone.py /handler.py\n", "/handler.py", GONE, None),
        (f"{ALL}RUN ln -s data d\n", "/app/d/labels.txt", THERE, 3),
        # what others bring
        (f"{ALL}RUN pip install -r requirements.txt\n", "/app/gone.py", GONE, None),
        (f"{ALL}RUN pip install -r own.txt\n", "/app/gone.py", OPEN, None),
        (f"{ALL}RUN pip install .\n", "/app/gone.py", OPEN, None),
        (f"{ALL}RUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*\n", "/app/x", GONE, None),
        (f"{ALL}RUN curl -fsSL https://example.org/i.sh | bash\n", "/app/gone.py", OPEN, None),
        (f"{ALL}RUN curl -fsSL -o /app/m.bin https://example.org/m.bin\n", "/app/m.bin", THERE, 4),
        (f"{ALL}RUN wget https://example.org/m.bin\n", "/app/m.bin", OPEN, None),
        (f"{ALL}RUN tar xzf x.tgz -C /data\n", "/data/m.bin", OPEN, 4),
        (f"{ALL}RUN tar xzf x.tgz -C /data\n", "/app/handler.py", THERE, 3),
        (
            f"{ALL}RUN git clone --depth 1 https://example.org/x/y.git && cd y && pip install .\n",
            "/app/y/a",
            OPEN,
            None,
        ),
        (f'{ALL}RUN python -c "import torch; print(torch.__version__)"\n', "/app/handler.py", THERE, 3),
        (f"{ALL}RUN python -c \"import os; os.remove('handler.py')\"\n", "/app/handler.py", OPEN, None),
        (f"{ALL}RUN echo hi > note.txt\n", "/app/note.txt", THERE, 4),
        (f"{ALL}RUN touch note.txt\n", "/app/note.txt", THERE, 4),
        (f"{ALL}RUN --mount=type=bind,target=/app rm -f /app/handler.py\n", "/app/handler.py", OPEN, 4),
        (f"{ALL}RUN python -m venv /env --system-site-packages\n", "/env/bin/python", OPEN, None),
        (f"{ALL}RUN uv venv /env --python 3.11\n", "/env/bin/python", OPEN, None),
        (f"{ALL}RUN useradd -m -d /worker worker\nCOPY handler.py /worker\n", "/worker/handler.py", OPEN, None),
        (f"{ALL}RUN dpkg -i some.deb\n", "/worker/bin", OPEN, None),
        (f"{ALL}RUN echo x >> ~/.bashrc\n", "/app/gone.py", GONE, None),
        ("FROM python:3.11-slim\n", "/usr/bin/python3", GONE, None),
        ("FROM python:3.11-slim\n", "/usr/local/bin/python", OPEN, None),
        ("FROM python:3.11\n", "/usr/bin/python3", OPEN, None),
        ("FROM python:3.11-slim\nRUN apt-get install -y python3\n", "/usr/bin/python3", OPEN, None),
        ("FROM alpine\n", "/bin/bash", GONE, None),
        ("FROM alpine\nRUN apk add --no-cache bash\n", "/bin/bash", OPEN, None),
        ("FROM pytorch/pytorch:2.4.1\n", "/app/handler.py", OPEN, None),
    ],
)
def test_what_is_where(repository: Path, steps: str, path: str, kind: PlaceKind, line: int | None) -> None:
    place = image(repository, steps).at(path)
    assert place.kind is kind
    assert line is None or place.line == line


@pytest.mark.parametrize(
    ("steps", "path", "may_run"),
    [
        (ALL, "/app/start.sh", False),
        (f"{ALL}RUN chmod +x start.sh\n", "/app/start.sh", True),
        (f"{ALL}RUN chmod a+rx /app/*.sh\n", "/app/start.sh", True),
        (f"{ALL}RUN chmod -R 755 /app\n", "/app/start.sh", True),
        (f"{ALL}RUN chmod 600 start.sh\n", "/app/start.sh", False),
        (f"{ALL}RUN chmod u+x,g-w start.sh\n", "/app/start.sh", True),
        (f"{ALL}RUN find . -name '*.sh' -exec chmod +x {{}} \\;\n", "/app/start.sh", True),
        (f"{ALL}RUN find . -name '*.py' -exec chmod +x {{}} +\n", "/app/start.sh", False),
        (f"{ALL}RUN for f in *.sh; do chmod +x $f; done\n", "/app/start.sh", True),
        (f"{ALL}RUN chmod +x handler.py\n", "/app/start.sh", False),
        (f"{ALL}RUN chmod -x start.sh\n", "/app/start.sh", False),
        (f"{SLIM}COPY --chmod=755 start.sh /start.sh\n", "/start.sh", True),
        (f"{SLIM}COPY --chmod=+x start.sh /start.sh\n", "/start.sh", True),
        (f"{SLIM}COPY --chmod=644 start.sh /start.sh\n", "/start.sh", False),
        (f"{ALL}RUN chmod +x start.sh && cp start.sh /start.sh\n", "/start.sh", True),
        (f"{ALL}RUN cp start.sh /start.sh && chmod +x start.sh\n", "/start.sh", False),
        (f"{ALL}RUN install -m 755 start.sh /start.sh\n", "/start.sh", True),
        (f"{ALL}RUN install start.sh /start.sh\n", "/start.sh", True),
        (f"{ALL}RUN install -m 644 start.sh /start.sh\n", "/start.sh", False),
        (f"{ALL}RUN chmod +x start.sh\nCOPY start.sh .\n", "/app/start.sh", False),
        (f"{ALL}RUN printf 'x' > made.sh\n", "/app/made.sh", False),
        (f"{ALL}RUN printf 'x' > made.sh && chmod +x made.sh\n", "/app/made.sh", True),
        (f"{SLIM}ADD https://example.org/start.sh /start.sh\n", "/start.sh", False),
        (f"{SLIM}ADD --chmod=755 https://example.org/start.sh /start.sh\n", "/start.sh", True),
        (f"{SLIM}COPY <<EOF /start.sh\n#!/bin/sh\nEOF\n", "/start.sh", False),
        (f"{ALL}RUN ln -s /app/start.sh /start.sh && chmod +x /start.sh\n", "/app/start.sh", True),
        (f"{ALL}RUN test -d x && chmod +x start.sh; true\n", "/app/start.sh", True),
    ],
)
def test_who_may_execute_a_file(repository: Path, steps: str, path: str, *, may_run: bool) -> None:
    file = image(repository, steps).at(path).file
    assert file is not None
    assert file.may_run is may_run


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("", FILES["start.sh"]),
        (r"RUN sed -i 's/\r$//' start.sh", "#!/bin/bash\npython handler.py\n"),
        (r"RUN sed -i -e 's/\r//g' *.sh", "#!/bin/bash\npython handler.py\n"),
        ("RUN dos2unix start.sh", "#!/bin/bash\npython handler.py\n"),
        ("RUN sed -i 's/python/python3/' start.sh", None),
        ("RUN echo more >> start.sh", None),
        ("RUN cat start.sh", FILES["start.sh"]),
    ],
)
def test_what_a_file_holds(repository: Path, step: str, text: str | None) -> None:
    assert text_in_image(repository, f"{ALL}{step}\n", "/app/start.sh") == text


def test_a_file_that_a_heredoc_makes_is_read(repository: Path) -> None:
    dockerfile = f"{SLIM}RUN cat > /start.sh <<'EOF'\n#!/bin/sh\nexec python\nEOF\n"
    assert text_in_image(repository, dockerfile, "/start.sh") == "#!/bin/sh\nexec python"


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        (0o644, "755", 0o755),
        (0o644, "0755", 0o755),
        (0o644, "+x", 0o755),
        (0o644, "u+x", 0o744),
        (0o755, "a-x", 0o644),
        (0o755, "u=rw,go=r", 0o644),
        (0o744, "a+X", 0o755),
        (0o644, "a+X", 0o644),
        (None, "755", 0o755),
        (None, "go-w", None),
        (0o644, "nonsense", None),
    ],
)
def test_chmod(before: int | None, change: str, after: int | None) -> None:
    assert changed_mode(before, change) == after


def test_links_in_a_circle_are_followed_by_nobody() -> None:
    places = ImagePlaces(holds_more=False, budget=Budget())
    places.link("/a", "b", 1)
    places.link("/b", "a", 1)
    assert places.at("/a").kind is PlaceKind.UNKNOWN
    places.make_folder("/a/inner", 2)
    assert places.at("/a/inner").kind is not PlaceKind.ABSENT


def test_an_image_that_copies_itself_again_and_again_is_given_up(repository: Path) -> None:
    doubled = "".join(f"RUN cp -r /app /app/d{number}x && cp -r /app /b{number}\n" for number in range(60))
    doubled += "".join(f"RUN mkdir -p /c{n} && mv /b{n} /c{n} && cp -r /c{n} /b{n + 1}/z\n" for n in range(60))
    made = image(repository, f"{ALL}{doubled}RUN rm /app/handler.py\n")
    assert made.at("/app/handler.py").kind in (PlaceKind.ABSENT, PlaceKind.UNKNOWN)
