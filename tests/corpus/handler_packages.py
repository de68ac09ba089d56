"""Packages that can't be installed: what the repository states wrongly, and what the world around it refuses."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import WEB, Answer, Case, errs, fails, passes
from tests.corpus.workers import DOCKERFILE, SDK, handler

C, R = CheckName, ReportStatus
_NOWHERE = "http://127.0.0.1:9"
_AT_ONCE = {"UV_HTTP_RETRIES": "0"}
_STAGES = """\
FROM python:3.11-slim AS a
RUN mkdir -p /made && echo idna==3.7 > /made/made.txt
FROM python:3.11-slim AS b
WORKDIR /b
COPY requirements.txt .
{}
FROM python:3.11-slim
COPY --from=b /install /usr/local
WORKDIR /app
COPY handler.py test_input.json ./
CMD ["python", "-u", "handler.py"]
"""
_IN_STAGE = "RUN pip install --prefix=/install -r requirements.txt"
_FILTERED = DOCKERFILE.replace("-r requirements.txt", "-r <(grep -v janitor requirements.txt)")
_SETUP = "from setuptools import setup\n\nsetup(name='mine', version='1', {})\n"


def _needs(*requirements: str) -> dict[str, str | None]:
    return {"requirements.txt": SDK + "".join(f"{line}\n" for line in requirements)}


def _runs(command: str) -> dict[str, str | None]:
    return {"Dockerfile": DOCKERFILE.replace("COPY handler.py", f"RUN {command}\nCOPY handler.py")}


def _own_package(setup: str) -> dict[str, str | None]:
    return {
        "Dockerfile": DOCKERFILE.replace("COPY handler.py", "COPY mine mine\nRUN pip install ./mine\nCOPY handler.py"),
        "mine/setup.py": setup,
    }


PACKAGES = (
    Case(
        name="package_that_does_not_exist",
        holds="a package that no index has",
        truth=R.FAILED,
        expected=(fails(C.BUILD, "dependency_not_found"),),
        files=_needs("no-such-package-of-janitor==1.0"),
    ),
    Case(
        name="installed_packages_contradict",
        holds="two versions of one package",
        truth=R.FAILED,
        expected=(fails(C.BUILD, "dependency_conflict"),),
        files=_runs("pip install idna==3.7 'idna<3.0'"),
    ),
    Case(
        name="package_with_another_hash",
        holds="a hash that no file of the package has",
        truth=R.FAILED,
        expected=(fails(C.BUILD, "dependency_hash"),),
        files={
            "Dockerfile": DOCKERFILE.replace(
                "COPY handler.py", "COPY more.txt .\nRUN pip install -r more.txt\nCOPY handler.py"
            ),
            "more.txt": f"idna==3.7 --hash=sha256:{1:064d}\n",
        },
    ),
    Case(
        name="requirements_file_missing",
        holds="a requirements file that nobody puts into the image",
        truth=R.FAILED,
        expected=(fails(C.BUILD, "requirements_missing"),),
        files=_runs("pip install -r /srv/nowhere.txt"),
    ),
    Case(
        name="requirements_file_comes_later",
        holds="FALSE GREEN: the requirements file is copied after the line that installs it",
        truth=R.FAILED,
        expected=(fails(C.BUILD, "requirements_missing"),),
        files={
            "Dockerfile": DOCKERFILE.replace("COPY requirements.txt .\n", "RUN apt-get install -y ffmpeg\n").replace(
                "CMD", "COPY requirements.txt .\nCMD"
            )
        },
    ),
    Case(
        name="included_requirements_come_later",
        holds="FALSE GREEN: a requirements file is there, and the one that it includes is copied later",
        truth=R.FAILED,
        expected=(fails(C.BUILD, "requirements_missing"),),
        files={
            "Dockerfile": DOCKERFILE.replace("CMD", "COPY base.txt .\nCMD"),
            "requirements.txt": "-r base.txt\n",
            "base.txt": SDK,
        },
    ),
    Case(
        name="project_is_installed_before_its_readme",
        holds="FALSE GREEN: a project is installed before a file that its setup.py reads is copied",
        truth=R.FAILED,
        expected=(fails(C.BUILD, "dependency_build"),),
        files={
            "Dockerfile": DOCKERFILE.replace(
                "COPY handler.py", "COPY mine/setup.py mine/\nRUN pip install ./mine\nCOPY mine mine\nCOPY handler.py"
            ),
            "mine/setup.py": _SETUP.format("long_description=open('README.md').read()"),
            "mine/README.md": "# Mine\n",
        },
    ),
    Case(
        name="project_is_linked_before_its_module",
        holds="FALSE BLAME: a project that is installed as a link gets its module by a later line",
        truth=R.SUCCESS,
        expected=(passes(C.BUILD), passes(C.HANDLER_LOCAL)),
        files={
            "Dockerfile": DOCKERFILE.replace(
                "COPY handler.py",
                "COPY mine/setup.py /mine/\nRUN mkdir -p /mine/src/mine && pip install -e /mine\n"
                "COPY mine /mine\nCOPY handler.py",
            ),
            "mine/setup.py": _SETUP.format("packages=['mine'], package_dir={'': 'src'}"),
            "mine/src/mine/__init__.py": "x = 1\n",
            "handler.py": handler("return {'x': mine.x}", before="import mine\n"),
        },
    ),
    Case(
        name="requirements_file_is_made",
        holds="FALSE BLAME: a requirements file that the build writes",
        truth=R.ERROR,
        expected=(errs(C.BUILD, "engine_limit"),),
        files=_runs("echo idna==3.7 > made.txt && pip install -r made.txt"),
    ),
    Case(
        name="installed_in_another_stage",
        holds="FALSE BLAME: a stage of its own installs, from a file that the image never has",
        truth=R.SUCCESS,
        expected=(passes(C.BUILD), passes(C.HANDLER_LOCAL)),
        files={"Dockerfile": _STAGES.format(_IN_STAGE)},
    ),
    Case(
        name="installed_in_a_stage_below_another",
        holds="FALSE BLAME: the stage that installs is the one that the copied stage builds on",
        truth=R.SUCCESS,
        expected=(passes(C.BUILD), passes(C.HANDLER_LOCAL)),
        files={"Dockerfile": _STAGES.format(f"{_IN_STAGE}\nFROM b AS c\nRUN mkdir /c").replace("--from=b", "--from=c")},
    ),
    Case(
        name="installed_from_a_mount",
        holds="FALSE BLAME: a requirements file that only the command sees",
        truth=R.SUCCESS,
        expected=(passes(C.BUILD), passes(C.HANDLER_LOCAL)),
        files={
            "Dockerfile": DOCKERFILE.replace("COPY requirements.txt .\n", "").replace(
                "RUN pip", "RUN --mount=type=bind,source=requirements.txt,target=requirements.txt pip"
            )
        },
    ),
    Case(
        name="installed_from_the_mounted_context",
        holds="FALSE BLAME: the same of the whole context, in a stage of its own",
        truth=R.SUCCESS,
        expected=(passes(C.BUILD), passes(C.HANDLER_LOCAL)),
        files={
            "Dockerfile": _STAGES.format(_IN_STAGE.replace("RUN", "RUN --mount=target=/src").replace("-r ", "-r /src/"))
        },
    ),
    Case(
        name="stage_lacks_its_requirements",
        holds="a stage's own requirements file that nobody puts there",
        truth=R.FAILED,
        expected=(fails(C.BUILD, "requirements_missing"),),
        files={"Dockerfile": _STAGES.format("RUN pip install --prefix=/install -r missing.txt")},
    ),
    Case(
        name="stage_copies_what_another_made",
        holds="FALSE BLAME: a requirements file that an earlier stage made",
        truth=R.ERROR,
        expected=(errs(C.BUILD, "engine_limit"),),
        files={"Dockerfile": _STAGES.format(f"COPY --from=a /made /b\n{_IN_STAGE} -r made.txt")},
    ),
    Case(
        name="stage_mounts_what_another_has",
        holds="FALSE BLAME: a requirements file that a mount brings from another stage",
        truth=R.ERROR,
        expected=(errs(C.BUILD, "engine_limit"),),
        files={
            "Dockerfile": _STAGES.replace("echo idna==3.7 >", "touch").format(
                "RUN --mount=from=a,source=/made,target=/else pip install --prefix=/install -r /else/other.txt"
            )
        },
    ),
    Case(
        name="requirements_are_filtered",
        holds="FALSE BLAME: the shell leaves a line of the requirements file out",
        truth=R.ERROR,
        expected=(errs(C.BUILD, "engine_limit"),),
        files={"Dockerfile": _FILTERED, **_needs("no-such-package-of-janitor==1.0")},
    ),
    Case(
        name="filter_leaves_nothing_out",
        holds="FALSE BLAME: the same where the whole file can be installed",
        truth=R.SUCCESS,
        expected=(passes(C.BUILD), passes(C.HANDLER_LOCAL)),
        files={"Dockerfile": _FILTERED},
    ),
    Case(
        name="package_does_not_build",
        holds="a package of the repository's own whose build fails",
        truth=R.FAILED,
        expected=(fails(C.BUILD, "dependency_build"),),
        files=_own_package("raise RuntimeError('no')\n"),
    ),
    Case(
        name="package_for_another_python",
        holds="a package that refuses the image's Python",
        truth=R.FAILED,
        expected=(fails(C.BUILD, "dependency_python"),),
        files=_own_package(_SETUP.format("python_requires='>=3.99'")),
    ),
    Case(
        name="install_that_may_fail",
        holds="FALSE BLAME: an installation that the build does without",
        truth=R.SUCCESS,
        expected=(passes(C.HANDLER_LOCAL), passes(C.BUILD)),
        files=_runs("pip install no-such-package-of-janitor || true"),
    ),
    Case(
        name="index_of_the_image_is_down",
        holds="FALSE PASS: an index that ENV names, from which nothing comes",
        truth=R.ERROR,
        expected=(errs(C.BUILD, "network"),),
        files={"Dockerfile": DOCKERFILE.replace("RUN pip", f"ENV PIP_INDEX_URL={_NOWHERE}/simple\nRUN pip")},
        environment=_AT_ONCE,
    ),
    Case(
        name="index_takes_no_more_requests",
        holds="FALSE BLAME: 429 of an index",
        truth=R.ERROR,
        expected=(errs(C.BUILD, "rate_limited"),),
        files=_runs(f"pip install -i http://{WEB}/simple thing"),
        web={"/simple/thing/": Answer(status=429)},
        environment=_AT_ONCE,
    ),
    Case(
        name="index_is_broken",
        holds="FALSE BLAME: 503 of an index",
        truth=R.ERROR,
        expected=(errs(C.BUILD, "server_trouble"),),
        files=_runs(f"pip install -i http://{WEB}/simple thing"),
        web={"/simple/thing/": Answer(status=503)},
        environment=_AT_ONCE,
    ),
    Case(
        name="index_wants_a_password",
        holds="FALSE BLAME: 401 of an index",
        truth=R.ERROR,
        expected=(errs(C.BUILD, "registry_denied"),),
        files=_runs(f"pip install -i http://{WEB}/simple thing"),
        web={"/simple/thing/": Answer(status=401)},
        environment=_AT_ONCE,
    ),
    Case(
        name="source_is_unreachable",
        holds="FALSE BLAME: a git host that doesn't answer",
        truth=R.ERROR,
        expected=(errs(C.BUILD, "network"),),
        files=_runs(f"pip install git+{_NOWHERE}/a/b.git"),
    ),
)
