"""Workers that mean harm, or that only behave as if they did: nothing leaks, nothing stays, and a report comes out."""

from __future__ import annotations

import json
import os
import signal
import time

from janitor.protocol.terms.statuses import CheckStatus, Engine, ReportStatus
from tests.integration.validator.conftest import DOCKERFILE, SDK, git, handler

MARK = "plain-mark-of-the-validators-environment"
NEVER = "threading.Event().wait()"


def test_hundred_megabytes_of_output_cost_little_and_end_in_a_verdict(start_validator, make_worker):
    quiet = start_validator(make_worker(handler("return {'ok': 1}"), sdk=False))
    quiet.result()
    body = "line = 'x' * 99 + chr(10)\nfor _ in range(1000):\n    sys.stdout.write(line * 1049)\nreturn {'ok': 1}"
    flooding = start_validator(make_worker(handler(body, before="import sys")))
    result = flooding.result()
    assert result.status is ReportStatus.SUCCESS, result.output[-2000:]
    log = next(item for item in result.check("handler_local").evidence if item.kind.value == "log")
    assert log.size_bytes > 100_000_000
    assert len(log.tail) <= 4_000
    assert len(result.output) < 100_000
    assert flooding.peak_kilobytes - quiet.peak_kilobytes < 20 * 1024


def test_worker_sees_nothing_of_the_validator(validate, make_worker, serve, take_kept_report):
    looks = (
        "found = {}\n"
        "for name, path in (('environment', '/proc/self/environ'), ('parent', f'/proc/{os.getppid()}/environ'),\n"
        "                   ('input', f'/proc/{os.getppid()}/fd/0'), ('memory', f'/proc/{os.getppid()}/mem')):\n"
        "    try:\n"
        "        with open(path, 'rb') as file:\n"
        "            text = file.read(1_000_000)\n"
        "        found[name] = 'MARK' if MARK.encode() in text else 'read'\n"
        "    except OSError as exc:\n"
        "        found[name] = type(exc).__name__\n"
        "capabilities = [line for line in open('/proc/self/status') if line.startswith('CapEff')]\n"
        "return {'found': found, 'names': sorted(os.environ), 'capabilities': capabilities[0].split()[1]}"
    )
    # The mark is put together so that the source itself doesn't hold it.
    head, tail = MARK[:10], MARK[10:]
    source = handler(looks, before=f"import os\nMARK = {head!r} + {tail!r}\n")
    served = serve(lambda *_: (403, {}))
    report_url = f"{served.url}/report?X-Amz-Signature=0123456789abcdef"
    environment = {
        "AWS_SECRET_ACCESS_KEY": MARK,
        "JANITOR_SOMETHING": MARK,
        "https_proxy": f"http://u:{MARK}@127.0.0.1:9",
    }
    environment["no_proxy"] = "*"
    validation = validate(make_worker(source), environment=environment, report_url=report_url)
    text = validation.evidence("handler_local")
    result = text[text.rindex("Job result: ") :]
    assert "MARK" not in result.replace(MARK, "MARK")
    assert "'environment': 'read'" in result
    for what in ("parent", "input", "memory"):
        assert f"'{what}': 'PermissionError'" in result or f"'{what}': 'FileNotFoundError'" in result, result
    assert "AWS_SECRET_ACCESS_KEY" not in result
    assert "https_proxy" not in result
    assert "'capabilities': '0000000000000000'" in result
    assert "0123456789abcdef" not in validation.output
    assert MARK not in validation.output
    # The address refused the report: that is told by the exit code.
    assert validation.exit_code == 3
    assert take_kept_report() == json.loads(validation.report.to_json())


def test_what_forks_away_is_ended_and_noted(validate, make_worker):
    body = (
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    if os.fork() == 0:\n"
        f"        {NEVER}\n"
        "    os._exit(0)\n"
        "return {'ok': 1}"
    )
    # Settings of the repository must not redirect the installer either.
    settings = '[[index]]\nurl = "http://127.0.0.1:9/simple"\ndefault = true\n'
    source = handler(body, before="import os, signal, threading")
    result = validate(make_worker(source, {"uv.toml": settings}))
    assert result.status is ReportStatus.SUCCESS, result.output
    assert result.check("handler_api").status is CheckStatus.PASS
    assert "outlived the worker and were ended: 1" in result.evidence("handler_local")
    # The fixture looks whether they are gone.


def test_strange_bytes_in_the_output_make_a_report_all_the_same(validate, make_worker):
    source = (
        "import sys\n"
        "sys.stdout.buffer.write(b'\\x00\\xff\\xfe\\x1b[31m\\x1b]0;owned\\x07 \\xed\\xa0\\x80 ')\n"
        "sys.stdout.buffer.write(b'z' * 300_000 + b'\\n')\n"
        "sys.stdout.buffer.write('AKIAIOSFODNN7EXAMPLE \\u202e reversed\\n'.encode())\n"
        "raise SystemExit(0)\n"
        'import runpod\nrunpod.serverless.start({"handler": print})\n'
    )
    result = validate(make_worker(source, sdk=False))
    assert (result.status, result.reason) == (ReportStatus.FAILED, ("handler_local", "sdk_not_started"))
    text = result.report.to_json().decode()
    assert "AKIAIOSFODNN7EXAMPLE" not in text
    assert "\x1b" not in result.output
    assert "\u202e" not in text


