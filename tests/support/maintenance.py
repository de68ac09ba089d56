"""Broken repositories, and a workshop whose laboratory is small and real: it runs a repository's handler.

A repository of it has a `handler.py` whose exit code is its verdict. `python -m tests.support.maintenance` works on a
shard, to be killed at an edge.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from janitor.cli.terminal.signals import ending_signals_raise
from janitor.domain.repair.discovery import Discovered
from janitor.domain.repair.proposal import Abstained, Failure, Proposal, ProposedBy
from janitor.domain.repair.shard import Repair, Shard
from janitor.domain.repair.states import RepairState
from janitor.protocol.order.patch import Patch
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.maintenance.discovering import claim_all, find_work
from janitor.services.maintenance.running import RunOrder, carry_out
from janitor.services.maintenance.work_shard import work_shard
from janitor.services.maintenance.workshop import Edge, Given, Proved, Workshop
from janitor.services.workspaces.manager import Workspace, WorkspaceManager
from janitor.settings import Settings, load_settings
from tests.support.git_origins import Origin
from tests.support.reports import check_of, conclusion_of, end_validation, report_of, trouble
from tests.support.rows import insert_run

ROOT = Path(__file__).resolve().parents[2]
BROKEN = "raise SystemExit(1)  # broken\n"
MENDED = "raise SystemExit(0)\n"
_SPACE = UUID("5b0a3b9e-6d2c-4d0f-9a68-3f3a6f0e2c11")


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A repository as the last run found it."""

    name: str
    handler: str = BROKEN
    reason: str = "KeyError: 'large'"
    """Equal for equal causes."""
    error: bool = False
    """Whether it ended by trouble that isn't its own."""


def broken_run(settings: Settings, folder: Path, *repositories: Broken) -> dict[str, Origin]:
    """A run of acme's repositories that is over; returns where each is fetched from."""
    origins = {}
    lines = ["repositories:"]
    for one in repositories:
        origin = origins[f"acme/{one.name}"] = Origin(folder / one.name)
        origin.commit({"handler.py": one.handler, "README.md": f"{one.name}\n"})
        lines.append(f'  - {{name: {one.name}, organization: acme, prompt: look at it, url: "{origin.url}"}}')
    run_id, ids = insert_run(settings.writer_url, deployment=settings.deployment, config="\n".join(lines) + "\n")
    for one, validation_id in zip(repositories, ids, strict=True):
        if one.error:
            end_validation(settings.writer_url, validation_id, trouble("instance_lost", "the instance is gone"))
            continue
        commit = origins[f"acme/{one.name}"].git("rev-parse", "HEAD")
        check = check_of("handler_local", CheckStatus.FAIL, code="handler_raised", reason=one.reason)
        report = report_of(validation_id, run_id, check, repository=f"acme/{one.name}", commit=commit)
        end_validation(settings.writer_url, validation_id, conclusion_of(report))
    import psycopg

    with psycopg.connect(settings.writer_url) as connection:
        connection.execute(
            "update janitor.validation_runs set status = 'failed', completed_at = now() where run_id = %s", (run_id,)
        )
    return origins


def propose_mended(failure: Failure, workspace: Workspace, *, shard_id: str) -> Proposal | Abstained:
    """What mends `handler.py`."""
    before = (workspace.path / "handler.py").read_text()
    if "broken" not in before:
        return Abstained(reason="no recipe is for this")
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), MENDED.splitlines(keepends=True), "a/handler.py", "b/handler.py"
    )
    return Proposal(
        by=ProposedBy.RECIPE,
        name="exit-code",
        patch=Patch.of("diff --git a/handler.py b/handler.py\n" + "".join(lines)),
        summary="Let the handler end well",
        root_cause="The handler ends with 1.",
        evidence=(failure.repeated.report.summary,),
    )


def refuse_large(proposal: Proposal, read: Callable[[str], bytes | None]) -> str | None:
    """Refuses what takes a file away that isn't there."""
    return None if read("handler.py") else "size: it changes what isn't there"


