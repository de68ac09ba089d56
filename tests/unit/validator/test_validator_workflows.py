"""Which files a repository's workflows name, without a YAML reader."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from janitor.inspection.repository.workflows import all_references, missing, references

WORKFLOW = PurePosixPath(".github/workflows/ci.yml")


def gone(tree, text: str, *files: str) -> list[tuple[int, str]]:
    found = tree({str(WORKFLOW): text, **dict.fromkeys(files, "x")})
    return [(each.line, each.path) for each in references(found, WORKFLOW) if missing(found, each)]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("- run: python tests/smoke.py", "tests/smoke.py"),
        ("- run: pip install -r requirements-dev.txt", "requirements-dev.txt"),
        ("- run: ./scripts/build.sh --fast", "scripts/build.sh"),
        ("- run: bash ./scripts/build.sh", "scripts/build.sh"),
        ("- run: MODE=ci sudo python3 run.py", "run.py"),
        ("- run: docker build -f Dockerfile.gpu .", "Dockerfile.gpu"),
        ("- run: cd builder && python setup.py", "builder/setup.py"),
        ("- uses: ./.github/actions/setup", ".github/actions/setup"),
        ("- uses: ./.github/workflows/other.yml", ".github/workflows/other.yml"),
        ("- with:\n    file: ./Dockerfile.gpu", "Dockerfile.gpu"),
        ("- with:\n    context: ./docker", "docker"),
        ("- run: |\n    echo start\n    python tools/check.py \\\n      --all", "tools/check.py"),
        ("- working-directory: builder\n  run: python setup.py", "builder/setup.py"),
        ("- run: sed -i 's/sdk==.*/sdk==2/' ./builder/requirements.txt", "builder/requirements.txt"),
        ('- run: sed -Ei "s|^sdk.*|sdk~=$new|" pins.txt', "pins.txt"),
    ],
)
def test_deleted_file_is_found(tree, step, expected):
    assert [path for _, path in gone(tree, f"steps:\n{step}\n", "builder/x")] == [expected]


@pytest.mark.parametrize(
    "step",
    [
        "- run: python here.py",
        "- run: sed -i 's/a/b/' here.py",
        "- run: sed 's/a.txt/b.txt/' $FILE",
        "- run: sed -i -e s/a/b/ -e s/c/gone.txt/ here.py",
        "- run: wget -q -O got.py https://example.org/got.py && sed -i 's@/a@/b@' got.py",
        "- run: python -m pytest tests",
        "- run: python -c 'import x'",
        "- run: python $SCRIPT",
        "- run: python ${{ matrix.file }}.py",
        "- run: python /opt/x.py",
        "- run: python ../x.py",
        "- run: pip install -r https://example.org/requirements.txt",
        "- run: echo 'print(1)' > made.py && python made.py",
        "- run: curl -sSf https://example.org/i.sh -o i.sh && bash i.sh",
        "- run: cp here.py copy.py\n- run: python copy.py",
        "- run: git clone https://example.org/x && python x/run.py",
        "- uses: actions/checkout@v4\n  with:\n    repository: other/repository\n- run: python theirs.py",
        "- uses: actions/setup-python@v5",
        "- uses: docker://alpine:3",
        "# - run: python gone.py",
        "- run: |\n    cat <<EOF\n    python gone.py\n    EOF",
        "- run: cd $HOME && python x.py",
        "- run: pytest -f gone.txt",
        "- with:\n    context: .",
        "- name: run python gone.py",
    ],
)
def test_what_is_there_or_can_not_be_told_is_left_alone(tree, step):
    assert gone(tree, f"steps:\n{step}\n", "here.py", "tests/x.py") == []


def test_lines_are_those_of_the_file(tree):
    steps = "      - run: |\n          echo x\n          python gone.py\n      - run: python b.py\n"
    text = f"on: push\njobs:\n  a:\n    steps:\n{steps}"
    assert gone(tree, text) == [(7, "gone.py"), (8, "b.py")]


def test_job_wide_folder_is_not_guessed(tree):
    text = "defaults:\n  run:\n    working-directory: builder\njobs:\n  a:\n    steps:\n      - run: python setup.py\n"
    assert gone(tree, text, "builder/x") == []


def test_unreadable_workflow_is_named(tree):
    found = tree({str(WORKFLOW): "x"})
    (found.root / WORKFLOW).write_bytes(b"\xff\xfe\x00")
    assert all_references(found)[1] == [".github/workflows/ci.yml is not UTF-8: invalid start byte at byte 0"]


def test_endless_lines_cost_little(tree):
    assert gone(tree, "- run: " + "cp " * 600_000 + "\n- run: python gone.py\n") == [(2, "gone.py")]
