"""What recipes ask of the world, asked of real programs and servers: uv and an index, a registry, a git history."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.inspection.dockerfile.image_reference import parse_reference
from janitor.services.repair.registry_tags import RegistryTags
from janitor.services.repair.renames import renames_of
from janitor.services.repair.resolver import Resolver
from janitor.services.repair.world import UnknownError
from janitor.services.workspaces.git import Git
from tests.support.dripping import dripping
from tests.support.git_origins import Origin
from tests.support.package_index import PackageIndex, Wheel
from tests.support.tag_registry import TagRegistry

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
WHEELS = (
    Wheel(name="alpha", version="1.0"),
    Wheel(name="alpha", version="2.0", requires=("gamma>=2",)),
    Wheel(name="beta.tools", version="1.0", requires=("gamma<2",)),
    Wheel(name="gamma", version="1.5"),
    Wheel(name="gamma", version="2.5"),
    Wheel(name="delta", version="1.0"),
    Wheel(name="delta", version="2.0", yanked=True),
    Wheel(name="modern", version="1.0", python=">=3.12"),
)
PYTHON = (3, 11)


def resolver(folder: Path, index: PackageIndex) -> Resolver:
    return Resolver(folder=folder / "resolver", index_urls=(index.url,), search_path=PATH)


def test_a_resolver_finds_what_goes_together(tmp_path: Path) -> None:
    with PackageIndex(WHEELS) as index:
        asked = resolver(tmp_path, index)
        assert asked.resolved(["alpha"], python=PYTHON) == {"alpha": "2.0", "gamma": "2.5"}
        assert asked.resolved(["alpha", "Beta_Tools"], python=PYTHON) == {
            "alpha": "1.0",
            "beta-tools": "1.0",
            "gamma": "1.5",
        }
        assert asked.resolved(["alpha"], constraints=["gamma<2"], python=PYTHON) == {"alpha": "1.0"}
        assert asked.resolved(["alpha==2.0", "beta-tools"], python=PYTHON) is None
        assert asked.resolved(["alpha==3.0"], python=PYTHON) is None
        assert asked.resolved(["nothing-of-that-name"], python=PYTHON) is None
        assert asked.resolved(["delta"], python=PYTHON) == {"delta": "1.0"}
        assert asked.resolved(["modern"], python=PYTHON) is None
        assert asked.resolved(["modern ; python_version >= '3.12'"], python=PYTHON) == {}


def test_several_ask_at_once_from_one_folder(tmp_path: Path) -> None:
    with PackageIndex(WHEELS) as index, ThreadPoolExecutor(max_workers=4) as pool:
        wanted = ["alpha==1.0", "alpha==2.0", "gamma==1.5", "delta==1.0"]
        asked = pool.map(lambda one: resolver(tmp_path, index).resolved([one], python=PYTHON), wanted)
        found = [answer or {} for answer in asked]
    assert [
        f"{one.partition('==')[0]}=={each[one.partition('==')[0]]}" for one, each in zip(wanted, found, strict=True)
    ] == wanted
    assert [path.name for path in (tmp_path / "resolver").iterdir() if path.name.startswith("asked-")] == []


@pytest.mark.parametrize("hostile", ["-e .", "./here", "x @ file:///etc/passwd", "--index-url=http://x/", "a; $(id)"])
def test_what_is_no_name_and_version_is_asked_of_nobody(tmp_path: Path, hostile: str) -> None:
    with PackageIndex() as index, pytest.raises(UnknownError):
        resolver(tmp_path, index).resolved([hostile], python=PYTHON)


def test_an_index_that_is_down_doesnt_tell(tmp_path: Path) -> None:
    with PackageIndex() as index:
        asked = resolver(tmp_path, index)
    with pytest.raises(UnknownError, match="the package index doesn't tell"):
        asked.resolved(["alpha"], python=PYTHON)
    nobody = Resolver(folder=tmp_path, index_urls=(index.url,), search_path=str(tmp_path))
    with pytest.raises(UnknownError, match="uv can't be started"):
        nobody.resolved(["alpha"], python=PYTHON)


@pytest.mark.parametrize("needs_token", [True, False])
def test_a_registry_tells_its_tags_page_by_page(*, needs_token: bool) -> None:
    with TagRegistry({"team/base": ("1.0", "1.1", "2.0", "2.1", "3.0")}, needs_token=needs_token) as registry:
        tags = RegistryTags({registry.host})
        reference = parse_reference(f"{registry.host}/team/base:1.4")
        assert tags(reference) == ("1.0", "1.1", "2.0", "2.1", "3.0")
        asked = len(registry.asked)
        assert tags(reference) == ("1.0", "1.1", "2.0", "2.1", "3.0")
        assert len(registry.asked) == asked
        with pytest.raises(UnknownError, match="HTTP 404"):
            tags(parse_reference(f"{registry.host}/team/other:1.4"))


def test_a_registry_that_never_comes_to_an_end_is_cut_off() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\n", b"X-More: to come\r\n") as port:
        began = time.monotonic()
        with pytest.raises(UnknownError, match="took longer than 1 s and was cut off"):
            RegistryTags({f"127.0.0.1:{port}"}, within=timedelta(seconds=1))(
                parse_reference(f"127.0.0.1:{port}/team/base:1.4")
            )
        assert time.monotonic() - began < 20


def test_a_registry_that_is_not_known_is_not_asked() -> None:
    with TagRegistry({"team/base": ("1.0",)}) as registry:
        with pytest.raises(UnknownError, match="no registry that is asked from here"):
            RegistryTags()(parse_reference(f"{registry.host}/team/base:1.4"))
        assert registry.asked == []


def test_a_token_from_elsewhere_is_not_fetched() -> None:
    with (
        TagRegistry({}) as other,
        TagRegistry({"team/base": ("1.0",)}, realm=f"http://{other.host}/token") as registry,
    ):
        with pytest.raises(UnknownError, match="which isn't asked"):
            RegistryTags({registry.host})(parse_reference(f"{registry.host}/team/base:1.4"))
        assert other.asked == []


@pytest.fixture
def history(tmp_path: Path) -> Callable[[str], tuple[str, ...]]:
    """A history in which one file was renamed twice and another was copied apart."""
    origin = Origin(tmp_path / "repository")
    origin.commit(
        {
            "handler.py": "".join(f"line {number}\n" for number in range(40)),
            "other file.py": "something else\n" * 20,
            "src/kept.py": "kept = 1\n",
        }
    )
    for old, new in (("handler.py", "src/handler.py"), ("src/handler.py", "src/main.py")):
        origin.git("mv", old, new)
        origin.commit({new: (origin.path / new).read_text() + "more\n"})
    origin.git("mv", "other file.py", "another file.py")
    commit, folder = origin.commit({"src/kept.py": "kept = 2\n"}), origin.path
    asked = Git(folder=tmp_path / "git", search_path=os.environ["PATH"])
    asked.prepare()
    return renames_of(asked, commit, cwd=folder)


def test_a_history_says_where_a_path_has_come_to(history: Callable[[str], tuple[str, ...]]) -> None:
    assert history("handler.py") == ("src/handler.py", "src/main.py")
    assert history("src/handler.py") == ("src/main.py",)
    assert history("other file.py") == ("another file.py",)
    assert history("src/main.py") == history("never.py") == ()


def test_a_history_that_is_not_there(tmp_path: Path) -> None:
    asked = Git(folder=tmp_path / "git", search_path=os.environ["PATH"])
    asked.prepare()
    with pytest.raises(UnknownError, match="the history can't be read"):
        renames_of(asked, "1" * 40, cwd=tmp_path)("handler.py")
