"""Packages that can't be installed: what the repository states wrongly, and what the world around it refuses."""

from __future__ import annotations

from janitor.protocol.statuses import CheckName, ReportStatus
from tests.corpus.case import WEB, Answer, Case, errs, fails, passes
from tests.corpus.workers import DOCKERFILE, SDK

C, R = CheckName, ReportStatus
_NOWHERE = "http://127.0.0.1:9"
_AT_ONCE = {"UV_HTTP_RETRIES": "0"}
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
        name="requirements_file_is_made",
        holds="FALSE BLAME: a requirements file that the build writes",
        truth=R.ERROR,
        expected=(errs(C.BUILD, "engine_limit"),),
        files=_runs("echo idna==3.7 > made.txt && pip install -r made.txt"),
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
