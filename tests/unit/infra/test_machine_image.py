"""The machine image's definition: what its files say together, and what Packer, systemd and shellcheck say of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.domain.config.limits import MAX_TIMEOUT_MINUTES
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.machine_images import TAG_IMAGE
from janitor.domain.reap.reaping import LONGEST_LEASE, LONGEST_LIFETIME
from janitor.services.machine_image.packer import ImageOrder
from tests.unit.infra.test_image_context import COPIED

ROOT = Path(__file__).resolve().parents[3]
PACKER = ROOT / "infra" / "packer"
FILES = PACKER / "files"
HCL = {path.name: path.read_text() for path in PACKER.glob("*.pkr.hcl")}
SCRIPTS = sorted([*PACKER.glob("provision/*.sh"), PACKER / "check.sh", ROOT / "infra" / "scripts" / "bootstrap.sh"])
_AGENTS = ("amazon-ssm-agent.service", "snap.amazon-ssm-agent.amazon-ssm-agent.service")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed: make setup installs it")
    done = subprocess.run([shellcheck, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def _not_in_ci(**more: str) -> dict[str, str]:
    return {name: each for name, each in os.environ.items() if name not in ("CI", "JANITOR_CHECK_STRICT")} | more


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, 3),
        ({"CI": ""}, 3),
        ({"JANITOR_CHECK_STRICT": "0"}, 3),
        ({"CI": "true"}, 1),
        ({"CI": "1"}, 1),
        ({"CI": "0"}, 1),
        ({"JANITOR_CHECK_STRICT": "1"}, 1),
    ],
)
def test_a_missing_packer_is_a_failure_in_ci(tmp_path: Path, given: dict[str, str], code: int) -> None:
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    environment = _not_in_ci(PATH=str(tmp_path), **given)
    check = str(PACKER / "check.sh")
    done = subprocess.run([check], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("NOT CHECKED: infra/packer: packer is not installed")


def test_packer_accepts_the_definition() -> None:
    check = str(PACKER / "check.sh")
    done = subprocess.run([check], env=_not_in_ci(), capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 3:
        assert done.stderr.startswith("NOT CHECKED: infra/packer: packer is not installed")
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "planted"),
    [
        ('ssh_username  = "ubuntu"', 'ssh_username  = "ubuntu"\n  no_such_option = true'),
        ('volume_type           = "gp3"', 'volume_type           = "gp9000"\n    volume_kind = "x"'),
        ("sources = [", 'provisioner "no-such" {}\n  sources = ['),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, line: str, planted: str) -> None:
    if shutil.which("packer") is None:
        pytest.skip("NOT CHECKED: packer is not installed (Debian: apt-get install packer)")
    for name in ("infra/packer", "infra/scripts", "include/janitor", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    definition = tmp_path / "infra" / "packer" / "machine.pkr.hcl"
    text = definition.read_text()
    assert line in text
    definition.write_text(text.replace(line, planted, 1))
    check = [str(tmp_path / "infra" / "packer" / "check.sh")]
    done = subprocess.run(check, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode not in (0, 3), done.stdout


def test_what_an_older_packer_can_not_verify_is_marked() -> None:
    unknown = r"required_plugins|required_version|metadata_options|imds_support|source_public_ip|data \"|templatefile\("
    for name, text in HCL.items():
        if name == "plugins.pkr.hcl":
            continue
        assert text.count("# packer>=1.7 begin") == text.count("# packer>=1.7 end"), name
        verified = re.sub(r"# packer>=1.7 begin.*?# packer>=1.7 end", "", text, flags=re.DOTALL)
        code = "\n".join(line.partition("#")[0] for line in verified.splitlines())
        assert not re.search(unknown, code), name


def test_no_killer_takes_the_builder_for_an_instance() -> None:
    lines = HCL["machine.pkr.hcl"].splitlines()
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    assert TAG_DEPLOYMENT not in code
    assert f'"{TAG_IMAGE}"' in code
    assert re.search(r'shutdown_behavior\s*=\s*"terminate"', code)
    assert "shutdown -P +120" in code
    assert "kms_key_id" not in code


def test_packer_is_given_what_it_declares() -> None:
    from datetime import datetime, timezone

    declared = set(re.findall(r'^variable "(\w+)"', HCL["variables.pkr.hcl"], re.MULTILINE))
    order = ImageOrder(
        deployment="dev",
        region="us-east-1",
        source_ami="ami-0",
        log_group="/g",
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
        subnet_id="subnet-0",
        cuda_image="cuda",
    )
    assert set(order.variables) <= declared
    assert order.variables["stamp"] == "20260102030405"
    bodies = re.findall(r'^variable "(\w+)" \{(.*?)^\}', HCL["variables.pkr.hcl"], re.MULTILINE | re.DOTALL)
    without_default = {name for name, body in bodies if "default" not in body}
    assert without_default <= set(order.variables)


def test_the_archive_is_whole_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        words = [sys.executable, "-I", str(PACKER / "pack.py"), str(tmp_path / name)]
        assert subprocess.run(words, check=True, capture_output=True, timeout=60).returncode == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with tarfile.open(tmp_path / "a") as archive:
        names = archive.getnames()
        modes = {entry.name: entry.mode for entry in archive}
        requirements = archive.extractfile("agent-requirements.txt")
        assert requirements is not None
        assert b"pydantic-ai-slim==" in requirements.read()
    assert modes["provision/40-janitor.sh"] == modes["bootstrap.sh"] == 0o755
    # The same rooms as the image of containers has.
    rooms = {source.removeprefix("include/janitor/") for source in COPIED if source.startswith("include/janitor/")}
    assert {name.split("/")[2] for name in names if name.startswith("app/janitor/")} == rooms
    assert not [name for name in names if "__pycache__" in name]
    for script in PACKER.glob("provision/*.sh"):
        used = set(re.findall(r"(?<![\w/])files/([\w.-]+)", script.read_text()))
        assert {f"files/{name}" for name in used if name != "$unit"} <= set(names), script.name


def unit(name: str) -> dict[str, list[str]]:
    """Directives of a unit file, each with all its words."""
    found: dict[str, list[str]] = {}
    for line in (FILES / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).extend(value.split())
    return found


def test_the_agent_that_takes_commands_comes_last() -> None:
    disk, ready, docker, agent = (
        unit(name) for name in ("janitor-disk.service", "janitor-ready.service", "docker.conf", "ssm-agent.conf")
    )
    assert {"docker.service", "containerd.service"} <= set(disk["Before"])
    assert "janitor-disk.service" in docker["After"]
    assert {"docker.service", "janitor-disk.service"} <= set(ready["After"])
    assert set(_AGENTS) <= set(ready["Before"])
    assert "janitor-ready.service" in agent["After"]
    # It comes all the same: a machine that isn't ready says so.
    assert "Requires" not in agent
    for each in (disk, ready):
        assert each["Type"] == ["oneshot"]
        assert 0 < int(each["TimeoutStartSec"][0]) < 240
    installed = (PACKER / "provision" / "30-agents.sh").read_text()
    assert all(name in installed for name in _AGENTS)


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    done = verified(tmp_path)
    assert done.returncode == 0, done.stderr
    # What else this machine has for units is no concern of ours.
    assert [line for line in done.stderr.splitlines() if "janitor" in line or "cycle" in line] == []


def test_a_cycle_in_the_order_of_boot_is_noticed(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    done = verified(tmp_path, spoilt="Before=containerd.service docker.service docker.socket")
    assert "cycle" in done.stderr


def verified(folder: Path, spoilt: str | None = None) -> subprocess.CompletedProcess[str]:
    """What systemd says of the units, beside units of Docker and of the agent such as their packages bring."""
    units = folder / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    for path in FILES.glob("janitor-*"):
        text = path.read_text().replace("/usr/local/sbin/janitor-bootstrap", "/bin/true")
        if spoilt and path.name == "janitor-disk.service":
            text = text.replace("Before=containerd.service docker.service", spoilt)
        (units / path.name).write_text(text)
    others = {
        "docker.service": "[Unit]\nRequires=docker.socket\nAfter=docker.socket containerd.service\n",
        "containerd.service": "[Unit]\n",
        "amazon-ssm-agent.service": "[Unit]\n",
    }
    for name, text in others.items():
        (units / name).write_text(f"{text}\n[Service]\nExecStart=/bin/true\n")
    (units / "docker.socket").write_text("[Unit]\n[Socket]\nListenStream=/run/docker.sock\n")
    for name, file in (("docker.service", "docker.conf"), ("amazon-ssm-agent.service", "ssm-agent.conf")):
        (units / f"{name}.d").mkdir()
        (units / f"{name}.d" / "janitor.conf").write_text((FILES / file).read_text())
    enabled = {
        "sockets.target": ["docker.socket"],
        "multi-user.target": [
            "docker.service",
            "amazon-ssm-agent.service",
            "janitor-disk.service",
            "janitor-ready.service",
        ],
        "timers.target": ["janitor-power-off.timer"],
    }
    for target, names in enabled.items():
        (units / f"{target}.wants").mkdir()
        for name in names:
            (units / f"{target}.wants" / name).symlink_to(units / name)
    # The whole boot: an order of two units shows a cycle only with the targets that lie between them.
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "multi-user.target"],
        env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin", "SYSTEMD_LOG_LEVEL": "info"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_last_timer_is_never_the_first() -> None:
    hours = re.search(r"OnBootSec=(\d+)h", (FILES / "janitor-power-off.timer").read_text())
    assert hours is not None
    assert timedelta(hours=int(hours[1])) > LONGEST_LIFETIME + LONGEST_LEASE
    assert timedelta(minutes=MAX_TIMEOUT_MINUTES) < LONGEST_LIFETIME
    assert "systemctl poweroff" in (FILES / "janitor-power-off.service").read_text()


def test_places_agree_between_the_files() -> None:
    daemon = json.loads((FILES / "daemon.json").read_text())
    environment = dict(
        line.split("=", 1) for line in (FILES / "machine.env").read_text().splitlines() if not line.startswith("#")
    )
    bootstrap = (ROOT / "infra" / "scripts" / "bootstrap.sh").read_text()
    assert daemon["data-root"] == "/var/lib/janitor/docker"
    assert "${JANITOR_DATA:-/var/lib/janitor}" in bootstrap
    assert environment["TMPDIR"] == "/var/lib/janitor/tmp"
    assert environment["JANITOR_READY_FILE"] == "/run/janitor/ready"
    assert environment["JANITOR_AGENT_PYTHON"] == "/opt/janitor/bin/python"
    assert 'root = "/var/lib/janitor/containerd"' in (FILES / "containerd.toml").read_text()
    logs = json.loads((FILES / "cloudwatch-agent.json").read_text())["logs"]["logs_collected"]["files"]["collect_list"]
    for name in ("janitor-disk.service", "janitor-ready.service"):
        assert unit(name)["StandardOutput"] == [f"append:{logs[0]['file_path']}"]


def test_nothing_upgrades_itself() -> None:
    base = (PACKER / "provision" / "10-base.sh").read_text()
    for name in ("apt-daily.timer", "apt-daily-upgrade.timer", "unattended-upgrades.service", "dlami-nvme.service"):
        assert name in base
    assert "systemctl mask" in base
