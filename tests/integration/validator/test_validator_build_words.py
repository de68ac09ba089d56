"""What the words of a failed build prove: the engine's as they stand, a step's only as far as they are not its own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from janitor.diagnosis.build_failure import client_trouble, one_line_each, step_trouble
from janitor.diagnosis.build_log import failing_step

SOURCE = SimpleNamespace(tree=None, image_files={})
"""Without files: nothing is read of a repository here."""


def log(command: str, *printed: str, code: int = 1, modern: bool = True) -> str:
    """The log of a build whose second step failed, as BuildKit of today or of Docker 20.10 writes it."""
    quoted = command.replace('"', '\\"')
    error = (
        f'process "/bin/sh -c {quoted}" did not complete successfully: exit code: {code}'
        if modern
        else f"executor failed running [/bin/sh -c {command}]: exit code: {code}"
    )
    lines = [f"#5 [2/2] RUN {command}", *(f"#5 0.{number} {line}" for number, line in enumerate(printed))]
    return "\n".join([*lines, f"#5 ERROR: {error}", "------", f"ERROR: failed to solve: {error}"]) + "\n"


def told(text: str, *, killed: bool | None = False) -> tuple[str, bool] | None:
    step = failing_step(one_line_each(text))
    assert step is not None
    trouble = step_trouble(SOURCE, step, killed=killed)  # type: ignore[arg-type]  # named by the caller
    return None if trouble is None else (trouble.code, trouble.repository_at_fault)


PIP = "pip install -r requirements.txt"
LONG = "true " + "x" * 300


@pytest.mark.parametrize("modern", [True, False], ids=["modern", "20.10"])
@pytest.mark.parametrize(
    ("command", "printed", "code"),
    [
        (PIP, ["ERROR: HTTP error 503 while getting https://pypi.org/x"], "server_trouble"),
        (PIP, ["Could not fetch URL https://x/: 429 Client Error: Too Many Requests for url"], "rate_limited"),
        ("apt-get update", ["E: Failed to fetch http://deb/x  Hash Sum mismatch"], "server_trouble"),
        ("apt-get update", ["E: Release file for http://deb/x is not valid yet (invalid for 2h)."], "clock_wrong"),
        ("go build", ["dial tcp: lookup proxy.golang.org on 127.0.0.11:53: no such host"], "name_resolution"),
        ("go get", ["lookup a: read udp 172.17.0.2:5->127.0.0.53:53: i/o timeout"], "network"),
        ("go get", ["dial tcp [2600:1f18:4::1]:443: connect: network is unreachable"], "network"),
        ("./fetch", ["runc run failed: unable to start container process: error running hook #0"], "engine_trouble"),
        # Words of the command that are part of an address excuse nothing, nor do they hide what is real.
        ("wget https://x/status/503/y", ["https://x/status/503/y: 502 Bad Gateway"], "server_trouble"),
    ],
)
def test_words_of_tools_are_believed(command, printed, code, modern):
    assert told(log(command, *printed, modern=modern)) == (code, False)


@pytest.mark.parametrize("modern", [True, False], ids=["modern", "20.10"])
@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("echo 429 Too Many Requests; exit 1", ["429 Too Many Requests"]),
        (f"{LONG}; echo 'no space left on device'; exit 1", ["no space left on device"]),
        (f"{LONG}; echo 'no space left on device'; exit 1", []),
        ('printf "%s\\n" "i/o timeout"; exit 1', ["i/o timeout"]),
        ("curl http://localhost:8000/", ["curl: (7) Failed to connect to localhost port 8000: Connection refused"]),
        ("./x", ["dial tcp [::1]:5432: connect: connection refused"]),
        ("./x", ["c++: fatal error: Killed signal terminated program cc1plus"]),
        ("./x", ['process "/bin/sh -c pip" did not complete: signal: killed']),
    ],
)
def test_own_words_excuse_nothing(command, printed, modern):
    assert told(log(command, *printed, modern=modern)) is None


def test_kill_counts_as_want_of_memory_unless_the_kernel_knows_better():
    text = log("make", "cc: fatal error: Killed signal terminated program cc1", code=137)
    assert told(text, killed=True) == told(text, killed=None) == ("out_of_memory", False)
    assert told(text, killed=False) is None


def test_key_of_a_package_repository_is_the_images():
    printed = "W: GPG error: https://developer.download.nvidia.com/x InRelease: NO_PUBKEY A4B469963BF863CC"
    assert told(log("apt-get update", printed, code=100)) == ("package_key", True)


@pytest.mark.parametrize("separator", ["\r", "\v", "\f", "\x1c", "\x85", "\u2028"])
def test_output_passes_for_no_line_of_the_engine(separator):
    forged = f"x{separator}#9 ERROR: failed to do request: dial tcp: i/o timeout"
    text = log("./x", forged) + f"0.1 {forged}\n"
    step = failing_step(one_line_each(text))
    assert step is not None
    assert step.name.startswith("[2/2] RUN ./x")


@pytest.mark.parametrize(
    ("text", "told_as"),
    [
        ("ERROR: failed to receive status: rpc error: code = Unavailable desc = closing transport", "engine_trouble"),
        ("unexpected EOF", "engine_trouble"),
        ('ERROR: failed to solve: failed to parse stage name "Foo": invalid reference format', "dockerfile_invalid"),
        ("ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: X", "dockerfile_invalid"),
    ],
)
def test_last_words_of_the_client_decide_where_no_step_is_named(text, told_as):
    # What an earlier step printed on its way is not what ended the build.
    before = "#5 [2/3] RUN pip install x\n#5 0.1 ERROR: No matching distribution found for y\n#5 DONE 1.0s\n"
    trouble = client_trouble(f"{before}{text}\n", 1)
    assert trouble is not None
    assert trouble.code == told_as
