"""The cases, each with the truth."""

from __future__ import annotations

from tests.corpus.culprits.case import DOCKERFILE, CulpritCase
from tests.corpus.culprits.real import REAL
from tests.support.package_index import Wheel


def good(name: str, version: str, *requires: str, module: str | None = None) -> Wheel:
    """A release that has `work`."""
    return Wheel(
        name=name,
        version=version,
        modules={f"{module or name.replace('-', '_')}.py": f"VERSION = {version!r}\ndef work():\n    return 1\n"},
        requires=requires,
    )


def broken(name: str, version: str, *requires: str, module: str | None = None) -> Wheel:
    """A release that has it no more."""
    source = f"VERSION = {version!r}\ndef labour():\n    return 1\n"
    return Wheel(
        name=name, version=version, modules={f"{module or name.replace('-', '_')}.py": source}, requires=requires
    )


def calls(name: str, version: str, other: str, *requires: str) -> Wheel:
    """A release whose `work` is another package's."""
    source = f"from {other} import work as theirs\ndef work():\n    return theirs()\n"
    return Wheel(
        name=name, version=version, modules={f"{name.replace('-', '_')}.py": source}, requires=(other, *requires)
    )


def app(*modules: str) -> str:
    """A program that needs these to work."""
    imports = "".join(f"import {module}\n" for module in modules)
    return imports + "".join(f"assert {module}.work() == 1\n" for module in modules)


def one(*names: str) -> tuple[frozenset[str], ...]:
    """The one true answer."""
    return (frozenset(names),)


_NOISE = tuple(f"noise-{number:02d}" for number in range(50))
_ALL_NOISE = "".join(f"{name}\n" for name in _NOISE)
_THEN_NOISE = tuple(good(name, "1.0") for name in _NOISE)
_NOW_NOISE = tuple(good(name, "1.1") for name in _NOISE)

DIRECT = (
    CulpritCase(
        name="one_package",
        holds="the only package, asked for without a version, lost what the worker calls",
        app=app("alpha"),
        requirements="alpha\n",
        then=(good("alpha", "1.0"),),
        now=(broken("alpha", "2.0"),),
        culprits=one("alpha"),
        most=4,
    ),
    CulpritCase(
        name="one_of_five",
        holds="five were released, one broke",
        app=app("alpha", "beta", "gamma", "delta", "epsilon"),
        requirements="alpha\nbeta\ngamma\ndelta\nepsilon\n",
        then=tuple(good(name, "1.0") for name in ("alpha", "beta", "gamma", "delta", "epsilon")),
        now=(
            *(good(name, "1.1") for name in ("alpha", "beta", "gamma", "epsilon")),
            broken("delta", "1.1"),
        ),
        culprits=one("delta"),
    ),
    CulpritCase(
        name="named_otherwise_than_its_module",
        holds="a package whose module has another name, which no word of the failure leads to",
        app=app("lattice", "beta", "gamma"),
        requirements="py-graphs>=1,<3\nbeta\ngamma\n",
        then=(good("py-graphs", "1.0", module="lattice"), good("beta", "1.0"), good("gamma", "1.0")),
        now=(broken("py-graphs", "2.0", module="lattice"), good("beta", "1.1"), good("gamma", "1.1")),
        culprits=one("py-graphs"),
    ),
    CulpritCase(
        name="blamed_by_the_failure_alone",
        holds="the failure names a package that was released and isn't it",
        app='import alpha\ntry:\n    alpha.work()\nexcept AttributeError:\n    raise RuntimeError("beta is broken")\n',
        requirements="alpha\nbeta\n",
        then=(good("alpha", "1.0"), good("beta", "1.0")),
        now=(broken("alpha", "1.1"), good("beta", "1.1")),
        culprits=one("alpha"),
    ),
    CulpritCase(
        name="broke_at_a_date",
        holds="several releases since, of which a middle one broke it",
        app=app("alpha", "beta"),
        requirements="alpha\nbeta\n",
        then=(good("alpha", "1.0"), good("beta", "1.0")),
        now=(good("alpha", "1.1"), broken("alpha", "1.2"), broken("alpha", "1.3"), good("beta", "1.4")),
        culprits=one("alpha"),
    ),
    CulpritCase(
        name="held_back_by_another",
        holds="a release of one package makes the installer take an older one of another, which lacks a thing",
        app=app("alpha") + "import beta\n",
        requirements="beta\nalpha\n",
        then=(broken("alpha", "1.0"), good("alpha", "2.0"), good("beta", "1.0")),
        now=(good("beta", "2.0", "alpha<2"),),
        culprits=one("alpha"),
    ),
    CulpritCase(
        name="fifty_harmless_updates",
        holds="fifty others were released on the same day, and no word leads to the one",
        app=app("lattice"),
        requirements=f"py-graphs\n{_ALL_NOISE}",
        then=(good("py-graphs", "1.0", module="lattice"), *_THEN_NOISE),
        now=(broken("py-graphs", "2.0", module="lattice"), *_NOW_NOISE),
        culprits=one("py-graphs"),
        most=20,
    ),
)

