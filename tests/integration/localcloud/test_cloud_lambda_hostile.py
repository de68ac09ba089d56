"""What a function tries that holds up or ends the local cloud, takes without bound, or outlives its invocation."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.integration.localcloud.test_cloud_lambda import invoke
from tests.support.cloud import Cloud, error_code, eventually, processes_with, unique
from tests.support.functions import log_lines, make_function, make_role, zipped
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only


def handler(*lines: str) -> str:
    """A module whose handler does this."""
    return "import os, subprocess, sys, time\ndef handler(event, context):\n" + "".join(
        f"    {line}\n" for line in lines
    )


@pytest.mark.parametrize(
    "spoil",
    [
        "open(sys.argv[-1], 'w').write('garbage')",
        "open(sys.argv[-1], 'w').write('[]')",
        "open(sys.argv[-1], 'w').write('{\"payload\": 1}')",
        "os.mkfifo(sys.argv[-1])",
        "os.symlink('/dev/zero', sys.argv[-1])",
        "os.mkdir(sys.argv[-1])",
    ],
)
def test_words_in_place_of_a_result_are_an_error_of_the_function(server: LocalCloudServer, spoil: str) -> None:
    payload, error, _ = invoke(server, make_function(server, handler(spoil, "os._exit(0)")))
    assert (error, payload["errorType"]) == ("Unhandled", "Runtime.ExitError")


@pytest.mark.parametrize(
    "spoil",
    ["os.mkfifo(path)", "os.symlink('/dev/zero', path)", "os.symlink('/etc/passwd', path)", "os.mkdir(path)", "pass"],
)
def test_output_that_is_something_else_holds_nothing_up(server: LocalCloudServer, spoil: str) -> None:
    path = "path = os.path.join(os.environ['HOME'], 'output'); os.unlink(path)"
    arn = make_function(server, handler(path, spoil, "return 'answered'"))
    assert invoke(server, arn)[:2] == ("answered", None)
    assert not any("root:" in line for line in log_lines(server, arn))


def test_interpreter_that_never_comes_to_its_input_ends_with_its_time(server: LocalCloudServer) -> None:
    code = zipped(main="def handler(event, context): return 1", sitecustomize="import time; time.sleep(600)")
    arn = make_function(server, "", Code={"ZipFile": code}, Timeout=1, Environment={"Variables": {"PYTHONPATH": "."}})
    began = time.monotonic()
    payload, error, _ = invoke(server, arn, {"more than a pipe holds": "x" * 300_000})
    assert (error, payload["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert time.monotonic() - began < 120


def test_daemon_ends_with_its_invocation(server: LocalCloudServer) -> None:
    mark = f"307.{time.time_ns() % 10**9}"
    arn = make_function(
        server,
        handler(
            "if os.fork() == 0:",
            "    os.setsid()",
            "    if os.fork() == 0:",
            f"        os.execv('/bin/sleep', ['sleep', '{mark}'])",
            "    os._exit(0)",
            "time.sleep(0.5)",
            "return 'left it behind'",
        ),
    )
    assert invoke(server, arn)[:2] == ("left it behind", None)
    eventually("the daemon ended", lambda: not processes_with(mark))


def test_flood_of_output_is_cut_while_it_comes(server: LocalCloudServer) -> None:
    size = "return os.path.getsize(os.path.join(os.environ['HOME'], 'output'))"
    arn = make_function(server, handler("for _ in range(100): print('x' * 1_000_000)", "time.sleep(0.5)", size))
    stored, error, _ = invoke(server, arn)
    assert error is None
    assert 1_000_000 < stored < 1_100_000


def test_memory_and_files_are_bounded(server: LocalCloudServer) -> None:
    arn = make_function(server, handler("return len(bytes(range(256)) * 6_000_000)"), MemorySize=128)
    payload, error, _ = invoke(server, arn)
    assert (error, payload["errorType"]) == ("Unhandled", "MemoryError")
    write = "open(os.path.join(os.environ['TMPDIR'], 'big'), 'wb').truncate(600_000_000)"
    payload, error, _ = invoke(server, make_function(server, handler(write)))
    assert (error, payload["errorType"]) == ("Unhandled", "OSError")


def test_no_invocation_changes_the_code_of_the_next(server: LocalCloudServer) -> None:
    change = "open('main.py', 'a').write('\\ndef handler(event, context): return 666\\n')"
    arn = make_function(server, handler(change, "return 1"))
    assert [invoke(server, arn)[0] for _ in range(2)] == [1, 1]


def test_folders_without_end_are_removed(server: LocalCloudServer) -> None:
    deep = "for _ in range(1_500): os.mkdir('d'); os.chdir('d')"
    arn = make_function(server, handler("os.chdir(os.environ['TMPDIR'])", deep, "return 1"))
    assert invoke(server, arn)[:2] == (1, None)
    assert list((server.home / "functions").iterdir()) == []


def test_machine_with_folders_without_end_is_terminated(server: LocalCloudServer, cloud: Cloud) -> None:
    """Its disk goes with it, and what is on the disk must not keep it alive."""
    script = "#!/usr/bin/env python3\nimport os\nfor _ in range(1_500): os.mkdir('d'); os.chdir('d')\nprint('made')\n"
    instance = cloud.launch(UserData=script)

    def has_folders() -> bool:
        try:
            return any(server.home.rglob("d/d/d"))
        except FileNotFoundError:  # one that is being removed while it is looked into
            return True

    eventually("the folders", has_folders)
    cloud.ec2.terminate_instances(InstanceIds=[instance])
    cloud.wait_state(instance, "terminated")
    eventually("its disk is gone", lambda: not has_folders())


# -- what is uploaded


def bomb() -> bytes:
    """An archive of 300 kB that holds 300 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("main.py", "def handler(event, context): return 1")
        with archive.open("zeros", "w", force_zip64=True) as member:
            for _ in range(300):
                member.write(bytes(1_000_000))
    return buffer.getvalue()


