"""What the docker engine concludes from a build's log, a container's end and the host's answers."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.diagnosis.build_log import CacheState, cache_use, failing_step, running_step
from janitor.diagnosis.failure_rules import build_trouble
from janitor.diagnosis.host_conditions import Place
from janitor.guest.processes.capture import Capture
from janitor.guest.processes.supervisor import Outcome
from janitor.guest.redaction import Redactor
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.docker.client import DockerClient
from janitor.validator.engine import HandlerRun
from janitor.validator.engines.docker.start import judge_start
from janitor.validator.engines.gpu_probe import torch_probe
from janitor.validator.findings import EvidenceMaker
from janitor.validator.gpu.gpu_use import GpuWatch
from janitor.validator.gpu.host_gpu import query_gpu
from janitor.validator.settings import Settings

BANNER = "--- Starting Serverless Worker |  Version 1.12.0 ---\n"
EVIDENCE = EvidenceMaker(Redactor())
PLACE = Place(has_gpu=False, gaps=(), in_image=lambda _path: True, is_image=True)


def outcome(text: str, exit_code: int | None = 0) -> Outcome:
    capture = Capture()
    capture.add(text.encode())
    return Outcome(
        argv=("docker", "run"),
        exit_code=exit_code,
        timed_out=exit_code is None,
        output=capture.finish(),
        seconds=1.0,
        left_behind=0,
    )


class TestStart:
    @pytest.mark.parametrize(
        ("text", "exit_code", "out_of_memory", "status", "code"),
        [
            (BANNER, 0, False, CheckStatus.PASS, None),
            (BANNER + "WARN   | test_input.json not found, exiting.\n", 1, False, CheckStatus.PASS, None),
            (BANNER, None, False, CheckStatus.PASS, None),
            ("", 137, True, CheckStatus.ERROR, "resource"),
            (BANNER + "Killed\n", 1, True, CheckStatus.ERROR, "resource"),
            (BANNER, 0, True, CheckStatus.PASS, None),
            ("hello\n", 0, False, CheckStatus.FAIL, "exited_at_once"),
            ("ImportError: no such thing\n", 1, False, CheckStatus.FAIL, "exited_early"),
            ("own exit\n", 125, False, CheckStatus.FAIL, "exited_early"),
            ("RuntimeError: Found no NVIDIA driver\n", 1, False, CheckStatus.ERROR, "gpu_missing"),
            ("OSError: [Errno 28] No space left on device\n", 1, False, CheckStatus.ERROR, "disk_full"),
            ('exec: "/app/x": no such file\n', 127, False, CheckStatus.FAIL, "command_not_started"),
            ("sh: 1: pythn: not found\n", 127, False, CheckStatus.FAIL, "command_not_started"),
            ("docker: Error response from daemon: no such network.\n", 125, False, CheckStatus.ERROR, "engine_trouble"),
            (
                "docker: Error response from daemon: nvidia-container-cli: requirement error: cuda>=12.6\n",
                125,
                False,
                CheckStatus.ERROR,
                "host_driver",
            ),
            ("loading\n", None, False, CheckStatus.ERROR, "start_timeout"),
        ],
    )
    def test_verdict(self, text, exit_code, out_of_memory, status, code):
        run = HandlerRun(outcome=outcome(text, exit_code), out_of_memory=out_of_memory)
        finding = judge_start(run, evidence=EVIDENCE, place=PLACE, serves=False)
        assert (finding.status, finding.reason_code) == (status, code)
        assert finding.evidence

    def test_server_of_its_own_kind_must_stay(self):
        stays = HandlerRun(outcome=outcome("listening\n", None), out_of_memory=False)
        assert judge_start(stays, evidence=EVIDENCE, place=PLACE, serves=True).status is CheckStatus.PASS
        ends = HandlerRun(outcome=outcome("bye\n", 0), out_of_memory=False)
        finding = judge_start(ends, evidence=EVIDENCE, place=PLACE, serves=True)
        assert (finding.status, finding.reason_code) == (CheckStatus.FAIL, "exited_early")


COLD = """\
#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
#4 [1/4] FROM docker.io/library/python:3.11
#4 CACHED
#5 [2/4] WORKDIR /app
#5 DONE 0.1s
#6 [stage-1 3/4] RUN sleep 1
#6 0.2 working
#6 DONE 1.2s
"""


class TestBuildLog:
    @pytest.mark.parametrize(
        ("log", "state", "cached", "steps"),
        [
            (COLD, CacheState.COLD, 0, 2),
            (COLD.replace("#5 DONE 0.1s", "#5 CACHED"), CacheState.PARTIAL, 1, 2),
            (COLD.replace("#5 DONE 0.1s", "#5 CACHED").replace("#6 DONE 1.2s", "#6 CACHED"), CacheState.WARM, 2, 2),
            ("", CacheState.COLD, 0, 0),
        ],
    )
    def test_cache_state_leaves_from_out(self, log, state, cached, steps):
        use = cache_use(log)
        assert (use.state, use.cached, use.steps) == (state, cached, steps)

    def test_step_that_was_running_is_named(self):
        assert running_step(COLD.replace("#6 DONE 1.2s\n", "")) == "[stage-1 3/4] RUN sleep 1"
        assert running_step(COLD.replace("#6 DONE 1.2s", "#6 CANCELED")) == "[stage-1 3/4] RUN sleep 1"
        assert running_step(COLD) is None

    @pytest.mark.parametrize(
        "form", ["executor failed running [/bin/sh -c x]", 'process "/bin/sh -c x" did not complete']
    )
    def test_killed_step_is_out_of_memory(self, form):
        step = failing_step(f"#6 [3/4] RUN x\n#6 0.2 compiling\n#6 ERROR: {form}: exit code: 137\n")
        assert step.exit_code == 137
        trouble = build_trouble(step.output, step.exit_code)
        assert (trouble.code, trouble.repository_at_fault) == ("out_of_memory", False)


@pytest.mark.parametrize(
    ("text", "code", "at_fault"),
    [
        ("pull access denied, repository does not exist or may require authorization", "registry_denied", False),
        ("server message: insufficient_scope: authorization failed", "registry_denied", False),
        ("unexpected status from HEAD request to https://r.example/v2/x: 429 Too Many Requests", "rate_limited", False),
        ("unexpected status: 500 Internal Server Error", "server_trouble", False),
        ("failed to register layer: write /usr/lib/x: no space left on device", "disk_full", False),
        ("failed to solve: secret HF_TOKEN: not found", "needs_secret", False),
        ("c++: fatal error: Killed signal terminated program cc1plus", "out_of_memory", False),
        ('failed to compute cache key: "/nothing" not found: not found', "copy_source_missing", True),
        ("dockerfile parse error line 3: unknown instruction: FOO", "dockerfile_invalid", True),
        ("base name (${BASE}) should not be blank", "dockerfile_invalid", True),
        ("no match for platform in manifest: not found", "base_platform", True),
        ("manifest unknown: manifest unknown", "not_found", True),
    ],
)
def test_build_trouble_is_blamed_on_the_right_party(text, code, at_fault):
    trouble = build_trouble(text, 1)
    assert trouble is not None
    assert (trouble.code, trouble.repository_at_fault) == (code, at_fault)


def script(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def settings(folder: Path, *folders: Path) -> Settings:
    path = os.pathsep.join([*(str(each) for each in folders), os.environ["PATH"]])
    return Settings.from_environment({"PATH": path, "HOME": str(folder), "TMPDIR": str(folder)})


class TestHostGpu:
    TABLE = "| NVIDIA-SMI 550.54   Driver Version: 550.54.15   CUDA Version: 12.4 |"

    def ask(self, folder: Path, text: str):
        script(folder / "bin", "nvidia-smi", text)
        return query_gpu(settings(folder, folder / "bin"), folder)

    def test_all_that_counts_is_read(self, tmp_path):
        query = (
            f"case \"$1\" in --query*) echo 'NVIDIA A10G, 550.54.15, 23028 MiB, 8.6';; *) echo '{self.TABLE}';; esac"
        )
        gpu = self.ask(tmp_path, query).gpu
        assert gpu is not None
        assert (gpu.name, gpu.memory, gpu.compute_capability, gpu.cuda) == ("NVIDIA A10G", "23028 MiB", "8.6", "12.4")

    def test_old_driver_without_the_capability_field_is_asked_again(self, tmp_path):
        text = (
            'case "$1" in *compute_cap*) echo \'Field "compute_cap" is not a valid field to query.\'; exit 2;;\n'
            "--query*) echo 'Tesla T4, 470.1, 15109 MiB';; *) echo 'CUDA Version: 11.4';; esac"
        )
        gpu = self.ask(tmp_path, text).gpu
        assert gpu is not None
        assert (gpu.name, gpu.compute_capability, gpu.cuda) == ("Tesla T4", None, "11.4")

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("echo 'No devices were found'; exit 6", "gpu_missing"),
            ("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18", "host_driver"),
            (
                'echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; exit 9',
                "host_driver",
            ),
        ],
    )
    def test_broken_driver_is_told_from_a_missing_gpu(self, tmp_path, text, code):
        query = self.ask(tmp_path, text)
        assert query.gpu is None
        assert query.why_not[0] == code


class TestGpuUse:
    def test_rise_of_the_memory_is_seen(self, tmp_path):
        used = tmp_path / "used"
        used.write_text("100, 0\n")
        script(tmp_path / "bin", "nvidia-smi", f"cat {used}")
        watch = GpuWatch({"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
        assert watch.use is None
        watch.start()
        used.write_text("700, 35\n")
        watch.stop()
        assert watch.use is not None
        assert (watch.use.memory_rise_bytes, watch.use.utilisation, watch.use.was_used) == (600 * 1024**2, 35, True)

    def test_idle_gpu_was_not_used(self, tmp_path):
        script(tmp_path / "bin", "nvidia-smi", "echo '100, 0'")
        watch = GpuWatch({"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
        watch.start()
        watch.stop()
        assert watch.use is not None
        assert not watch.use.was_used

    def test_slow_looks_may_miss_what_comes_and_goes(self, tmp_path):
        script(tmp_path / "bin", "nvidia-smi", "sleep 1.6; echo '100, 0'")
        watch = GpuWatch({"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
        watch.start()
        watch.stop()
        assert watch.use is not None
        assert (watch.use.was_used, watch.use.may_be_missed) == (False, True)
        # What the probe does is held for longer than the host takes to look.
        assert watch.look_seconds > 3
        assert f"time.monotonic() + {3 * watch.look_seconds:.1f}" in torch_probe(watch.look_seconds)

    def test_what_cannot_be_measured_is_not_known(self, tmp_path):
        watch = GpuWatch({"PATH": str(tmp_path)})
        watch.start()
        watch.stop()
        assert watch.use is None


class TestClient:
    def test_first_command_that_can_build_is_used(self, tmp_path):
        new = script(tmp_path / "new", "docker", '[ "$1" = version ] && echo "28.2.2 20.10.24" || exit 1')
        old = script(tmp_path / "old", "docker", 'echo "20.10.24 20.10.24"')
        client = DockerClient(settings(tmp_path, new.parent, old.parent))
        assert client.why_not() is None
        assert client.program == str(old)

    def test_why_no_command_can_be_used_is_said(self, tmp_path):
        script(tmp_path / "new", "docker", '[ "$1" = version ] && echo "28.2.2 20.10.24" || exit 1')
        only = Settings.from_environment({"PATH": f"{tmp_path / 'new'}:/nowhere", "TMPDIR": str(tmp_path)})
        assert "lacks its buildx component" in DockerClient(only).why_not()
        none = Settings.from_environment({"PATH": "/nowhere", "TMPDIR": str(tmp_path)})
        assert "can't be started" in DockerClient(none).why_not()


def test_limits_come_from_the_environment(tmp_path):
    environment = {"PATH": "/bin", "HOME": str(tmp_path), "JANITOR_BUILD_LIMIT_MINUTES": "2.5"}
    assert Settings.from_environment(environment).build_limit == timedelta(minutes=2.5)
    odd = Settings.from_environment({**environment, "JANITOR_BUILD_LIMIT_MINUTES": "soon"})
    assert odd.build_limit == timedelta(minutes=90)
