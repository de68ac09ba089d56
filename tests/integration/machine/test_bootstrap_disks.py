"""The disks of a machine, on real loop devices: nothing is ever lost, and nothing is in the way of a run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.machine import EBS, MIB, NVME, VOLUME, Machine


def mounted(folder: Path) -> str | None:
    found = subprocess.run(
        ["findmnt", "-n", "--mountpoint", str(folder), "-o", "SOURCE"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=60)


def content(device: str) -> bytes:
    return Path(device).read_bytes()


def keep_something(machine: Machine) -> Path:
    """A cache volume that was used before: formatted, with a tree, released."""
    done = machine.bootstrap("cache", VOLUME)
    assert done.stdout == f"cache: attached ({VOLUME}, as it was)\n", done.stderr
    kept = machine.data / "docker" / "kept"
    kept.write_text("layers of last night")
    assert machine.bootstrap("release").stdout == "cache: released\n"
    assert not kept.exists()
    return kept


def test_the_instances_own_nvme_comes_under_dockers_data(bare_machine: Machine) -> None:
    bare_machine.disk(f"{NVME}_small", 32)
    device = bare_machine.disk(NVME)
    done = bare_machine.bootstrap("disk")
    assert done.returncode == 0, done.stderr
    assert mounted(bare_machine.data) == device, "the larger one"
    assert (bare_machine.data / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (bare_machine.data / "docker").is_dir()
    assert f"Docker's data lie on {device}" in done.stderr
    # Once more, as after a restart of the unit: it stays what it is, with what is on it.
    (bare_machine.data / "docker" / "layer").touch()
    assert bare_machine.bootstrap("disk").returncode == 0
    assert (bare_machine.data / "docker" / "layer").exists()


def test_a_reboot_finds_its_scratch_disk_as_it_left_it(bare_machine: Machine) -> None:
    device = bare_machine.disk(NVME)
    bare_machine.boot()
    (bare_machine.data / "docker" / "layer").touch()
    bare_machine.die()
    bare_machine.boot()
    assert mounted(bare_machine.data) == device
    assert (bare_machine.data / "docker" / "layer").exists()


def test_a_type_without_nvme_uses_its_root_volume(bare_machine: Machine) -> None:
    bare_machine.boot()
    assert mounted(bare_machine.data) is None
    assert (bare_machine.data / "tmp").is_dir()
    assert (bare_machine.run / "ready").read_text().endswith("Z\n")


@pytest.mark.parametrize("what", ["swap", "partitions", "another ext4", "lvm"])
def test_an_nvme_that_holds_something_is_left_alone(bare_machine: Machine, what: str) -> None:
    device = bare_machine.disk(NVME)
    fill(device, what)
    before = content(device)
    assert bare_machine.bootstrap("disk").returncode == 0
    assert mounted(bare_machine.data) is None
    assert content(device) == before


def fill(device: str, what: str) -> None:
    """Something of somebody else's, by what each tool leaves at its place."""
    tools = {
        "another ext4": ("mkfs.ext4", "-q", "-F", "-L", "precious", device),
        "swap": ("mkswap", device),
    }
    if what in tools:
        run(*tools[what])
        return
    table = (
        bytes(440) + b"\x12\x34\x56\x78\0\0" + b"\x80\0\x01\0\x83\0\0\0\0\x08\0\0\0\x08\0\0" + bytes(48) + b"\x55\xaa"
    )
    written = {
        "partitions": (0, table),
        "lvm": (512, b"LABELONE" + (1).to_bytes(8, "little") + bytes(8) + b"LVM2 001" + b"a" * 32 + bytes(400)),
        "raw data far inside": (33 * MIB, b"no file system, and precious all the same" * 110_000),
        "a MiB between the looks": (5 * MIB + (MIB >> 3), b"precious" * (MIB >> 3)),
        "raw data at the end": (63 * MIB, b"a file of somebody's"),
    }
    offset, piece = written[what]
    with Path(device).open("r+b") as file:
        file.seek(offset)
        file.write(piece)
        file.flush()
        os.fsync(file.fileno())


@pytest.mark.parametrize(
    "what",
    [
        "swap",
        "partitions",
        "another ext4",
        "lvm",
        "raw data far inside",
        "a MiB between the looks",
        "raw data at the end",
    ],
)
def test_a_cache_volume_with_data_is_never_formatted(bare_machine: Machine, what: str) -> None:
    device = bare_machine.disk(EBS)
    fill(device, what)
    before = content(device)
    bare_machine.boot()
    done = bare_machine.bootstrap("cache", VOLUME)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"cache: cold (the volume {VOLUME}: it holds something that isn't Janitor's")
    assert content(device) == before
    assert mounted(bare_machine.data / "cache") is None
    assert (bare_machine.folder / "docker-runs").exists(), "the run goes on, without the cache"


def test_a_volume_that_can_not_be_read_is_not_formatted(bare_machine: Machine) -> None:
    device = bare_machine.disk(EBS)
    # A device whose beginning can't be read looks as one without a signature to blkid.
    bare_machine.program("dd", f'#!/bin/sh\ncase "$*" in *if={device}*) exit 1 ;; esac\nexec /usr/bin/dd "$@"\n')
    bare_machine.boot()
    done = bare_machine.bootstrap("cache", VOLUME)
    assert done.stdout.startswith("cache: cold (")
    assert "can't be read" in done.stdout
    assert not any(content(device))


