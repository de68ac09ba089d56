"""What a worker asks for: requirements files as pip reads them, and which versions fit each other."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from janitor.inspection.install.requirements import (
    canonical,
    decoded_requirements,
    exclude_each_other,
    read_requirements,
)
from janitor.inspection.install.torch_versions import build_exists, demanded_torch, index_build
from janitor.inspection.install.worker_requirements import worker_requirements
from janitor.inspection.tree import RepositoryTree


def read(files: dict[str, str], *arguments: str):
    def reader(path):
        return (PurePosixPath(path), files[path]) if path in files else None

    return read_requirements(arguments or ("-r", "requirements.txt"), read=reader, line=3)


def spelled(text: str) -> list[str]:
    return [each.spelled for each in read({"requirements.txt": text}).requirements]


@pytest.mark.parametrize(
    ("line", "name", "exact", "is_pinned"),
    [
        ("runpod==1.12.0", "runpod", "1.12.0", True),
        ("Torch_Vision == 0.19.1  # with torch 2.4.1", "torch-vision", "0.19.1", True),
        ("diffusers", "diffusers", None, False),
        ("diffusers>=0.30", "diffusers", None, False),
        ("diffusers~=0.30", "diffusers", None, True),
        ("diffusers>=0.30,<0.31", "diffusers", None, True),
        ("transformers[torch] (>=4.40)", "transformers", None, False),
        ("torch==2.*", "torch", None, True),
        ("torch===2.4.1+cu121", "torch", "2.4.1+cu121", True),
        ("x @ git+https://example.org/x@abc", "x", None, True),
        ('tomli==2.0.1; python_version < "3.11"', "tomli", "2.0.1", True),
        ("idna==3.10 --hash=sha256:abc", "idna", "3.10", True),
    ],
)
def test_requirement(line, name, exact, is_pinned):
    found = read({"requirements.txt": line})
    assert found.unread == []
    (requirement,) = found.requirements
    assert (requirement.name, requirement.exact, requirement.is_pinned) == (name, exact, is_pinned)
    assert (requirement.path, requirement.line) == ("requirements.txt", 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0", "v01.0.0+cu118"),
        ("1.0-1", "1.0.post1"),
        ("1.0.r1", "1.0rev01"),
        ("1.0.c1", "1.0-RC.1"),
        ("1.0.preview", "1.0rc0"),
        ("1.0alpha2", "1.0_a2"),
        ("1.0.dev", "1.0dev0"),
        ("1.0b1-2.dev", "1.0.beta1.post2.dev0"),
    ],
)
def test_spellings_of_one_version(one, other):
    assert not exclude_each_other(one, other)


@pytest.mark.parametrize("pair", [("1.0-1", "11"), ("1.0-1", "1.01"), ("1.0.1", "1.0.post1"), ("1!1.0", "1.0")])
def test_versions_that_differ(pair):
    assert exclude_each_other(*pair)


def test_version_that_is_none_stays_as_it_is():
    assert canonical("2024a-Foo") == "2024a-foo"


def test_files_name_files_and_indexes():
    files = {
        "app/requirements.txt": "# all\n\n-r base.txt\n-cpins.txt\n--extra-index-url=https://example.org/simple\n"
        "b==1 \\\n    --hash=sha256:1\n",
        "app/base.txt": "-r requirements.txt\na\n",
        "app/pins.txt": "a==2\n",
    }
    found = read(files, "-r", "app/requirements.txt", "c<3", "--index-url", "https://example.org/own", "-f", "wheels")
    assert [(each.name, each.line) for each in found.requirements] == [("a", 2), ("b", 6), ("c", 3)]
    assert found.exact("a") == (found.constraints[0], "2")
    assert found.extra_index_urls == ["https://example.org/simple"]
    assert found.index_urls == ["https://example.org/own"]
    assert found.find_links == ["wheels"]


def test_what_is_not_understood_is_said():
    found = read({}, "-r", "gone.txt", "./lib", "-e", ".", "--pre", "ok==1")
    assert found.unread == ["gone.txt", "./lib", "."]
    assert [each.name for each in found.requirements] == ["ok"]


def test_project_file():
    listed = "[\n  \"runpod==1.12.0\",\n  'torch',\n]"
    text = f'[project]\nname = "w"\ndependencies = {listed}\n[tool.x]\ndependencies = ["no"]\n'
    found = read({"pyproject.toml": text}, "-r", "pyproject.toml")
    assert [(each.spelled, each.line) for each in found.requirements] == [("runpod==1.12.0", 4), ("torch", 5)]


def test_byte_order_of_lines_is_kept():
    assert spelled("b==1\r\na==2\r\n") == ["b==1", "a==2"]


class TestTorch:
    @pytest.mark.parametrize(
        ("package", "version", "torch"),
        [
            ("xformers", "0.0.28.post1", "2.4.1"),
            ("torchvision", "0.19.1+cu121", "2.4.1"),
            ("torchaudio", "2.0.2", "2.0.1"),
            ("xformers", "9.9", None),
            ("diffusers", "0.30", None),
        ],
    )
    def test_companions(self, package, version, torch):
        assert demanded_torch(package, version) == torch

    @pytest.mark.parametrize(
        ("torch", "build", "exists"),
        [
            ("2.7.0", "cu121", False),
            ("2.5.1", "cu121", True),
            ("2.0.1", "cu121", False),
            ("2.9.0", "cu128", True),
            ("2.99.0", "cu130", True),
            ("2.4.1", "cu999", True),
            ("nightly", "cu121", True),
        ],
    )
    def test_builds(self, torch, build, exists):
        assert build_exists(torch, build) is exists

    def test_only_its_own_indexes_are_known(self):
        assert index_build("https://download.pytorch.org/whl/cu121") == "cu121"
        assert index_build("https://download.pytorch.org/whl/cpu/") == "cpu"
        assert index_build("https://mirror.example.org/whl/cu121") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_requirements_are_read_in_the_encodings_of_their_byte_order_marks(encoding):
    assert decoded_requirements("runpod==1.12.0  # é\n".encode(encoding)) == "runpod==1.12.0  # é\n"


def test_requirements_in_no_known_encoding_are_not_guessed():
    with pytest.raises(UnicodeDecodeError):
        decoded_requirements("runpod==1.12.0  # é\n".encode("latin-1"))


def test_requirements_that_powershell_wrote_are_those_of_the_worker(tmp_path):
    (tmp_path / "requirements.txt").write_bytes("runpod==1.12.0\r\nsix==1.16.0\r\n".encode("utf-16"))
    (found,) = worker_requirements(None, {}, RepositoryTree(tmp_path))
    assert [each.spelled for each in found.requirements] == ["runpod==1.12.0", "six==1.16.0"]
