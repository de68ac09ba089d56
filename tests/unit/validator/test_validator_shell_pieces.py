"""Commands within shell text, and what tells an installer where packages are."""

from __future__ import annotations

import pytest

from janitor.inspection.install.pip_settings import from_configuration, from_variables
from janitor.inspection.shell_pieces import commands_of, without_redirections, written_files


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("a && b || c; d", ["a", "b", "c", "d"]),
        ("a \\\n  -x && b", ["a    -x", "b"]),
        ("pip install \"a; python_version < '3.9'\" b", ["pip install \"a; python_version < '3.9'\" b"]),
        ("echo 'a && b | c' | tee /x", ["echo 'a && b | c'", "tee /x"]),
        ("a 2>&1 && b &>/dev/null & c", ["a 2>&1", "b &>/dev/null", "c"]),
        ("# don't run this\na # nor this\nb", ["a", "b"]),
        ("echo it's; b", ["echo it's", "b"]),
        ('a "un;closed', ['a "un', "closed"]),
        ("", []),
    ],
)
def test_commands_are_told_apart(text, commands):
    assert [command.text for command in commands_of(text)] == commands


@pytest.mark.parametrize(
    ("text", "may_fail"),
    [
        ("pip install a", False),
        ("pip install a || true", True),
        ("pip install a && pip install b || echo no", True),
        ("pip install a || pip install b", True),
        ("pip install b || pip install a", False),
        ("pip install a && pip install b", False),
        ("pip install a; true || false", False),
        ("pip install a\npip install b\n", False),
        ("pip install a | tail -1", False),
    ],
)
def test_what_a_build_does_without(text, may_fail):
    assert next(command for command in commands_of(text) if "install a" in command.text).may_fail is may_fail


def test_files_that_a_command_writes():
    assert written_files(["echo", "x", ">", "/app/a"]) == ["/app/a"]
    assert written_files(["echo", "x", ">>a"]) == ["a"]
    assert written_files(["ls", ">/dev/null", "2>", "log"]) == []


def test_variables_stand_for_options():
    environment = {"PIP_EXTRA_INDEX_URL": "https://a/simple https://b/simple", "UV_INDEX": "mine=https://c/simple"}
    assert from_variables(environment, uv=False) == [
        *("--extra-index-url", "https://a/simple"),
        *("--extra-index-url", "https://b/simple"),
    ]
    assert from_variables(environment, uv=True) == ["--extra-index-url", "https://c/simple"]
    assert from_variables({"UV_INDEX": "https://c/simple?a=b"}, uv=True) == [
        "--extra-index-url",
        "https://c/simple?a=b",
    ]


def test_configuration_stands_for_options():
    assert from_configuration(["config", "--user", "set", "global.index-url", "https://a/simple"]) == [
        "--index-url",
        "https://a/simple",
    ]
    assert from_configuration(["config", "set", "global.timeout", "60"]) == []
    assert from_configuration(["cache", "purge"]) == []


@pytest.mark.parametrize(
    ("text", "left", "found"),
    [
        ("pip install six 2>&1", "pip install six", [(">&", "1")]),
        ("pip install six >/tmp/log 2> err", "pip install six", [(">", "/tmp/log"), (">", "err")]),
        ("pip install six &>> log", "pip install six", [("&>>", "log")]),
        ("pip install numpy<2 six", "pip install numpy six", [("<", "2")]),
        ("pip install a>=1,<2.0 b", "pip install a b", [(">", "=1,"), ("<", "2.0")]),
        ("pip install py3>=1", "pip install py3", [(">", "=1")]),
        ("cat <<EOF", "cat", [("<<", "EOF")]),
        ("pip install 'a<2' \"b>1\" c\\>3", "pip install 'a<2' \"b>1\" c\\>3", []),
        ("pip install -r <(echo six)", "pip install -r <(echo six)", []),
    ],
)
def test_redirections_are_not_a_program_s_arguments(text, left, found):
    words, redirections = without_redirections(text)
    assert (" ".join(words.split()), [(each.operator, each.file) for each in redirections]) == (left, found)