def test_a_new_volume_is_formatted_once_and_kept(bare_machine: Machine) -> None:
    device = bare_machine.disk(EBS)
    bare_machine.boot()
    kept = keep_something(bare_machine)
    done = bare_machine.bootstrap("cache", VOLUME)
    assert done.stdout == f"cache: attached ({VOLUME}, as it was)\n"
    assert kept.read_text() == "layers of last night"
    assert mounted(bare_machine.data / "cache") == device
    # Given once more while it is in use: the same answer, and nothing is lost.
    assert bare_machine.bootstrap("cache", VOLUME).stdout == f"cache: attached ({VOLUME}, as it was)\n"
    assert kept.exists()


def test_a_volume_that_was_made_larger_is_used_whole(bare_machine: Machine) -> None:
    device = bare_machine.disk(EBS, 48)
    bare_machine.boot()
    kept = keep_something(bare_machine)
    with (bare_machine.folder / f"{EBS}.disk").open("r+b") as file:
        file.truncate(96 * MIB)
    run("losetup", "--set-capacity", device)
    grown = bare_machine.bootstrap("cache", VOLUME)
    assert "attached" in grown.stdout
    assert kept.exists()
    if "keeps its size" in grown.stderr:
        pytest.skip("the kernel refuses to resize a mounted file system to this root (CAP_SYS_RESOURCE)")
    files = os.statvfs(bare_machine.data / "cache")
    assert files.f_blocks * files.f_frsize > 70 * MIB


def test_an_instance_that_died_leaves_a_volume_that_is_mended(bare_machine: Machine) -> None:
    bare_machine.disk(EBS)
    bare_machine.boot()
    keep_something(bare_machine)
    bare_machine.bootstrap("cache", VOLUME)
    bare_machine.die()
    bare_machine.boot()
    assert "attached" in bare_machine.bootstrap("cache", VOLUME).stdout
    assert (bare_machine.data / "docker" / "kept").exists()


def test_a_damaged_file_system_is_mended_or_left(bare_machine: Machine) -> None:
    device = bare_machine.disk(EBS)
    bare_machine.boot()
    keep_something(bare_machine)
    with Path(device).open("r+b") as file:  # group descriptors and what follows; a backup of them is elsewhere
        file.seek(4096)
        file.write(os.urandom(64 * 1024))
    done = bare_machine.bootstrap("cache", VOLUME)
    assert done.returncode == 0
    assert done.stdout.startswith("cache: "), done.stderr
    assert "mending it" in done.stderr
    assert (bare_machine.folder / "docker-runs").exists()


def test_without_the_volume_the_run_is_cold(bare_machine: Machine) -> None:
    bare_machine.boot()
    done = bare_machine.bootstrap("cache", VOLUME)
    assert (done.returncode, done.stdout) == (0, f"cache: cold (the volume {VOLUME} did not appear within 2 s)\n")
    assert bare_machine.bootstrap("release").stdout == "cache: released\n"


def test_a_volume_that_comes_late_is_waited_for(bare_machine: Machine) -> None:
    bare_machine.boot()
    device = bare_machine.disk(EBS)
    link = bare_machine.devices / EBS
    link.unlink()
    later = subprocess.Popen(["sh", "-c", f"sleep 1.5; ln -s {device} {link}"])
    done = bare_machine.bootstrap("cache", VOLUME, JANITOR_VOLUME_SECONDS="60")
    assert later.wait() == 0
    assert done.stdout == f"cache: attached ({VOLUME}, as it was)\n"


def test_docker_that_does_not_start_on_the_volume_starts_without(bare_machine: Machine) -> None:
    bare_machine.disk(EBS)
    bare_machine.boot()
    keep_something(bare_machine)
    # It starts nowhere on the volume, wherever its tree is.
    script = (bare_machine.programs / "systemctl").read_text()
    refuse = f'start) grep -q "{bare_machine.data}/docker " /proc/mounts && exit 1\n   touch "$here/docker-runs" ;;\n'
    bare_machine.program("systemctl", script.replace("start)", refuse + "never)", 1))
    done = bare_machine.bootstrap("cache", VOLUME)
    assert (done.returncode, done.stdout) == (0, f"cache: cold (the volume {VOLUME}: Docker starts on no tree of it)\n")
    assert mounted(bare_machine.data / "docker") is None
    assert [each.name for each in (bare_machine.data / "cache").glob("aside-*/kept")] == ["kept"]


def test_docker_that_starts_nowhere_is_said(bare_machine: Machine) -> None:
    bare_machine.disk(EBS)
    (bare_machine.folder / "docker-is-broken").touch()
    assert bare_machine.bootstrap("disk").returncode == 0
    ready = bare_machine.bootstrap("ready", JANITOR_DOCKER_SECONDS="1")
    assert ready.returncode == 1
    assert not (bare_machine.run / "ready").exists()
    assert (
        bare_machine.run / "ready.failed"
    ).read_text() == "Docker doesn't answer: Cannot connect to the Docker daemon\n"
    assert bare_machine.bootstrap("cache", VOLUME, JANITOR_DOCKER_SECONDS="1").returncode == 1


@pytest.mark.parametrize("words", [(), ("help",), ("cache",), ("cache", "/dev/sda"), ("cache", "vol-1; reboot")])
def test_bad_usage_changes_nothing(bare_machine: Machine, words: tuple[str, ...]) -> None:
    done = bare_machine.bootstrap(*words)
    assert done.returncode == 2
    assert "bootstrap.sh" in done.stderr
    assert not bare_machine.data.exists()
