"""PostgreSQL under each kind of user: it refuses root, and a normal user has no means to become another."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from janitor.domain.errors import StackError
from janitor.stack.postgres.server import EmbeddedPostgres
from janitor.stack.state.layout import Layout
from janitor.stack.state.ports import Ports
from janitor.stack.state.secrets import ensure_secrets
from janitor.stack.supervisor.processes import stack_processes
from janitor.stack.supervisor.unprivileged import IdentityKind
from tests.support.postgres import running_postgres
from tests.support.stack import ROOT, stack_settings

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def ports_for(folder: Path) -> Ports:
    settings = stack_settings(folder)
    return Ports(settings.web_port, settings.postgres_port, settings.cloud_port, settings.supervisor_port)


def tool(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} isn't installed"
    return path


@needs_root
def test_root_uses_a_namespace_where_the_kernel_allows_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "state")
    layout.create()
    identity = EmbeddedPostgres(layout).identity
    allowed = subprocess.run([tool("unshare"), "--user", "--map-user=1", "true"], check=False).returncode == 0
    assert identity.kind is (IdentityKind.NAMESPACE if allowed else IdentityKind.DROPPED)


@needs_root
def test_root_drops_to_another_user_where_there_are_no_namespaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "setpriv").symlink_to(tool("setpriv"))
    monkeypatch.setenv("PATH", str(tools))
    (tmp_path / "private").mkdir(mode=0o700)
    folder = tmp_path / "private" / "state"
    with running_postgres(folder) as database:
        assert database.writer_url
        data = Layout(folder).postgres_data
        assert data.stat().st_uid == pwd.getpwnam("nobody").pw_uid
        (server,) = [p for p in stack_processes(Layout(folder)) if "-D" in p.cmdline()]
        assert set(server.uids()) == {data.stat().st_uid}
    # The folder's owner decides from now on, also when a namespace would be possible.
    monkeypatch.undo()
    assert EmbeddedPostgres(Layout(folder)).identity.kind is IdentityKind.DROPPED


@needs_root
def test_root_without_any_way_is_told_what_would_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="Run the stack as a normal user"):
        _ = EmbeddedPostgres(Layout(tmp_path / "state")).identity


NORMAL_USER = """
import sys, time
from pathlib import Path
sys.path[:0] = [{include!r}, {root!r}]
from tests.support.postgres import running_postgres
from janitor.stack.state.layout import Layout
from janitor.stack.postgres.server import EmbeddedPostgres
folder = Path(sys.argv[1])
with running_postgres(folder):
    print(EmbeddedPostgres(Layout(folder)).identity.kind.value)
"""


@needs_root
def test_a_normal_user_needs_nothing(tmp_path: Path) -> None:
    """A process of `nobody` makes a server of its own; the capability only lets it read this checkout."""
    nobody = pwd.getpwnam("nobody")
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    result = subprocess.run(
        [
            tool("setpriv"),
            f"--reuid={nobody.pw_uid}",
            f"--regid={nobody.pw_gid}",
            "--clear-groups",
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
            sys.executable,
            "-c",
            NORMAL_USER.format(include=str(ROOT / "include"), root=str(ROOT)),
            str(home / "state"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == IdentityKind.OWN.value
    assert (home / "state" / "postgres" / "data").stat().st_uid == nobody.pw_uid


@needs_root
def test_data_of_another_user_is_told(tmp_path: Path) -> None:
    """The folder was made by root once, and a normal user comes next."""
    nobody = pwd.getpwnam("nobody")
    layout = Layout(tmp_path / "state")
    layout.create()
    ensure_secrets(layout)
    EmbeddedPostgres(layout).prepare(ports_for(tmp_path))
    code = (
        "import sys; from pathlib import Path\n"
        f"sys.path.insert(0, {str(ROOT / 'include')!r})\n"
        "from janitor.stack.state.layout import Layout; from janitor.stack.postgres.server import EmbeddedPostgres\n"
        "EmbeddedPostgres(Layout(Path(sys.argv[1]))).identity\n"
    )
    result = subprocess.run(
        [
            tool("setpriv"),
            f"--reuid={nobody.pw_uid}",
            "--clear-groups",
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
            sys.executable,
            "-c",
            code,
            str(layout.state_dir),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "belongs to uid 0, not to you; was the stack started with sudo?" in result.stderr


def test_an_interrupted_initdb_leaves_no_half_made_folder(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "state")
    layout.create()
    secrets = ensure_secrets(layout)
    half_made = layout.postgres / "data.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(layout)
    ports = ports_for(tmp_path)
    server.prepare(ports)
    assert not half_made.exists()
    with subprocess.Popen(server.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert server.wait_ready(ports, secrets, time.monotonic() + 30)
        process.send_signal(2)
        process.wait(120)