BENEATH = (
    CulpritCase(
        name="another_old_release_is_gone",
        holds="of what isn't to blame, an old release is in no index any more, so that not all can be put back",
        app=app("alpha", "delta"),
        requirements="alpha\nbeta\ngamma\ndelta\n",
        then=tuple(good(name, "1.0") for name in ("alpha", "beta", "gamma", "delta")),
        now=(good("alpha", "1.1"), good("beta", "1.1"), good("gamma", "1.1"), broken("delta", "1.1")),
        gone=("beta-1.0-py3-none-any.whl",),
        culprits=one("delta"),
    ),
    CulpritCase(
        name="transitive",
        holds="what broke is what a package of the repository asks for",
        app=app("alpha"),
        requirements="alpha\n",
        then=(calls("alpha", "1.0", "core"), good("core", "1.0")),
        now=(broken("core", "2.0"),),
        culprits=one("core"),
    ),
    CulpritCase(
        name="transitive_behind_an_update",
        holds="the package above was released as well, and its old one asks for the old one beneath",
        app=app("alpha"),
        requirements="alpha\n",
        then=(calls("alpha", "1.0", "core", "core<2"), good("core", "1.0")),
        now=(calls("alpha", "1.1", "core"), broken("core", "2.0")),
        culprits=one("core"),
    ),
    CulpritCase(
        name="transitive_among_fifty",
        holds="what broke is three packages down, among fifty updates",
        app=app("alpha"),
        requirements=f"alpha\n{_ALL_NOISE}",
        then=(calls("alpha", "1.0", "middle"), calls("middle", "1.0", "core"), good("core", "1.0"), *_THEN_NOISE),
        now=(calls("alpha", "1.1", "middle"), calls("middle", "1.1", "core"), broken("core", "1.1"), *_NOW_NOISE),
        culprits=one("core"),
        most=20,
    ),
    CulpritCase(
        name="no_longer_brought_along",
        holds="a package no longer asks for another, which the worker uses without asking for it",
        app=app("alpha", "helper"),
        requirements="alpha\n",
        then=(good("alpha", "1.0", "helper"), good("helper", "1.0")),
        now=(good("alpha", "1.1"),),
        culprits=one("helper"),
    ),
    CulpritCase(
        name="brought_along",
        holds="a package asks for a new one, which puts its module in the place of another's",
        app="import zebra\nassert zebra.VERSION == '1.0'\n",
        requirements="alpha\nzebra==1.0\n",
        then=(good("alpha", "1.0"), good("zebra", "1.0")),
        now=(
            good("alpha", "1.1", "intruder"),
            Wheel(
                name="intruder",
                version="1.0",
                modules={"intruder.pth": "import sys; sys.modules['zebra'] = type(sys)('zebra')\n"},
            ),
        ),
        culprits=one("intruder"),
    ),
)

SEVERAL = (
    CulpritCase(
        name="two_broke",
        holds="two releases broke it, each by itself",
        app=app("alpha", "beta", "gamma"),
        requirements="alpha\nbeta\ngamma\n",
        then=tuple(good(name, "1.0") for name in ("alpha", "beta", "gamma")),
        now=(broken("alpha", "1.1"), broken("beta", "1.1"), good("gamma", "1.1")),
        culprits=one("alpha", "beta"),
    ),
    CulpritCase(
        name="two_among_fifty",
        holds="two broke it, among fifty updates",
        app=app("alpha", "lattice"),
        requirements=f"alpha\npy-graphs\n{_ALL_NOISE}",
        then=(good("alpha", "1.0"), good("py-graphs", "1.0", module="lattice"), *_THEN_NOISE),
        now=(broken("alpha", "1.1"), broken("py-graphs", "1.1", module="lattice"), *_NOW_NOISE),
        culprits=one("alpha", "py-graphs"),
    ),
    CulpritCase(
        name="two_that_do_not_go_together",
        holds="each of two releases works with the old one of the other: either is a true answer",
        app="import alpha, beta\nassert not (alpha.VERSION == beta.VERSION == '2.0'), 'at odds'\n",
        requirements="alpha\nbeta\n",
        then=(good("alpha", "1.0"), good("beta", "1.0")),
        now=(good("alpha", "2.0"), good("beta", "2.0")),
        culprits=(frozenset({"alpha"}), frozenset({"beta"})),
    ),
    CulpritCase(
        name="two_that_go_together_alone",
        holds="two packages of one project, whose old and new halves refuse each other",
        app="import alpha, beta\nassert alpha.VERSION == beta.VERSION, 'halves'\nassert alpha.work() == 1\n",
        requirements="alpha\nbeta\n",
        then=(good("alpha", "1.0"), good("beta", "1.0")),
        now=(broken("alpha", "2.0"), good("beta", "2.0")),
        culprits=one("alpha", "beta"),
    ),
)

