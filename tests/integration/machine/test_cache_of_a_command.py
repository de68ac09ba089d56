"""A sequential run's command on a machine with the bootstrap: what becomes of the volume is what its report says."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.integration.machine.test_bootstrap_disks import mounted
from tests.integration.services.test_instance_script import SHARED_SPEC, run, spec_of, storage
from tests.support.machine import BOOTSTRAP, EBS, VOLUME, Machine


def command(machine: Machine) -> subprocess.CompletedProcess[str]:
    (machine.programs / "janitor-bootstrap").unlink(missing_ok=True)
    (machine.programs / "janitor-bootstrap").symlink_to(BOOTSTRAP)
    with storage(200, spec=SHARED_SPEC) as url:
        return run(url, spec=SHARED_SPEC, cache_volume=VOLUME, environment=machine.environment)


def test_each_command_of_a_run_has_docker_on_the_volume(bare_machine: Machine) -> None:
    bare_machine.disk(EBS)
    bare_machine.boot()
    for _ in range(2):
        done = command(bare_machine)
        assert done.stdout.startswith(f"cache: attached ({VOLUME}, as it was)\n"), done.stderr
        assert (done.returncode, spec_of(done)["machine"]["cache"]) == (7, "attached")
        assert mounted(bare_machine.data / "cache") is not None
        (bare_machine.data / "docker" / "layer").write_text("kept")
    assert Path(bare_machine.data / "cache" / "docker" / "layer").read_text() == "kept"


def test_without_the_volume_the_command_goes_on_cold(bare_machine: Machine) -> None:
    bare_machine.boot()
    done = command(bare_machine)
    assert done.stdout.startswith("cache: cold ("), done.stderr
    assert (done.returncode, spec_of(done)["machine"]["cache"]) == (7, "cold")
