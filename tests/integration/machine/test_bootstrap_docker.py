"""The bootstrap under a real dockerd, with the image's own configuration: the cache outlives its instances."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.integration.machine.test_bootstrap_disks import mounted
from tests.support.machine import EBS, NVME, VOLUME, Machine

IMAGE = "janitor-test/kept:1"
_GIB_IN_MIB = 1024


def import_image(machine: Machine, folder: Path) -> str:
    """A small image, made here: no registry is asked."""
    (folder / "layer").mkdir(exist_ok=True)
    (folder / "layer" / "file").write_text("a layer\n" * 10_000)
    archive = folder / "layer.tar"
    subprocess.run(["tar", "-C", str(folder / "layer"), "-cf", str(archive), "."], check=True, timeout=60)
    return machine.docker("import", str(archive), IMAGE)


@pytest.fixture
def ready(docker_machine: Machine) -> Machine:
    """A machine that has booted, with an NVMe and a cache volume attached."""
    docker_machine.disk(NVME, _GIB_IN_MIB)
    docker_machine.disk(EBS, _GIB_IN_MIB)
    docker_machine.boot()
    return docker_machine


def root_of(machine: Machine) -> str:
    return machine.docker("info", "--format", "{{.DockerRootDir}}")


def test_dockers_data_are_on_the_nvme_from_the_first_start(ready: Machine) -> None:
    assert root_of(ready) == str(ready.data / "docker")
    assert mounted(ready.data) is not None
    assert (ready.data / "docker" / "overlay2").is_dir() or (ready.data / "docker" / "vfs").is_dir()
    assert (ready.run / "ready").exists()


def test_the_cache_holds_images_over_instances(ready: Machine, tmp_path: Path) -> None:
    assert ready.bootstrap("cache", VOLUME).stdout == f"cache: attached ({VOLUME}, as it was)\n"
    digest = import_image(ready, tmp_path)
    assert ready.bootstrap("release").stdout == "cache: released\n"
    ready.die()
    # The next instance: another NVMe, the same volume.
    ready.disk(NVME, _GIB_IN_MIB)
    ready.boot()
    assert ready.docker("images", "--quiet") == "", "nothing of the cache is on the instance's own disk"
    assert ready.bootstrap("cache", VOLUME).stdout == f"cache: attached ({VOLUME}, as it was)\n"
    assert ready.docker("images", "--no-trunc", "--quiet") == digest


def test_an_instance_that_is_killed_with_its_docker_leaves_a_cache_that_works(ready: Machine, tmp_path: Path) -> None:
    assert "attached" in ready.bootstrap("cache", VOLUME).stdout
    digest = import_image(ready, tmp_path)
    subprocess.run(["sync"], check=True, timeout=120)
    ready.die()
    ready.boot()
    done = ready.bootstrap("cache", VOLUME)
    assert done.stdout == f"cache: attached ({VOLUME}, as it was)\n", done.stderr
    assert ready.docker("images", "--no-trunc", "--quiet") == digest


def test_a_tree_on_which_docker_does_not_start_is_moved_aside(ready: Machine, tmp_path: Path) -> None:
    assert "attached" in ready.bootstrap("cache", VOLUME).stdout
    import_image(ready, tmp_path)
    assert ready.bootstrap("release").returncode == 0
    ready.bootstrap("cache", VOLUME)
    ready.die()
    spoil(ready)
    ready.boot()
    done = ready.bootstrap("cache", VOLUME)
    assert done.stdout == f"cache: attached ({VOLUME}, emptied, Docker did not start on what it held)\n", done.stderr
    assert ready.docker("images", "--quiet") == ""
    import_image(ready, tmp_path)
    assert ready.bootstrap("cache", VOLUME).stdout == f"cache: attached ({VOLUME}, as it was)\n"
    assert ready.docker("images", "--quiet") != ""


def spoil(machine: Machine) -> None:
    """Make Docker refuse the tree on the volume: its folder of networks is a file."""
    inside = machine.folder / "look"
    inside.mkdir()
    device = (machine.devices / EBS).resolve()
    subprocess.run(["mount", str(device), str(inside)], check=True, timeout=60)
    try:
        subprocess.run(["rm", "-rf", str(inside / "docker" / "image")], check=True, timeout=60)
        (inside / "docker" / "image").write_text("no folder")
    finally:
        subprocess.run(["umount", str(inside)], check=True, timeout=60)


def test_a_bootstrap_that_is_killed_with_docker_stopped_gets_there_the_second_time(
    ready: Machine, tmp_path: Path
) -> None:
    assert "attached" in ready.bootstrap("cache", VOLUME).stdout
    digest = import_image(ready, tmp_path)
    assert ready.bootstrap("release").returncode == 0
    systemctl = (ready.programs / "systemctl").read_text()
    ready.program("systemctl", systemctl.replace("start)\n", "start)\n    kill -KILL 0\n", 1))
    assert ready.bootstrap("cache", VOLUME).returncode == -9
    ready.program("systemctl", systemctl)
    done = ready.bootstrap("cache", VOLUME)
    assert done.stdout == f"cache: attached ({VOLUME}, as it was)\n", done.stderr
    assert ready.docker("images", "--no-trunc", "--quiet") == digest


def test_without_the_volume_docker_goes_on_with_the_nvme(docker_machine: Machine, tmp_path: Path) -> None:
    docker_machine.disk(NVME, _GIB_IN_MIB)
    docker_machine.boot()
    digest = import_image(docker_machine, tmp_path)
    done = docker_machine.bootstrap("cache", VOLUME)
    assert (done.returncode, done.stdout) == (0, f"cache: cold (the volume {VOLUME} did not appear within 2 s)\n")
    assert docker_machine.docker("images", "--no-trunc", "--quiet") == digest
