"""The agent's sandbox in a container of the repository's image, on a real engine: it has nothing and leaves nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import time
from datetime import datetime, timedelta, timezone

import pytest

from janitor.agent.executors.base import ExecutorError, FileRefusedError, list_through, read_through
from janitor.agent.executors.choose import start_executor
from janitor.agent.executors.docker import DockerExecutor
from janitor.agent.repository_copy import pack_repository
from janitor.agent.settings import AgentSettings
from janitor.protocol.agent.answers import AgentLimits, AgentSpec
from janitor.protocol.agent.work import AgentOrder
from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from tests.integration.agent.conftest import needs_root, run, verdict
from tests.integration.agent.endpoint import Endpoint
from tests.integration.validator.conftest import (  # noqa: F401  # fixtures
    artefact,
    docker_host,
    handler,
    in_docker,
    make_repository,
    make_worker,
    package_cache,
    start_validator,
    validate,
)
from tests.support.docker_images import PYTHON_BASE, WORKER_BASE

pytestmark = [pytest.mark.docker, needs_root]

LIMIT = timedelta(seconds=30)
LABEL = "janitor.test=agent"
DOCKERFILE = f'FROM {WORKER_BASE}\nWORKDIR /app\nCOPY . .\nCMD ["python", "-u", "handler.py"]\n'
ECHO = handler("return {'got': job['input']}")


@pytest.fixture
def settings(docker_host, tmp_path):  # noqa: F811  # the fixture that is imported
    """Reaches the engine."""
    folder = os.path.dirname(docker_host.program)
    return AgentSettings(
        path=f"{folder}:{os.environ['PATH']}", temporary=str(tmp_path), docker=dict(docker_host.environment)
    )


@pytest.fixture
def in_sandbox(checkout, settings, docker_host):  # noqa: F811  # the fixture that is imported
    """Runs commands one after the other in one container with the checkout."""

    def work(*commands, limit=LIMIT):
        async def all_of_them():
            executor = DockerExecutor(PYTHON_BASE, settings, label=LABEL, gpu=False)
            try:
                await executor.start(pack_repository(checkout)[0])
                return [await (each(executor) if callable(each) else executor.run(each, limit)) for each in commands]
            finally:
                await executor.stop()

        return asyncio.run(all_of_them())

    yield work
    assert docker_host.call("ps", "--all", "--quiet", "--filter", f"label={LABEL}").stdout == ""


def test_container_has_nothing(in_sandbox, monkeypatch):
    monkeypatch.setenv("SECRET_MARK", "mark-in-parent")
    looks, net, write = in_sandbox(
        "id; env; cat /proc/1/environ; grep -E 'CapEff|NoNewPrivs' /proc/self/status; ls /var/run/docker.sock 2>&1",
        "cat /proc/net/dev; python3 -c \"import socket as s; s.create_connection(('169.254.169.254', 80), 3)\"",
        "touch /etc/planted /planted; echo kept > kept; cat kept; pwd",
    )
    assert "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)" in looks.stdout
    assert "mark-in-parent" not in looks.stdout
    assert "CapEff:\t0000000000000000" in looks.stdout
    assert "NoNewPrivs:\t1" in looks.stdout
    assert "docker.sock': No such file" in looks.stdout
    assert "eth0" not in net.stdout
    assert "Network is unreachable" in net.stderr
    assert write.stdout == "kept\n/workspace\n"
    assert write.stderr.count("Permission denied") + write.stderr.count("Read-only file system") == 2


def test_nothing_of_a_container_is_on_the_machines_disk(in_sandbox, docker_host):  # noqa: F811  # the fixture that is imported
    places = "/tmp /var/tmp /dev/shm /workspace"
    flood = f"for place in {places}; do head -c 2500000000 /dev/zero > $place/big; rm $place/big; done; true"
    writable, flooded, after = in_sandbox(
        "find / -xdev -type d -writable -not -path '/proc/*' 2>/dev/null; echo echo ran > script; sh script",
        flood,
        "cat app.sh",
    )
    assert set(writable.stdout.split()) <= {*places.split(), "ran"}, writable
    assert writable.stdout.endswith("ran\n")
    assert flooded.stderr.count("No space left on device") == 4, flooded
    assert after.stdout == "echo hello from the app\n"


def test_control_socket_of_the_engine_and_other_containers_are_out_of_reach(in_sandbox, settings):
    socket = settings.docker.get("DOCKER_HOST", "").removeprefix("unix://")
    looks, ended = in_sandbox(
        f"ls -la {socket} /run/docker* /var/run/docker* /run/containerd* 2>/dev/null; find / -xdev -type s 2>/dev/null",
        "kill -9 1; kill -TERM 1; kill -9 -1",
    )
    assert looks.stdout == ""
    assert ended.exit_code != 0


def test_tools_read_through_the_container(in_sandbox, checkout, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret-of-the-host")
    (checkout / "link").symlink_to(secret)
    (checkout / "shadow").symlink_to("/etc/shadow")

    async def look(executor):
        with pytest.raises(FileRefusedError):
            await read_through(executor, "link", offset=0, count=100)
        with pytest.raises(FileRefusedError):
            await read_through(executor, "shadow", offset=0, count=100)
        names = await list_through(executor, ".", most=10)
        return names, await read_through(executor, "app.sh", offset=5, count=5)

    ((names, text),) = in_sandbox(look)
    assert names == ["README.md", "app.sh", "link", "shadow"]
    assert text == "hello"


def test_what_forks_away_in_a_container_ends_with_its_command(in_sandbox, checkout):
    (checkout / "away.sh").write_text(
        "(setsid sh -c 'trap \"\" TERM HUP INT; while :; do echo alive >> beat; sleep 0.05; done' >/dev/null 2>&1 &)\n"
        "until test -s beat; do sleep 0.05; done; echo started\n"
    )
    started, first, second = in_sandbox("sh away.sh", "wc -c < beat", "sleep 0.5; wc -c < beat")
    assert started.stdout == "started\n", started
    assert first.stdout == second.stdout


def test_command_beyond_its_time_ends_in_the_container(in_sandbox):
    began = time.monotonic()
    result, left = in_sandbox(
        "setsid sleep 300 & sleep 301", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '", limit=LIMIT / 15
    )
    assert result.timed_out, result
    assert "sleep 30" not in left.stdout.replace("cat", "")
    assert time.monotonic() - began < 30


def test_fork_bomb_leaves_the_container_usable(in_sandbox):
    _, after = in_sandbox(
        "bomb() { bomb | bomb & }; bomb; sleep 2", "echo fine; cat app.sh", limit=timedelta(seconds=10)
    )
    assert after.stdout == "fine\necho hello from the app\n", after


def test_flood_from_a_container_is_capped(in_sandbox):
    (result,) = in_sandbox("head -c 200000000 /dev/zero | tr '\\0' x")
    assert result.exit_code == 0
    assert len(result.stdout) < 40_000


def test_image_without_a_shell_makes_no_container_sandbox(settings, checkout, docker_host, tmp_path):  # noqa: F811  # the fixture that is imported
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "file").write_text("x")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY file /file\n")
    built = docker_host.call(
        *("build", "--tag", "janitor-test-empty", "--file", str(tmp_path / "Dockerfile"), str(tmp_path / "empty"))
    )
    assert built.returncode == 0, built.stderr
    order = AgentOrder(
        validation_id="v",
        prompt="p",
        agent=AgentSpec(model="openai:x"),
        checks=(),
        checkout=str(checkout),
        deadline=datetime.now(timezone.utc) + LIMIT,
        sandbox_image="janitor-test-empty",
        sandbox_label=LABEL,
    )

    async def start():
        with pytest.raises(ExecutorError, match="docker run failed"):
            await DockerExecutor("janitor-test-empty", settings, label=LABEL, gpu=False).start(b"")
        executor = await start_executor(order, settings, pack_repository(checkout)[0])
        await executor.stop()
        return executor.description

    try:
        # The machine's namespaces serve instead.
        assert asyncio.run(start()).startswith("namespaces of this machine")
    finally:
        docker_host.call("rmi", "--force", "janitor-test-empty")
        left = docker_host.call("ps", "--all", "--quiet", "--filter", f"label={LABEL}").stdout.split()
        if left:
            docker_host.call("rm", "--force", *left)


def test_image_without_a_shell_is_looked_at_from_the_janitor_image(settings, checkout, docker_host, tmp_path):  # noqa: F811  # the fixture that is imported
    """Where the machine allows no namespaces: a repository must not choose to be looked at by nobody."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").symlink_to(docker_host.program)
    order = AgentOrder(
        validation_id="v",
        prompt="p",
        agent=AgentSpec(model="openai:x", image=PYTHON_BASE),
        checks=(),
        checkout=str(checkout),
        deadline=datetime.now(timezone.utc) + LIMIT,
        sandbox_image="janitor-test-none-such",
        sandbox_label=LABEL,
    )
    alone = dataclasses.replace(settings, path=str(tmp_path / "bin"))

    async def look():
        executor = await start_executor(order, alone, pack_repository(checkout)[0])
        try:
            return executor.description, await executor.run("cat app.sh; id -u", LIMIT)
        finally:
            await executor.stop()

    description, result = asyncio.run(look())
    assert description.startswith("container of the janitor image")
    assert result.stdout == "echo hello from the app\n65534\n"


