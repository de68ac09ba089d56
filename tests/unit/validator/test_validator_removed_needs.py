"""A file that the program reads in any case and that the build takes away; and what only looks like one."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from janitor.inspection.python.file_reads import HERE, sure_reads
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.pipeline.static_run import validate_checkout
from janitor.validator.settings import Settings

SLIM = "FROM python:3.11-slim\nWORKDIR /app\nRUN pip install runpod==1.7.7\n"
ALL = f"{SLIM}COPY . .\n"
CMD = 'CMD ["python", "-u", "handler.py"]\n'
RM = "RUN rm -f labels.txt\n"
START = 'runpod.serverless.start({"handler": handler})\n'


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("open('a.txt')", ["a.txt"]),
        ("x = json.load(open('a.txt', 'r'))", ["a.txt"]),
        ("open('a.txt', mode='rb')", ["a.txt"]),
        ("with open('a.txt') as f:\n    y = open('b.txt')", ["a.txt", "b.txt"]),
        ("from pathlib import Path\nx = Path('d', 'a.txt').read_text()", ["d/a.txt"]),
        ("x = (Path(__file__).resolve().parent / 'a.txt').read_bytes()", [f"{HERE}/a.txt"]),
        ("import os\nx = open(os.path.join(os.path.dirname(__file__), 'a.txt'))", [f"{HERE}/a.txt"]),
        ("A = 'a.txt'\nopen(A)", ["a.txt"]),
        ("def load():\n    return open('a.txt').read()\nL = load()", ["a.txt"]),
        ("def handler(job):\n    return {'x': open('a.txt').read()}", ["a.txt"]),
        ("def handler(job):\n    x = job['input']\n    y = [open('a.txt'), x]\n    return y", ["a.txt"]),
        ("if __name__ == '__main__':\n    open('a.txt')", ["a.txt"]),
        ("if open('a.txt').read():\n    pass", ["a.txt"]),
        # not in any case
        ("open('a.txt', 'w')", []),
        ("open('a.txt', 'r+')", []),
        ("open('a.txt', MODE)", []),
        ("open(name)", []),
        ("A = 'a.txt'\nA = 'b.txt'\nopen(A)", []),
        ("try:\n    open('a.txt')\nexcept OSError:\n    pass", []),
        ("if x:\n    open('a.txt')", []),
        ("x = open('a.txt') if y else None", []),
        ("y and open('a.txt')", []),
        ("for x in y:\n    open('a.txt')", []),
        ("x = lambda: open('a.txt')", []),
        ("def other():\n    open('a.txt')", []),
        ("import contextlib\nwith contextlib.suppress(OSError):\n    open('a.txt')", []),
        ("def handler(job):\n    if job:\n        return 1\n    open('a.txt')", []),
        ("@safe\ndef handler(job):\n    open('a.txt')", []),
        ("def handler(job):\n    yield 1\n    open('a.txt')", []),
        ("import sys\nif not x:\n    sys.exit(1)\nopen('a.txt')", []),
        ("def open(x):\n    pass\nopen('a.txt')", []),
        ("image.open('a.txt')", []),
        ("[open(x) for x in ['a.txt']]", []),
    ],
)
def test_what_is_read_in_any_case(source: str, paths: list[str]) -> None:
    found = sure_reads(ast.parse(source), is_started=True, handlers=frozenset({"handler"}))
    assert [each.path for each in found] == paths


def failing(folder: Path, dockerfile: str, files: Mapping[str, str]) -> tuple[str, int | None] | None:
    """The required fail of the static checks: its code, and the first line that it names."""
    base = {"labels.txt": "a b\n", "test_input.json": '{"input": {}}\n', "Dockerfile": dockerfile}
    for name, text in {**base, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    found = validate_checkout(folder, settings=Settings.from_environment(), network=False)
    bad = found.with_status(CheckStatus.FAIL, required=True)
    return (str(bad[0].check.reason_code), bad[0].locations[0].line) if bad else None


def handler(body: str, before: str = "") -> str:
    return f"import runpod\n{before}\ndef handler(job):\n    {body}\n{START}"


READS = handler('return {"labels": open("labels.txt").read().split()}')
IMPORTS = handler("return helper.answer(job)", "import helper\n")
HELPER = {"helper.py": "def answer(job):\n    return {'x': 1}\n"}


@pytest.mark.parametrize(
    ("dockerfile", "files", "line"),
    [
        (f"{ALL}{RM}{CMD}", {"handler.py": READS}, 5),
        (f"{ALL}RUN mv labels.txt /srv2/\n{CMD}".replace("/srv2/", "/srv2.txt"), {"handler.py": READS}, 5),
        (f"{ALL}RUN rm -f *.txt\n{CMD}", {"handler.py": READS}, 5),
        (f'{ALL}{RM}WORKDIR /data\nCMD ["python", "/app/handler.py"]\n', {"handler.py": READS}, None),
        (f"{ALL}{RM}{CMD}", {"handler.py": handler("return L", 'L = open("/app/labels.txt").read()\n')}, 5),
        (
            f"{ALL}RUN rm -rf data\n{CMD}",
            {"handler.py": handler("return L", 'L = open("data/names.txt").read()\n'), "data/names.txt": "x\n"},
            5,
        ),
        (f"{ALL}RUN rm helper.py\n{CMD}", {"handler.py": IMPORTS, **HELPER}, 5),
        (
            f"{ALL}RUN rm -rf lib\n{CMD}",
            {"handler.py": handler("return h.x", "from lib import h\n"), "lib/__init__.py": "", "lib/h.py": "x = 1\n"},
            5,
        ),
        (
            f"{ALL}RUN rm labels.txt\n{CMD}",
            {"handler.py": IMPORTS, "helper.py": "L = open('labels.txt')\ndef answer(job):\n    return 1\n"},
            5,
        ),
    ],
)
def test_what_the_build_takes_away_is_missed(
    tmp_path: Path, dockerfile: str, files: Mapping[str, str], line: int | None
) -> None:
    found = failing(tmp_path, dockerfile, files)
    assert found == (None if line is None else ("file_removed", line))


@pytest.mark.parametrize(
    ("dockerfile", "files"),
    [
        (f"{ALL}{CMD}", {"handler.py": READS}),
        (f"{ALL}RUN rm -f README.md\n{CMD}", {"handler.py": READS}),
        (f"{ALL}RUN rm -f labels.txt\nCOPY labels.txt .\n{CMD}", {"handler.py": READS}),
        (f"{ALL}RUN cp labels.txt l.txt && rm labels.txt && mv l.txt labels.txt\n{CMD}", {"handler.py": READS}),
        (f"{ALL}RUN rm labels.txt && echo a b > labels.txt\n{CMD}", {"handler.py": READS}),
        (f"{ALL}RUN rm labels.txt && python make.py\n{CMD}", {"handler.py": READS}),
        (f"{ALL}RUN rm labels.txt && ln -s /data/labels.txt labels.txt\nVOLUME /data\n{CMD}", {"handler.py": READS}),
        (f"{ALL}RUN test -f x || rm labels.txt\n{CMD}", {"handler.py": READS}),
        (f"{ALL}RUN mv labels.txt /l.txt && ln -s /l.txt labels.txt\n{CMD}", {"handler.py": READS}),
        (f"{ALL}{RM}VOLUME /app\n{CMD}", {"handler.py": READS}),
        (
            f'{ALL}{RM}CMD ["bash", "start.sh"]\n',
            {"handler.py": READS, "start.sh": "cp /x labels.txt\npython handler.py\n"},
        ),
        (
            f"{ALL}{RM}{CMD}",
            {"handler.py": handler('open("labels.txt", "w").write("a")\n    return open("labels.txt").read()')},
        ),
        (
            f"{ALL}{RM}{CMD}",
            {"handler.py": handler('import os\n    os.chdir("/data")\n    return open("labels.txt").read()')},
        ),
        (
            f"{ALL}{RM}{CMD}",
            {
                "handler.py": handler(
                    "try:\n        return open('labels.txt').read()\n    except OSError:\n        return 1"
                )
            },
        ),
        (f"{ALL}RUN pip install . && rm helper.py\n{CMD}", {"handler.py": IMPORTS, **HELPER}),
        (f"{ALL}RUN python setup.py build_ext --inplace && rm helper.py\n{CMD}", {"handler.py": IMPORTS, **HELPER}),
        (f"{ALL}RUN mkdir lib && mv helper.py lib/\nENV PYTHONPATH=/app/lib\n{CMD}", {"handler.py": IMPORTS, **HELPER}),
        (f"{ALL}RUN rm requirements.txt\n{CMD}", {"handler.py": READS, "requirements.txt": "runpod==1.7.7\n"}),
        (
            f"{ALL}RUN mkdir /worker && mv /app/handler.py /app/labels.txt /worker/\nWORKDIR /worker\n{CMD}",
            {"handler.py": READS},
        ),
    ],
)
def test_what_is_there_all_the_same_is_missed_by_nobody(
    tmp_path: Path, dockerfile: str, files: Mapping[str, str]
) -> None:
    assert failing(tmp_path, dockerfile, files) is None
