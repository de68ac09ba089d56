"""On a machine that others use, too, the cache mounts of a build are under a name of the repository's own."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

from janitor.guest.interrupts import Interrupts
from janitor.guest.journal import Journal
from janitor.guest.redaction import Redactor
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.terms.provenance import Machine
from janitor.protocol.terms.statuses import CacheState, EngineChoice
from janitor.validator.context import CheckContext
from janitor.validator.docker.flavour import Flavour
from janitor.validator.engines.docker.build import _own_cache_mounts
from janitor.validator.findings import EvidenceMaker
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace

_WORKER = "3f2a0b1c-0000-4000-8000-000000000001"
_DEADLINE = datetime(2030, 1, 1, tzinfo=timezone.utc)


def options(tmp_path: Path, machine: Machine | None, url: str, flavour: Flavour = Flavour.DOCKER) -> list[str]:
    redactor = Redactor()
    spec = ValidationSpec(
        validation_id=str(UUID(int=1)),
        run_id=str(UUID(int=2)),
        repository=RepositorySpec(name="w", organization="o", url=url),
        prompt="look",
        gpu_required=False,
        engine=EngineChoice.DOCKER,
        deadline=_DEADLINE,
        grace=timedelta(minutes=1),
        machine=machine,
    )
    context = CheckContext(
        spec=spec,
        settings=Settings.from_environment({"HOME": str(tmp_path)}),
        workspace=Workspace.make(tmp_path),
        journal=Journal(redactor),
        evidence=EvidenceMaker(redactor),
        interrupts=Interrupts(_DEADLINE),
    )
    return _own_cache_mounts(context, flavour)


def test_each_repository_has_its_own_where_others_come_to_the_same_engine(tmp_path: Path) -> None:
    worker = Machine(worker_id=_WORKER, task_ordinal=1)
    first, again, other = (options(tmp_path, worker, f"https://example.org/{name}") for name in ("a", "a", "b"))
    assert first == again != other
    assert first[0] == "--build-arg"
    assert first[1].startswith("BUILDKIT_CACHE_MOUNT_NS=")
    assert options(tmp_path, replace(worker, worker_id=None, cache=CacheState.COLD), "https://example.org/a") == first


def test_a_machine_of_its_own_and_another_builder_are_told_nothing(tmp_path: Path) -> None:
    for machine in (None, Machine(instance_type="g5.xlarge")):
        assert options(tmp_path, machine, "https://example.org/a") == []
    assert options(tmp_path, Machine(worker_id=_WORKER), "https://example.org/a", Flavour.PODMAN) == []