def test_agent_works_in_the_image_that_was_built(in_docker, make_worker, docker_host):  # noqa: F811  # the fixture that is imported
    look = run("python3 -c 'import runpod; print(\"the SDK is\", runpod.__name__)'; cat README.md; hostname")
    with Endpoint([look, verdict("pass", "it imports")]) as endpoint:
        spec = AgentSpec(model="openai:local", base_url=f"{endpoint.url}/v1").to_dict()
        result = in_docker(make_worker(ECHO, {"Dockerfile": DOCKERFILE}), agent=spec)
        shown = json.dumps(endpoint.posts[-1].body)
    assert result.status is ReportStatus.SUCCESS, result.output
    assert result.check("agent_prompt").status is CheckStatus.PASS
    assert "container of the repository's image" in result.evidence("agent_prompt")
    assert "the SDK is runpod" in shown
    assert "sandbox" in shown


def test_agent_that_hangs_leaves_no_container(in_docker, make_worker):  # noqa: F811  # the fixture that is imported
    with Endpoint([{"hang": True}]) as endpoint:
        limits = AgentLimits(wall_clock=timedelta(seconds=3))
        spec = AgentSpec(model="openai:local", base_url=f"{endpoint.url}/v1", limits=limits).to_dict()
        result = in_docker(make_worker(ECHO, {"Dockerfile": DOCKERFILE}), agent=spec)
    assert (result.status, result.reason) == (ReportStatus.ERROR, ("agent_prompt", "agent_timed_out")), result.output
    assert result.check("cleanup").status is CheckStatus.PASS
