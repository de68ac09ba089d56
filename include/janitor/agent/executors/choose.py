"""Finds a sandbox: the repository's own image where an engine built one, else namespaces of the machine, else the
janitor image, else none. An image without a shell must not be a repository's way to be looked at by nobody.
"""

from __future__ import annotations

from janitor.agent.executors.base import Executor, ExecutorError
from janitor.agent.executors.docker import DockerExecutor
from janitor.agent.executors.jail import JailExecutor
from janitor.agent.settings import AgentSettings
from janitor.protocol.agent.work import AgentOrder


async def start_executor(order: AgentOrder, settings: AgentSettings, archive: bytes) -> Executor:
    """Start the best sandbox that this machine allows.

    Args:
        order: Names the image, if there is one.
        settings: Of this machine.
        archive: The repository's copy (see `Executor.start`).

    Raises:
        ExecutorError: There is none; commands are never run as this process's own user.
    """
    candidates: list[Executor] = [JailExecutor(settings)]
    if order.sandbox_image is not None:
        docker = DockerExecutor(order.sandbox_image, settings, label=order.sandbox_label, gpu=order.sandbox_gpu)
        candidates.insert(0, docker)
    if order.agent.image is not None:
        candidates.append(
            DockerExecutor(order.agent.image, settings, label=order.sandbox_label, gpu=False, whose="the janitor image")
        )
    problems = []
    for candidate in candidates:
        try:
            await candidate.start(archive)
        except ExecutorError as exc:
            problems.append(str(exc))
            await candidate.stop()
        except BaseException:
            await candidate.stop()
            raise
        else:
            return candidate
    raise ExecutorError("; ".join(problems))
