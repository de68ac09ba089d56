"""Workflows as people write them: what they name, make, guard and fetch."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Kind, notes, passes

C, R = CheckName, ReportStatus
_HEAD = "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n"


def whole(name: str, holds: str, steps: str, /, head: str = _HEAD, **files: str | None) -> Case:
    """A workflow that names only what is there."""
    files = {".github/workflows/ci.yml": head + steps, **files}
    return Case(
        name=f"ci_{name}", holds=holds, truth=R.SUCCESS, expected=(passes(C.CI_REFS),), files=files, kind=Kind.STATIC
    )


def stale(name: str, holds: str, steps: str, /, head: str = _HEAD, **files: str | None) -> Case:
    """A workflow that names what isn't there."""
    files = {".github/workflows/ci.yml": head + steps, **files}
    return Case(
        name=f"ci_{name}",
        holds=holds,
        truth=R.SUCCESS,
        expected=(notes(C.CI_REFS, "missing_file"),),
        files=files,
        kind=Kind.STATIC,
    )


FLOWS = (
    whole(
        "guarded_by_the_shell",
        "a file that is looked for first",
        "      - run: |\n          if [ -f requirements-dev.txt ]; then\n"
        "            pip install -r requirements-dev.txt\n          fi\n"
        "          test -e setup.py && python setup.py install\n",
    ),
    whole(
        "guarded_by_an_expression",
        "a step that is run only if its file is there",
        "      - name: extra\n        if: hashFiles('requirements-gpu.txt') != ''\n"
        "        run: pip install -r requirements-gpu.txt\n",
    ),
    whole(
        "made_by_a_tool",
        "a file that an earlier command writes",
        "      - run: uv export --no-hashes -o locked.txt && pip install -r locked.txt\n"
        "      - run: pip-compile --output-file=all.txt pyproject.toml\n"
        "      - run: pip install -r all.txt\n",
    ),
    whole(
        "matrix",
        "names out of a matrix",
        "      - uses: docker/build-push-action@v6\n        with:\n"
        "          context: ${{ matrix.context }}\n"
        "          file: ${{ matrix.dockerfile }}\n"
        "      - run: python tests/${{ matrix.case }}.py\n",
    ),
    whole(
        "reusable",
        "a workflow of another repository and one of this",
        "",
        head="on: push\njobs:\n  a:\n    uses: org/repo/.github/workflows/x.yml@main\n  b:\n"
        "    uses: ./.github/workflows/own.yml\n    secrets: inherit\n",
        **{".github/workflows/own.yml": "on: workflow_call\njobs: {}\n"},
    ),
    stale(
        "reusable_deleted",
        "a deleted workflow of this repository",
        "",
        head="on: push\njobs:\n  b:\n    uses: ./.github/workflows/gone.yml\n",
    ),
    whole(
        "folder_of_all_jobs",
        "defaults for all steps",
        "      - run: python run.py\n",
        head=_HEAD.replace("    steps:", "    defaults:\n      run:\n        working-directory: src\n    steps:"),
        **{"src/run.py": "x = 1\n"},
    ),
    whole(
        "folder_of_a_step",
        "a folder for one step",
        "      - run: python run.py\n        working-directory: src\n",
        **{"src/run.py": "x = 1\n"},
    ),
    stale(
        "cache_beside",
        "a cache's path is no other source",
        "      - uses: actions/cache@v4\n        with:\n          path: ~/.cache/pip\n"
        "          key: pip\n      - run: python gone.py\n",
    ),
    stale(
        "artifact_beside",
        "an artifact's path is no other source",
        "      - run: python gone.py\n      - uses: actions/upload-artifact@v4\n"
        "        with:\n          name: logs\n          path: logs/\n",
    ),
    whole(
        "checkout_elsewhere",
        "a checkout into a folder",
        "      - uses: actions/checkout@v4\n        with:\n          path: other\n      - run: python other/run.py\n",
    ),
    whole(
        "comments_and_text",
        "names in comments, names and text",
        "      # - run: python gone.py\n      - name: python gone.py\n"
        "        run: echo 'python gone.py'  # python gone.py\n",
    ),
    whole(
        "script_of_another_language",
        "text for another language",
        "      - uses: actions/github-script@v7\n        with:\n          script: |\n"
        "            const x = require('./gone.js')\n            python gone.py\n",
    ),
    stale(
        "folded",
        "a folded block is one command",
        "      - run: >-\n          python\n          gone.py\n          --all\n",
    ),
    stale("deleted_dockerfile", "a deleted Dockerfile", "      - run: docker build -t x -f docker/Dockerfile.gpu .\n"),
    whole(
        "context_outside",
        "an address as a context",
        "      - uses: docker/build-push-action@v6\n        with:\n"
        "          context: https://github.com/org/repo.git#main\n",
    ),
)