@dataclass(frozen=True, kw_only=True)
class SmallLaboratory:
    """Runs the handler of a commit, with a patch and without."""

    log: Path
    """A line for each experiment that was carried out."""
    search_path: str
    cost_usd: Decimal = Decimal("0.01")

    def __call__(
        self, failure: Failure, proposal: Proposal, *, shard_id: str, key: str, limit_usd: Decimal | None
    ) -> Proved:
        """Prove a proposal."""
        codes = [self._run(failure, patch) for patch in (proposal.patch.text, None)]
        with self.log.open("a") as file:
            file.write(f"{key} {codes}\n")
        state = RepairState.PROVEN if codes[0] == 0 and codes[1] != 0 else RepairState.DISPROVEN
        return Proved(
            state=state,
            reason=f"exit codes {codes}",
            proof_validation_id=uuid5(_SPACE, key),
            control_validation_id=failure.repeated.validation_id,
            cost_usd=self.cost_usd,
        )

    def _run(self, failure: Failure, patch: str | None) -> int:
        with tempfile.TemporaryDirectory() as folder:
            env = {"PATH": self.search_path, "HOME": folder, "GIT_CONFIG_NOSYSTEM": "1"}
            for words in (
                ["git", "clone", "--quiet", failure.repeated.plan.url, "tree"],
                ["git", "-C", "tree", "checkout", "--quiet", failure.repeated.commit_sha],
            ):
                subprocess.run(words, cwd=folder, env=env, check=True, timeout=60, capture_output=True)
            if patch is not None:
                words = ["git", "-C", "tree", "apply", "-"]
                subprocess.run(words, cwd=folder, env=env, input=patch.encode(), check=True, timeout=60)
            done = subprocess.run(
                [sys.executable, "handler.py"], cwd=f"{folder}/tree", env=env, timeout=60, check=False
            )
            return done.returncode


@dataclass(frozen=True, kw_only=True)
class FolderPublisher:
    """Publishes into a folder: the same file for the same repair."""

    folder: Path

    def __call__(self, shard: Shard, repair: Repair, failure: Failure, workspace: Workspace) -> Given:
        """Write the patch."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{repair.repository.replace('/', '.')}.{repair.signature[:8]}.patch"
        path.write_text(repair.patch or "")
        return Given(state=RepairState.PUBLISHED, published_as="patch", url=str(path))


def small_workshop(
    settings: Settings,
    folder: Path,
    *,
    max_cost_usd: Decimal | None = None,
    reached: Callable[[str, Edge], None] | None = None,
) -> Workshop:
    """A workshop that needs no cloud and no Airflow."""
    folder.mkdir(parents=True, exist_ok=True)
    return Workshop(
        settings=settings,
        manager=WorkspaceManager.of(settings),
        propose=propose_mended,
        gate=refuse_large,
        prove=SmallLaboratory(log=folder / "experiments", search_path=settings.inherited.get("PATH", os.defpath)),
        publish=FolderPublisher(folder=folder / "published"),
        max_cost_usd=max_cost_usd,
        reached=reached or (lambda shard_id, edge: None),
    )


def discovered_and_claimed(
    settings: Settings, run_id: str, *, airflow_run_id: str | None = None
) -> tuple[Discovered, list[Shard]]:
    """What a run finds and makes its own."""
    found = find_work(settings, run_id)
    return found, claim_all(settings, found, airflow_run_id=airflow_run_id)


def start_worker(
    environment: Mapping[str, str], folder: Path, shard_id: str, *, die_at: Edge
) -> subprocess.Popen[bytes]:
    """Work on a shard in a process of its own, which kills itself at an edge."""
    return _start({"environment": dict(environment), "folder": str(folder), "shard": shard_id, "die": die_at.value})


def start_run_process(
    environment: Mapping[str, str], folder: Path, run_id: str, *, stay_at: Edge | None = None, stubborn: bool = False
) -> subprocess.Popen[bytes]:
    """Carry a run out in a process of its own.

    Args:
        environment: Of the deployment.
        folder: Of the workshop.
        run_id: Of the run.
        stay_at: The edge at which it does nothing any more, until somebody ends it.
        stubborn: Whether it doesn't end when it is asked to.
    """
    stay = None if stay_at is None else stay_at.value
    order = {"environment": dict(environment), "folder": str(folder), "run": run_id, "stay": stay}
    return _start(order | {"stubborn": stubborn})


def _start(order: Mapping[str, object]) -> subprocess.Popen[bytes]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'include'}", "PYTHONUNBUFFERED": "1"}
    argv = [sys.executable, "-m", "tests.support.maintenance", json.dumps(order)]
    return subprocess.Popen(argv, env=env, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)


def main(order: Mapping[str, Any]) -> None:
    """Carry an order out."""
    settings = load_settings("local", environ=order["environment"], project_root=ROOT)

    def reached(shard_id: str, edge: Edge) -> None:
        print(f"{shard_id} {edge.value}", flush=True)
        if edge.value == order.get("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        while edge.value == order.get("stay"):
            time.sleep(0.1)

    shop = small_workshop(settings, Path(order["folder"]), reached=reached)
    if "shard" in order:
        work_shard(shop, order["shard"])
        return
    if order["stubborn"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        carry_out(shop, RunOrder(run_id=order["run"]))
        return
    with contextlib.suppress(KeyboardInterrupt), ending_signals_raise():
        carry_out(shop, RunOrder(run_id=order["run"]))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