WRITTEN = (
    CulpritCase(
        name="installed_in_a_chain",
        holds="an installation within a chain of commands over several lines",
        app=app("alpha", "beta"),
        requirements="alpha\nbeta\n",
        dockerfile=DOCKERFILE.replace(
            "RUN pip install --no-cache-dir -r requirements.txt",
            "RUN apt-get update && \\\n    # packages\n    python -m pip install \\\n"
            "        -r requirements.txt && \\\n    rm -rf /var/lib/apt/lists",
        ),
        then=(good("alpha", "1.0"), good("beta", "1.0")),
        now=(good("alpha", "1.1"), broken("beta", "1.1")),
        culprits=one("beta"),
    ),
    CulpritCase(
        name="installed_by_uv",
        holds="uv installs, into the system",
        app=app("alpha", "beta"),
        requirements="alpha\n",
        dockerfile=DOCKERFILE.replace(
            "RUN pip install --no-cache-dir", "RUN pip install uv || true\nRUN uv pip install --system beta"
        ),
        then=(good("alpha", "1.0"), good("beta", "1.0")),
        now=(good("alpha", "1.1"), broken("beta", "1.1")),
        culprits=one("beta"),
    ),
    CulpritCase(
        name="installed_into_an_environment",
        holds="an environment that is entered in the same command",
        app=app("alpha", "beta"),
        requirements="alpha\nbeta\n",
        dockerfile=DOCKERFILE.replace(
            "RUN pip install", "RUN python -m venv /opt/venv && . /opt/venv/bin/activate && pip install"
        ),
        then=(good("alpha", "1.0"), good("beta", "1.0")),
        now=(good("alpha", "1.1"), broken("beta", "1.1")),
        culprits=one("beta"),
    ),
    CulpritCase(
        name="installed_in_another_stage",
        holds="a stage whose environment the image copies",
        app=app("alpha", "beta"),
        requirements="alpha\nbeta\n",
        dockerfile="FROM python:3.11-slim AS made\nCOPY requirements.txt /r.txt\nRUN python -m venv /opt/venv\n"
        "RUN /opt/venv/bin/pip install -r /r.txt\nFROM python:3.11-slim\nCOPY --from=made /opt/venv /opt/venv\n"
        'WORKDIR /app\nCOPY app.py ./\nCMD ["/opt/venv/bin/python", "app.py"]\n',
        then=(good("alpha", "1.0"), good("beta", "1.0")),
        now=(good("alpha", "1.1"), broken("beta", "1.1")),
        culprits=one("beta"),
    ),
    CulpritCase(
        name="an_index_of_the_requirements",
        holds="the requirements file alone says where packages are",
        app=app("alpha", "beta"),
        requirements="--find-links {index}\nalpha\nbeta\n",
        then=(good("alpha", "1.0"), good("beta", "1.0")),
        now=(good("alpha", "1.1"), broken("beta", "1.1")),
        culprits=one("beta"),
    ),
    CulpritCase(
        name="a_release_that_can_not_be_built",
        holds="the installation itself fails: a release has sources alone, and their build fails",
        app=app("alpha", "beta"),
        requirements="alpha\nbeta\n",
        then=(good("alpha", "1.0"), good("beta", "1.0")),
        now=(good("alpha", "1.1"), Wheel(name="beta", version="1.1", is_buildable=False)),
        culprits=one("beta"),
    ),
    CulpritCase(
        name="a_transitive_release_that_can_not_be_built",
        holds="the same of what a package asks for, where the context leaves all else out",
        app=app("alpha"),
        requirements="alpha\n",
        files={".dockerignore": "*\n!app.py\n!requirements.txt\n"},
        then=(calls("alpha", "1.0", "core"), good("core", "1.0")),
        now=(calls("alpha", "1.1", "core"), Wheel(name="core", version="1.1", is_buildable=False)),
        culprits=one("core"),
    ),
    CulpritCase(
        name="another_python",
        holds="a tag without a minor version means another Python than it did",
        app="import sys\nimport alpha\nassert sys.version_info < (3, 12), sys.version\n",
        requirements="alpha\n",
        # What the tag stands for is told by a comment that the reading of versions knows: `python3.12`.
        dockerfile=DOCKERFILE.replace("python:3.11-slim", "python:3-slim").replace(
            'CMD ["python", "-u", "app.py"]', 'RUN ln -sf python3.12 /usr/local/bin/python\nCMD ["python", "app.py"]'
        ),
        dockerfile_before=DOCKERFILE,
        then=(good("alpha", "1.0"),),
        now=(good("alpha", "1.1"),),
        culprits=one("python"),
        needs_python=("3.11", "3.12"),
    ),
)

