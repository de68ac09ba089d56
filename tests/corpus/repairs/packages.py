"""Packages that can't be had, that moved under the worker, or that nothing installs any more."""

from __future__ import annotations

from collections.abc import Mapping

from tests.corpus.repairs.case import SDK_LINE, WITHOUT_WORDS, RepairCase, Truth, about, library, uses
from tests.corpus.workers import DOCKERFILE
from tests.support.package_index import Wheel

_ALPHA = tuple(library("alpha", version) for version in ("1.0", "1.4", "2.0"))
NO_SUCH, CONFLICT = ("deps_resolve", "dependency_not_found"), ("deps_resolve", "dependency_conflict")
RAISED, NOT_STARTED = ("handler_local", "handler_raised"), ("handler_local", "start_failed")


def _pins(
    name: str,
    holds: str,
    requirements: str,
    now: tuple[Wheel, ...],
    signature: tuple[str, str],
    *modules: str,
    truth: Truth = Truth.RECIPE,
) -> RepairCase:
    return RepairCase(
        name=f"pins_{name}",
        holds=holds,
        truth=truth,
        recipe="relax" if truth is Truth.RECIPE else None,
        signature=signature,
        files={"requirements.txt": SDK_LINE + requirements, "handler.py": uses(*modules)},
        now=now,
    )


_OLD_GAMMA = Wheel(
    name="beta", version="1.0", modules={"beta.py": "import gamma\nwords = gamma.words\n"}, requires=("gamma<2",)
)
_NEW_GAMMA = Wheel(
    name="beta", version="1.1", modules={"beta.py": "import gamma\nwords = gamma.words\n"}, requires=("gamma",)
)
_GAMMAS = (library("gamma", "1.0"), library("gamma", "2.0"), library("gamma", "2.1"))
PINS = (
    _pins("never_there", "a version that never came", "alpha==9.0\n", _ALPHA, NO_SUCH, "alpha"),
    _pins("taken_away", "a patch that was taken away", "alpha==1.3\n", _ALPHA, NO_SUCH, "alpha"),
    _pins("bound_above_all", "a lower bound above all versions", "alpha>=3\n", _ALPHA, CONFLICT, "alpha"),
    _pins(
        "conflict_direct",
        "two pins exclude each other",
        "beta==1.0\ngamma==2.1\n",
        (_OLD_GAMMA, _NEW_GAMMA, *_GAMMAS),
        CONFLICT,
        "beta",
        "gamma",
    ),
    _pins(
        "conflict_range",
        "a bound and what a pin needs",
        "beta==1.0\ngamma>=2\n",
        (_OLD_GAMMA, *_GAMMAS),
        CONFLICT,
        "beta",
        "gamma",
    ),
    _pins(
        "conflict_of_two",
        "two packages want another third",
        "beta==1.0\ndelta==1.0\n",
        (_OLD_GAMMA, _NEW_GAMMA, *_GAMMAS, library("delta", "1.0", requires=("gamma>=2",))),
        CONFLICT,
        "beta",
        "delta",
    ),
    _pins(
        "nearest_is_another",
        "FALSE FIX: the nearest version that there is has another API",
        "alpha==9.0\n",
        (library("alpha", "8.4", WITHOUT_WORDS),),
        NO_SUCH,
        "alpha",
        truth=Truth.AGENT,
    ),
    _pins(
        "name_wrong", "a name that nobody has: a slip of the pen", "alhpa==1.0\n", _ALPHA, NO_SUCH, truth=Truth.AGENT
    ),
    _pins("all_gone", "a package that was taken away", "omega==1.0\n", (), NO_SUCH, truth=Truth.NOBODY),
)


def _drift(
    name: str,
    holds: str,
    requirements: str,
    then: tuple[Wheel, ...],
    now: tuple[Wheel, ...],
    handler: str,
    *,
    truth: Truth = Truth.RECIPE,
    recipe: str = "put_back",
    signature: tuple[str, str] = RAISED,
    files: Mapping[str, str] | None = None,
) -> RepairCase:
    return RepairCase(
        name=f"drift_{name}",
        holds=holds,
        truth=truth,
        recipe=recipe if truth is Truth.RECIPE else None,
        signature=signature,
        files={"requirements.txt": SDK_LINE + requirements, "handler.py": handler, **(files or {})},
        then=then,
        now=(*then, *now),
    )