def test_deadline_during_the_build(validate, make_worker):
    files = {
        "Dockerfile": DOCKERFILE.replace("COPY requirements.txt .", "COPY . ."),
        "requirements.txt": "./slow\n",
        "slow/setup.py": f"import threading, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{NEVER}\n",
    }
    result = validate(make_worker(handler("return 1"), files), seconds=8, grace_seconds=6)
    assert (result.exit_code, result.status) == (1, ReportStatus.TIMED_OUT)
    assert result.reason == ("build", "deadline")
    assert (result.report.partial, result.report.build_succeeded) == (True, None)
    assert (result.report.engine, result.report.gpu_available) == (Engine.VENV, False)
    assert len(result.report.repository.commit_sha) == 40
    assert result.check("handler_local").reason_code == "not_reached"


def test_what_a_check_had_found_before_the_deadline_is_in_the_report(validate, make_worker, tmp_path):
    """The check of the host has seen the GPU and waits for a docker command that never answers."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, script in (
        ("nvidia-smi", "echo 'NVIDIA L4, 550.54.15, 23034 MiB, 8.9'"),
        ("docker", "exec sleep 1000"),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    worker = make_worker(handler("return 1"))
    result = validate(worker, engine="docker", seconds=15, grace_seconds=10, environment=environment)
    assert (result.status, result.reason) == (ReportStatus.TIMED_OUT, ("host", "deadline"))
    report = result.report
    assert (report.partial, report.engine, report.gpu_available) == (True, None, True)
    assert report.host.gpu_names == ("NVIDIA L4",)
    assert report.repository.commit_sha == git(worker, "rev-parse", "HEAD").strip()


def test_deadline_that_has_passed_already(validate, make_worker):
    result = validate(make_worker(handler("return 1")), seconds=-5, grace_seconds=1)
    assert (result.exit_code, result.status) == (1, ReportStatus.TIMED_OUT)
    assert result.reason == ("checkout", "deadline")


def test_sigterm_flushes_a_partial_report_at_once(start_validator, make_worker):
    body = f"print('now it', 'waits')\n{NEVER}"
    source = handler(body, before="import threading, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)")
    validation = start_validator(make_worker(source))
    validation.wait_for_line("now it waits")
    validation.process.send_signal(signal.SIGTERM)
    sent = time.monotonic()
    result = validation.result(60)
    assert time.monotonic() - sent < 55
    assert (result.exit_code, result.status) == (1, ReportStatus.ERROR)
    assert result.reason == ("handler_local", "terminated")
    assert (result.report.partial, result.report.build_succeeded) == (True, True)
    assert result.check("build").status is CheckStatus.PASS


class TestDelivery:
    """Without a Dockerfile the report is ready in no time."""

    def test_report_is_uploaded_though_the_server_stumbles(self, validate, make_repository, serve):
        served = serve(lambda _method, _path, count: (503 if count < 3 else 200, {}))
        url = f"{served.url}/bucket/report.json?X-Amz-Signature=0123456789abcdef"
        # A proxy of the machine is not asked to reach the machine itself.
        environment = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "", "NO_PROXY": ""}
        result = validate(make_repository({"README.md": ""}), report_url=url, environment=environment)
        assert result.exit_code == 1
        assert [method for method, _, _ in served.requests] == ["PUT"] * 3
        assert json.loads(served.requests[-1][2]) == json.loads(result.report.to_json())
        assert "0123456789abcdef" not in result.output
        assert "upload failed (HTTP 503)" in result.output

    def test_url_that_has_expired_ends_with_3(self, validate, make_repository, serve, take_kept_report):
        served = serve(lambda *_: (403, {}))
        result = validate(make_repository({"README.md": ""}), report_url=f"{served.url}/x?sig=abcdefgh")
        assert result.exit_code == 3
        assert len(served.requests) == 1
        assert "may have expired" in result.output
        assert take_kept_report() == json.loads(result.report.to_json())

    def test_redirect_is_not_followed(self, validate, make_repository, serve, take_kept_report):
        other = serve(lambda *_: (200, {}))
        served = serve(lambda *_: (302, {"Location": f"{other.url}/elsewhere"}))
        result = validate(make_repository({"README.md": ""}), report_url=f"{served.url}/x")
        assert result.exit_code == 3
        assert other.requests == []
        assert take_kept_report() == json.loads(result.report.to_json())

    def test_partial_report_goes_out_before_the_cleanup_and_the_whole_one_after(self, validate, serve):
        served = serve(lambda *_: (200, {}))
        result = validate("http://127.0.0.1:9/x.git", seconds=-1, report_url=f"{served.url}/report", grace_seconds=5)
        bodies = [json.loads(body) for method, _, body in served.requests if method == "PUT"]
        assert [body["checks"][-1]["name"] for body in bodies] == ["agent_prompt", "cleanup"]
        assert {body["status"] for body in bodies} == {"timed_out"}
        assert result.exit_code == 1

    def test_file_that_cannot_be_written_ends_with_3(self, validate, make_repository):
        result = validate(make_repository({"README.md": ""}), report_path="/proc/nowhere/report.json")
        assert result.exit_code == 3
        assert "could not be written to /proc/nowhere/report.json" in result.output


def test_requirement_of_the_tests_is_what_the_examples_use(make_repository):
    requirements = (make_repository(like="echo-worker") / "requirements.txt").read_text()
    assert requirements == SDK
