"""The closed grammar of what may be resolved outside an engine."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping

import pytest

from janitor.inspection.install.resolvable import NotResolvableError, Refusal, Resolvable, resolvable
from janitor.inspection.tree import UnreadableError
from tests.support.cpu_time import cpu_time_below

BUILD, ODD = Refusal.NEEDS_BUILD, Refusal.NOT_UNDERSTOOD


def read(files: Mapping[str, str | bytes], *arguments: str) -> Resolvable:
    def of(path: str) -> bytes:
        if path not in files:
            raise UnreadableError(f"{path} is not there")
        content = files[path]
        return content if isinstance(content, bytes) else content.encode()

    return resolvable(arguments or ("-r", "requirements.txt"), read=of)


def refused(files: Mapping[str, str | bytes], *arguments: str) -> tuple[Refusal, str]:
    with pytest.raises(NotResolvableError) as caught:
        read(files, *arguments)
    return caught.value.code, str(caught.value)


def test_what_is_understood_is_written_anew():
    text = (
        "# head\n--extra-index-url=https://download.pytorch.org/whl/cu118\n-i https://pypi.org/simple\n--pre\n\n"
        "Runpod [ aio , x ] >= 1.7 , < 2  # why\r\n"
        "torch(==2.1.*) ; python_version>'3.8' and sys_platform == \"linux\"\n"
        "six==1.16.0 \\\n    --hash=sha256:AB12 \\\n    --hash sha256:cd34\n-r more/base.txt\n-c limits.txt\nnumpy\n"
    )
    files = {
        "requirements.txt": text,
        "more/base.txt": "-r ../end.txt\nidna~=3.0\n",
        "end.txt": "attrs===23.1.0\n--find-links https://example.org/wheels\n",
        "limits.txt": "-r more/base.txt\nnumpy<2\n",
    }
    found = read(files)
    assert found.requirements_text == (
        "--index-url https://pypi.org/simple\n--extra-index-url https://download.pytorch.org/whl/cu118\n"
        "--find-links https://example.org/wheels\n--find-links https://example.org/wheels\n"
        "Runpod[aio,x]>=1.7,<2\ntorch==2.1.* ; python_version>'3.8' and sys_platform == \"linux\"\n"
        "six==1.16.0 --hash=sha256:AB12 --hash=sha256:cd34\nattrs===23.1.0\nidna~=3.0\nnumpy\n"
    )
    assert found.constraints_text == "attrs===23.1.0\nidna~=3.0\nnumpy<2\n"
    assert found.flags == ["--prerelease=allow"]
    assert found.addresses == (
        "https://pypi.org/simple",
        "https://download.pytorch.org/whl/cu118",
        "https://example.org/wheels",
    )


def test_arguments_of_a_command():
    found = read(
        {"a.txt": "six\n"}, "-r", "a.txt", "--no-deps", "--only-binary", ":all:", "torch==2.1", "--prerelease=allow"
    )
    assert (found.requirements, found.flags) == (["six", "torch==2.1"], ["--no-deps", "--prerelease=allow"])


LINES = [
    ("-e ./pkg", BUILD),
    ("-e./pkg", BUILD),
    ("--editable=./pkg", BUILD),
    ("./pkg", BUILD),
    ("pkg/", BUILD),
    ("/abs/pkg", BUILD),
    ("~/pkg", BUILD),
    ("..", BUILD),
    ("pkg.tar.gz", BUILD),
    ("pkg-1-py3-none-any.whl", BUILD),
    ("file:pkg", BUILD),
    ("file:///abs/pkg", BUILD),
    ("https://example.org/pkg-1.tar.gz", BUILD),
    ("git+https://example.org/pkg", BUILD),
    ("pkg @ https://example.org/pkg-1-py3-none-any.whl", BUILD),
    ("pkg@file:///abs/pkg", BUILD),
    ("pkg[x] @ git+ssh://git@example.org/pkg ; python_version > '3'", BUILD),
    ("--no-binary :all:", BUILD),
    ("pkg --config-settings=a=b", BUILD),
    ("pkg --global-option=x", BUILD),
    ("pkg --hash=sha256:ab --config-settings=a=b", BUILD),
    ("--config-settings a=b", BUILD),
    ("pkg --hash=sha256:xyz", ODD),
    ("pkg -e other", ODD),
    ("-r https://example.org/r.txt", ODD),
    ("-r file:///etc/passwd", ODD),
    ("-r /etc/passwd", ODD),
    ("-r ../outside.txt", ODD),
    ("-r gone.txt", ODD),
    ("-c $HOME/c.txt", ODD),
    ("-r", ODD),
    ("--index-url ${INDEX}", ODD),
    ("pkg==${VERSION}", ODD),
    ("--index-url file:///abs/index", ODD),
    ("--find-links ./wheels", ODD),
    ("--extra-index-url https://a.example/ https://b.example/", ODD),
    ("--index-url https://a.example/\n--index-url https://b.example/", ODD),
    ("--use-feature=fast-deps", ODD),
    ("--requirementx.txt", ODD),
    ("--req x.txt", ODD),
    ("--no-index=1", ODD),
    ("-", ODD),
    ("--", ODD),
    ("this is no requirement", ODD),
    ("pkg==1 2", ODD),
    ("pkg ; python_version > '3' # x\\", ODD),
    ("pkg ; a @ b", ODD),
    ("pkg ; \\\n# comment\n x == 'y'", ODD),
    ("pkg[a b]", ODD),
    ("pk\u00adg", ODD),
    ("pkg\u2028-e ./other", ODD),
    ("pkg\x0b-e ./other", ODD),
    ("pkg\r-e ./other", ODD),
    ("# comment\x0c-e ./other", ODD),
    ("pkg\x00", ODD),
]


@pytest.mark.parametrize("where", ["requirements.txt", "deep/more.txt", "limits.txt"])
@pytest.mark.parametrize(("line", "code"), LINES, ids=[ascii(line) for line, _ in LINES])
def test_everything_else_is_refused_with_its_place(line, code, where):
    files = {"requirements.txt": "-r deep/more.txt\n-c limits.txt\nfine==1.0\n", "deep/more.txt": "", "limits.txt": ""}
    files[where] = f"fine==1.0\n{line}\n"
    found, reason = refused(files)
    assert (found, reason.startswith(f"{where}:2: ") or reason.startswith(f"{where}:3: ")) == (code, True), reason


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_other_encodings_are_refused(encoding):
    assert refused({"requirements.txt": "six # é\n".encode(encoding)})[0] is ODD


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("-e", "git+https://example.org/pkg"), BUILD),
        (("pkg @ https://example.org/pkg.whl",), BUILD),
        (("https://example.org/pkg.tar.gz",), BUILD),
        (("--no-binary", "pkg", "pkg"), BUILD),
        (("-r", "https://example.org/r.txt"), ODD),
        (("--index-url", "file:///x", "pkg"), ODD),
        (("pkg\n-e ./x",), BUILD),
        (("--config-file", "x", "pkg"), ODD),
        (("-r",), ODD),
    ],
)
def test_arguments_are_judged_by_the_same_grammar(arguments, code):
    assert refused({}, *arguments)[0] is code


def test_last_line_that_goes_on_is_refused():
    assert refused({"requirements.txt": "pkg \\"})[0] is ODD


def test_a_refusal_shows_no_password():
    line = "pkg @ https://user:hunter2hunter2@example.org/pkg.whl\n"
    assert "hunter2" not in refused({"requirements.txt": line})[1]


PROJECT = '[project]\nname = "x"\nversion = "1"\n'


@pytest.mark.skipif(sys.version_info < (3, 11), reason="this Python reads no TOML")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        (PROJECT + 'dependencies = ["six", "pkg @ file:///x"]\n', BUILD),
        (PROJECT + 'dynamic = ["dependencies"]\n', BUILD),
        ("[tool.poetry]\n", BUILD),
        (PROJECT + '[tool.uv.sources]\nsix = { path = "./six" }\n', ODD),
        (PROJECT + 'dependencies = "six"\n', ODD),
        ("not toml", ODD),
    ],
)
def test_project_that_says_more_than_names_is_refused(text, code):
    found, reason = refused({"pyproject.toml": text}, "-r", "pyproject.toml")
    assert found is code
    assert reason.startswith("pyproject.toml: ")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="this Python reads no TOML")
def test_project_that_states_names_is_taken():
    files = {"app/pyproject.toml": PROJECT + 'dependencies = ["six>=1", "idna[all] ; python_version > \'3\'"]\n'}
    assert read(files, "-r", "app/pyproject.toml").requirements == ["six>=1", "idna[all] ; python_version > '3'"]


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "a" + " " * n + "b",
        lambda n: "a[" + " ," * (n // 2),
        lambda n: "a;" + "(" * n + "@",
        lambda n: "a" + " -" * (n // 2),
        lambda n: "a==" + "1," * (n // 2) + "(",
        lambda n: "\\\n" * (n // 2),
        lambda n: "a ; '" + "x" * n,
        lambda n: "#" * n,
        lambda n: " #" * (n // 2),
        lambda n: "--index-url https://" + "a" * n + "$",
        lambda n: "\n" * n + "\x0b",
    ],
)
def test_long_lines_cost_little(make: Callable[[int], str]):
    for size in (60_000, 100_000):
        with cpu_time_below(0.2), contextlib.suppress(NotResolvableError):
            read({"requirements.txt": make(size)})