def marked(flag_at: int, value: int) -> bytes:
    """An archive with one byte of its members' headers changed (their place in the local header)."""
    data = bytearray(zipped(main="def handler(event, context): return 1"))
    data[data.find(b"PK\x03\x04") + flag_at] = value
    data[data.find(b"PK\x01\x02") + flag_at + 2] = value
    return bytes(data)


def test_archive_that_holds_too_much_is_refused(server: LocalCloudServer) -> None:
    with pytest.raises(ClientError) as info:
        make_function(server, "", Code={"ZipFile": bomb()})
    assert error_code(info) == "InvalidParameterValueException"
    assert "Unzipped size must be smaller than 262144000 bytes" in str(info.value)


@pytest.mark.parametrize("code", [marked(6, 1), marked(8, 99)], ids=["encrypted", "unknown method"])
def test_archive_that_can_not_be_read_is_an_error_of_the_function(server: LocalCloudServer, code: bytes) -> None:
    payload, error, _ = invoke(server, make_function(server, "", Code={"ZipFile": code}))
    assert (error, payload["errorType"]) == ("Unhandled", "Runtime.InvalidZip")


def test_members_stay_in_the_functions_folder(server: LocalCloudServer) -> None:
    name = unique("planted")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.py", handler("return os.path.islink('link'), sorted(os.listdir('.'))"))
        for path in (f"../../{name}", f"/tmp/{name}", f"a/../../../{name}", f"..\\{name}"):
            archive.writestr(path, "planted")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc")
        archive.writestr("link2/passwd", "planted")
    (is_link, _), error, _ = invoke(server, make_function(server, "", Code={"ZipFile": buffer.getvalue()}))
    assert (is_link, error) == (False, None)
    assert not Path("/tmp", name).exists()
    assert not list(server.home.rglob(name))


@pytest.mark.parametrize("name", ["a/b", "../x", "a b", "a\nb", "x" * 141])
def test_names_are_plain(server: LocalCloudServer, name: str) -> None:
    with pytest.raises(ClientError) as info:
        server.client("lambda").create_function(
            FunctionName=name,
            Role=make_role(server),
            Runtime="python3.12",
            Handler="main.handler",
            Code={"ZipFile": zipped(main=handler("return 1"))},
        )
    assert error_code(info) in ("ValidationException", "InvalidParameterValueException")


def test_local_cloud_answers_after_all_that(server: LocalCloudServer) -> None:
    answers = [invoke(server, make_function(server, handler("return event")), {"n": number})[0] for number in range(5)]
    assert [answer["n"] for answer in answers] == list(range(5))