_COUNTED = """\
import pathlib
count = pathlib.Path("{world}/count")
number = int(count.read_text()) + 1
count.write_text(str(number))
assert number in (%s), "it comes and goes"
"""

UNTOLD = (
    CulpritCase(
        name="flaky",
        holds="FALSE NAME: it fails now and then, whatever is installed",
        app=_COUNTED % "1, 4, 6",
        requirements="alpha\n",
        then=(good("alpha", "1.0"),),
        now=(good("alpha", "1.1"),),
        then_files={"count": "0"},
        says="flaky",
    ),
    CulpritCase(
        name="flaky_and_green_again",
        holds="FALSE NAME: it failed once",
        app=_COUNTED % "1, 3, 4, 5",
        requirements="alpha\n",
        then=(good("alpha", "1.0"),),
        now=(good("alpha", "1.1"),),
        then_files={"count": "0"},
        says="green as it is now",
    ),
    CulpritCase(
        name="red_with_the_old_world",
        holds="FALSE NAME: something broke that is no package, on a day on which packages were released",
        app=app("alpha") + 'assert open("{world}/service").read() == "up", "the service is down"\n',
        requirements="alpha\n",
        then=(good("alpha", "1.0"),),
        now=(good("alpha", "1.1"),),
        then_files={"service": "up"},
        now_files={"service": "down"},
        says="red with the old world, too",
    ),
    CulpritCase(
        name="a_package_and_something_else",
        holds="FALSE NAME: a release broke it, and something else did as well",
        app='assert open("{world}/service").read() == "up", "the service is down"\n' + app("alpha"),
        requirements="alpha\n",
        then=(good("alpha", "1.0"),),
        now=(broken("alpha", "1.1"),),
        then_files={"service": "up"},
        now_files={"service": "down"},
        says="red with the old world, too",
    ),
    CulpritCase(
        name="nothing_changed",
        holds="the same packages, then and now",
        app='assert open("{world}/service").read() == "up", "the service is down"\n',
        requirements="alpha\n",
        then=(good("alpha", "1.0"),),
        then_files={"service": "up"},
        now_files={"service": "down"},
        says="nothing that could be put back is known to have changed",
    ),
    CulpritCase(
        name="another_commit",
        holds="the commit changed as well",
        app=app("alpha"),
        requirements="alpha\n",
        then=(good("alpha", "1.0"),),
        now=(broken("alpha", "1.1"),),
        commit_changed=True,
        says="the commit changed: green at bbbbbbbbbbbb, red at aaaaaaaaaaaa",
    ),
    CulpritCase(
        name="the_old_release_is_gone",
        holds="what would have to be put back is in no index any more",
        app=app("alpha"),
        requirements="alpha\n",
        then=(good("alpha", "1.0"),),
        now=(broken("alpha", "1.1"),),
        gone=("alpha-1.0-py3-none-any.whl",),
        says="with all put back it fails otherwise",
    ),
    CulpritCase(
        name="all_old_releases_are_gone",
        holds="none of several old releases is in an index any more",
        app=app("alpha", "beta", "gamma"),
        requirements="alpha\nbeta\ngamma\n",
        then=(good("alpha", "1.0"), good("beta", "1.0"), good("gamma", "1.0")),
        now=(broken("alpha", "1.1"), good("beta", "1.1"), good("gamma", "1.1")),
        gone=tuple(f"{name}-1.0-py3-none-any.whl" for name in ("alpha", "beta", "gamma")),
        says="with all put back it fails otherwise",
    ),
    CulpritCase(
        name="installed_into_a_folder",
        holds="packages lie in a folder of their own, where they can't be replaced",
        app=app("alpha"),
        requirements="alpha\n",
        dockerfile=DOCKERFILE.replace("pip install", "pip install --target=/deps"),
        then=(good("alpha", "1.0"),),
        now=(broken("alpha", "1.1"),),
        says="into a folder of its own",
    ),
)

CASES = (*DIRECT, *BENEATH, *SEVERAL, *WRITTEN, *UNTOLD, *REAL)
SMOKE = ("transitive_behind_an_update", "two_broke", "red_with_the_old_world")
"""Judged by each run of the tests."""
