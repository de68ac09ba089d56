"""A machine for `bootstrap.sh`: disks that are loop devices, and a stand-in for systemd that starts a real dockerd.

Mounts and loop devices are of this machine, so that root is needed; everything is taken away at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOOTSTRAP = ROOT / "infra" / "scripts" / "bootstrap.sh"
DAEMON = ROOT / "infra" / "packer" / "files" / "daemon.json"
NVME = "nvme-Amazon_EC2_NVMe_Instance_Storage_AWS1234567890"
VOLUME = "vol-0123456789abcdef0"
EBS = f"nvme-Amazon_Elastic_Block_Store_{VOLUME.replace('-', '')}"
MIB = 1024**2
LIMIT_SECONDS = 300
"""For one bootstrap: a busy machine's, not what it takes."""
_TOOLS = ("blkid", "wipefs", "blockdev", "losetup", "mkfs.ext4", "e2fsck", "resize2fs", "findmnt", "mount", "flock")

# `start` comes back when the daemon answers, as a unit of type `notify` does; `broken` is a daemon that won't start.
_SYSTEMCTL = """\
#!/bin/sh
here=$(dirname "$0")/..
# One that has ended and that nobody has reaped has no program any more.
runs() { [ -n "$1" ] && [ -e "/proc/$1/exe" ]; }
alive() { pid=$(cat "$here/docker.pid" 2>/dev/null) && runs "$pid"; }
case $1 in
start)
    alive && exit 0
    rm -f "$here/docker.pid"
    setsid dockerd --config-file "$here/daemon.json" >>"$here/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 1 600); do
        docker version >/dev/null 2>&1 && exit 0
        runs $! || exit 1
        sleep 0.1
    done
    exit 1 ;;
stop)
    alive || exit 0
    kill "$pid"
    for _ in $(seq 1 600); do runs "$pid" || exit 0; sleep 0.1; done
    exit 1 ;;
esac
"""
# For what needs no containers: a daemon that is a file.
_SYSTEMCTL_WITHOUT = """\
#!/bin/sh
here=$(dirname "$0")/..
case $1 in
start) [ ! -e "$here/docker-is-broken" ] && touch "$here/docker-runs" ;;
stop) rm -f "$here/docker-runs" ;;
esac
"""
_DOCKER_WITHOUT = """\
#!/bin/sh
[ -e "$(dirname "$0")/../docker-runs" ] && echo 1.0 && exit 0
echo "Cannot connect to the Docker daemon" >&2
exit 1
"""


def why_no_machine(*, docker: bool) -> str | None:
    """Why no such machine can be had here; None if it can."""
    if os.geteuid() != 0:
        return "loop devices and mounts take root"
    if not Path("/dev/loop-control").exists():
        return "this machine has no loop devices"
    tools = (*_TOOLS, *(("dockerd", "docker") if docker else ()))
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        return f"not installed: {', '.join(missing)}"
    return None


class Machine:
    """One machine.

    Args:
        folder: All that is its own.
        docker: Start a real dockerd; else a file stands for one.
    """

    def __init__(self, folder: Path, *, docker: bool) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.run = folder / "run"
        self.devices = folder / "by-id"
        self.programs = folder / "bin"
        self._loops: list[str] = []
        for each in (self.devices, self.programs):
            each.mkdir(parents=True)
        self.program("systemctl", _SYSTEMCTL if docker else _SYSTEMCTL_WITHOUT)
        self.program("udevadm", "#!/bin/sh\nexit 0\n")
        if docker:
            self._configure()
        else:
            self.program("docker", _DOCKER_WITHOUT)

    def _configure(self) -> None:
        """The image's own configuration, at this machine's places, without a network that the real one needs."""
        text = DAEMON.read_text().replace("/var/lib/janitor", str(self.data))
        own = {"hosts": [f"unix://{self.folder}/docker.sock"], "exec-root": str(self.folder / "exec")}
        own |= {"pidfile": str(self.folder / "docker.pid"), "bridge": "none", "iptables": False, "ip6tables": False}
        (self.folder / "daemon.json").write_text(json.dumps({**json.loads(text), **own}))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.programs}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "HOME": str(self.folder),
            "DOCKER_HOST": f"unix://{self.folder}/docker.sock",
            "JANITOR_DATA": str(self.data),
            "JANITOR_RUN": str(self.run),
            "JANITOR_DEVICES": str(self.devices),
            "JANITOR_VOLUME_SECONDS": "2",
            "JANITOR_DOCKER_SECONDS": "60",
        }

    def program(self, name: str, text: str) -> None:
        """Put a program before this machine's own."""
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)

    def disk(self, link: str, mib: int = 64) -> str:
        """A blank disk under the name that the kernel gives it on EC2; its device."""
        backing = self.folder / f"{link}.disk"
        with backing.open("wb") as file:
            file.truncate(mib * MIB)
        device = _said("losetup", "--find", "--show", str(backing))
        self._loops.append(device)
        (self.devices / link).unlink(missing_ok=True)
        (self.devices / link).symlink_to(device)
        return device

    def bootstrap(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it; in a session of its own, which can be killed as a whole."""
        process = subprocess.Popen(
            [str(BOOTSTRAP), *words],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        out, err = process.communicate(timeout=LIMIT_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def docker(self, *words: str) -> str:
        """The answer of this machine's docker command."""
        done = subprocess.run(
            ["docker", *words], env=self.environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def boot(self) -> None:
        """As the units of the image do it: the disk, Docker, word that the machine is ready."""
        assert self.bootstrap("disk").returncode == 0
        start = [str(self.programs / "systemctl"), "start", "docker.service"]
        subprocess.run(start, env=self.environment, check=True, timeout=LIMIT_SECONDS)
        assert self.bootstrap("ready").returncode == 0

    def die(self) -> None:
        """End as a terminated instance does: nothing is asked, nothing is written out by anybody."""
        pid_file = self.folder / "docker.pid"
        if pid_file.exists():
            _kill_with_children(int(pid_file.read_text()))
        self._unmount()
        # What lies in /run doesn't outlive its instance.
        for each in ("docker-runs", "docker.pid", "docker.sock"):
            (self.folder / each).unlink(missing_ok=True)
        for folder in (self.folder / "exec", self.run):
            shutil.rmtree(folder, ignore_errors=True)

    def remove(self) -> None:
        """Take everything away."""
        self.die()
        for device in self._loops:
            subprocess.run(["losetup", "--detach", device], check=False, timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _unmount(self) -> None:
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for target in sorted((each for each in mounted if each.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", target], check=False, timeout=60)


@contextmanager
def machine(folder: Path, *, docker: bool = False) -> Iterator[Machine]:
    """A machine for the block."""
    made = Machine(folder, docker=docker)
    try:
        yield made
    finally:
        made.remove()


def _said(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def _kill_with_children(pid: int) -> None:
    """dockerd and its containerd, which is its child."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = [pid, *(int(each) for each in (children.read_text().split() if children.exists() else ()))]
    for each in found:
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            continue
    ends_at = time.monotonic() + 30
    while any(Path(f"/proc/{each}/exe").exists() for each in found) and time.monotonic() < ends_at:
        time.sleep(0.05)