_OLD, _NEW = library("alpha", "1.4"), library("alpha", "2.0", WITHOUT_WORDS)
_TOOLS = library(
    "tools", "1.0", requires=("alpha",), body="import alpha\n\n\ndef words(text):\n    return alpha.words(text)\n"
)
_NOISE = tuple(library(f"noise-{number}", "1.0") for number in range(4))
_LATER_NOISE = tuple(library(f"noise-{number}", "1.1") for number in range(4))
_RAISES = "def words(text):\n    raise RuntimeError('the backend is not there')\n"
DRIFTS = (
    _drift("direct", "a package without a bound lost what is called", "alpha\n", (_OLD,), (_NEW,), uses("alpha")),
    _drift("bounded_below", "the same, with a lower bound", "alpha>=1\n", (_OLD,), (_NEW,), uses("alpha")),
    _drift("transitive", "a package of a package", "tools==1.0\n", (_OLD, _TOOLS), (_NEW,), uses("tools")),
    _drift(
        "import_time",
        "a package that doesn't import any more",
        "alpha\n",
        (_OLD,),
        (library("alpha", "2.0", "raise ImportError('alpha 2 needs a licence')\n"),),
        uses("alpha"),
        signature=NOT_STARTED,
    ),
    _drift(
        "in_the_dockerfile",
        "a package that the Dockerfile itself asks for",
        "",
        (_OLD,),
        (_NEW,),
        uses("alpha"),
        files={"Dockerfile": DOCKERFILE.replace("-r requirements.txt", "-r requirements.txt alpha")},
    ),
    _drift(
        "among_others",
        "one of five that changed, and the failure names it",
        "alpha\nnoise-0\nnoise-1\nnoise-2\nnoise-3\n",
        (_OLD, *_NOISE),
        (_NEW, *_LATER_NOISE),
        uses("alpha"),
    ),
    _drift(
        "silent_among_others",
        "one of three that changed, and the failure names none",
        "alpha\nnoise-0\nnoise-1\n",
        (_OLD, *_NOISE[:2]),
        (library("alpha", "2.0", _RAISES), *_LATER_NOISE[:2]),
        uses("alpha"),
    ),
    _drift(
        "wrong_answer",
        "a package that answers wrongly",
        "alpha\n",
        (_OLD,),
        (library("alpha", "2.0", "def words(text):\n    return {'error': 'not licensed'}\n"),),
        uses("alpha"),
        signature=("handler_local", "nested_error"),
    ),
    _drift(
        "release_between",
        "an older release than the one that broke it is broken, too",
        "alpha\n",
        (_OLD,),
        (library("alpha", "1.9", WITHOUT_WORDS), _NEW),
        uses("alpha"),
    ),
    _drift(
        "module_gone",
        "a package that brings another no more",
        "tools\n",
        (
            library("tools", "1.0", requires=("pyyaml",)),
            Wheel(name="pyyaml", version="5.4", modules={"yaml.py": _OLD.modules["alpha.py"]}),
        ),
        (library("tools", "2.0"),),
        uses("tools", "yaml"),
        recipe="missing_module",
        signature=NOT_STARTED,
    ),
    _drift(
        "not_buildable",
        "a new release that has sources alone, and doesn't build",
        "alpha\nbeta\n",
        (_OLD, library("beta", "1.0")),
        (Wheel(name="beta", version="1.1", is_buildable=False), library("alpha", "1.5")),
        uses("alpha", "beta"),
        signature=("build", "dependency_build"),
    ),
    _drift(
        "two_together",
        "two packages that only go back together",
        "alpha\nbeta\n",
        (library("alpha", "1.0"), library("beta", "1.0")),
        (library("alpha", "2.0", _RAISES), library("beta", "2.0", _RAISES)),
        uses("alpha", "beta"),
        truth=Truth.AGENT,
    ),
)


def _missing(name: str, holds: str, module: str, *now: Wheel, truth: Truth = Truth.RECIPE, **files: str) -> RepairCase:
    return RepairCase(
        name=f"missing_{name}",
        holds=holds,
        truth=truth,
        recipe="missing_module" if truth is Truth.RECIPE else None,
        signature=NOT_STARTED,
        files={"requirements.txt": SDK_LINE, "handler.py": uses(module), **files},
        now=now,
    )


_BODY = _OLD.modules["alpha.py"]
MISSING = (
    _missing(
        "yaml",
        "a module by another name than its package",
        "yaml",
        Wheel(name="PyYAML", version="6.0.2", modules={"yaml.py": _BODY}),
    ),
    _missing(
        "same_name",
        "a module of the package's own name",
        "tqdm",
        Wheel(name="tqdm", version="4.67.1", modules={"tqdm.py": _BODY}),
    ),
    _missing(
        "cv2", "OpenCV", "cv2", Wheel(name="opencv-python-headless", version="4.10.0.84", modules={"cv2.py": _BODY})
    ),
    _missing(
        "own_yaml",
        "FALSE FIX: a module of the repository's own that has a known package's name, and isn't copied",
        "yaml",
        Wheel(name="PyYAML", version="6.0.2", modules={"yaml.py": WITHOUT_WORDS}),
        truth=Truth.AGENT,
        **{"tools/yaml.py": _BODY},
    ),
    _missing(
        "unknown",
        "a module that anybody could have published",
        "wordtools",
        library("wordtools", "1.0"),
        truth=Truth.AGENT,
    ),
    _missing(
        "own_file",
        "a module of the repository that isn't copied",
        "helpers",
        truth=Truth.AGENT,
        **{"helpers.py": _BODY},
    ),
)

PACKAGES = (*about("pins", PINS), *about("drift", DRIFTS), *about("missing module", MISSING))
