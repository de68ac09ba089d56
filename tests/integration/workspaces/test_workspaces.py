"""Working trees with real git: apart from each other, never used twice, and nothing in them is lost."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from janitor.domain.errors import LeaseHeldError, WorkspaceError
from janitor.domain.workspace.baseline import Baseline
from janitor.domain.workspace.lease import Subject
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.workspaces import tree as tree_module
from janitor.services.workspaces.leasing import take
from janitor.services.workspaces.manager import Workspace, WorkspaceManager
from janitor.services.workspaces.sweep import Swept, sweep
from janitor.settings import load_settings
from janitor.stores import workspaces as store
from janitor.stores.database import transaction
from tests.support.deployment import ROOT
from tests.support.git_origins import Origin, fingerprint
from tests.support.postgres import TestDatabase
from tests.support.workspace_holder import Place


def patch_of(manager: WorkspaceManager, run_id: str) -> bytes:
    """The one patch that was kept of a run."""
    [path] = manager.run(run_id).path.glob("patches/*.patch")
    return path.read_bytes()


def applied(origin: Origin, patch: bytes, tmp_path: Path) -> Path:
    """A clone of the repository with a patch on it."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(origin.path), str(clone)], check=True, timeout=60)
    subprocess.run(["git", "apply", "--index", "-"], cwd=clone, input=patch, check=True, timeout=60)
    return clone


def commit(workspace: Workspace) -> None:
    """Commit all that is in a working tree."""
    workspace.tree.git("add", "--all", cwd=workspace.path)
    identity = {f"GIT_{who}_{what}": "j" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    workspace.tree.git("commit", "--quiet", "-m", "a change", cwd=workspace.path, env=identity)


def test_a_tree_is_made_and_nothing_is_left(manager: WorkspaceManager, origin: Origin) -> None:
    manager.mirror(origin.url).refresh()
    before = fingerprint(manager.mirrors)
    with manager.workspace("run/1", origin.url, "main", refresh=False) as workspace:
        assert (workspace.path / "handler.py").read_text() == "print('two')\n"
        assert workspace.commit == origin.git("rev-parse", "main")
        assert str(workspace.held.lease.fence) in workspace.path.name
        assert workspace.path.is_relative_to(manager.runs / "run%2F1")
        locked = (workspace.tree.admin / "locked").read_text()
        assert locked.strip() == f"lease {workspace.held.lease.lease_id} fence {workspace.held.lease.fence}"
        # Detached: a branch of the repository can be in any number of trees.
        assert (workspace.tree.admin / "HEAD").read_text().strip() == workspace.commit
    assert not workspace.path.exists()
    assert fingerprint(manager.mirrors) == before
    assert list(manager.runs.glob("*/trees/*")) == list(manager.runs.glob("*/objects/*")) == []
    with transaction(manager.database_url) as connection:
        assert store.open_leases(connection, manager.deployment) == []


def test_three_runs_see_nothing_of_each_other(manager: WorkspaceManager, origin: Origin) -> None:
    other = Origin(origin.path.with_name("other"))
    other.commit({"b.txt": "b\n"})
    urls = (origin.url, other.url)

    def one(index: int) -> dict[str, str]:
        run_id, url = f"run-{index // 2}", urls[index % 2]
        with manager.workspace(run_id, url, "main") as workspace:
            (workspace.path / f"only-{index}").write_text(run_id)
            commit(workspace)
            workspace.write_baseline("shard", 1, Baseline(commit=str(index), checks={"build": CheckStatus.PASS}))
            return fingerprint(workspace.path)

    with ThreadPoolExecutor(6) as pool:
        seen = list(pool.map(one, range(6)))
    for index, tree in enumerate(seen):
        assert [name for name in tree if name.startswith("only-")] == [f"only-{index}"]
    artefacts = sorted(manager.runs.glob("*/artefacts/shard/*/baseline.json"))
    kept = [Baseline.from_json(path.read_bytes()) for path in artefacts]
    assert sorted(each.commit for each in kept) == [str(index) for index in range(6)]
    for url, source in ((origin.url, origin), (other.url, other)):
        mirror = manager.mirror(url).path
        assert Origin(mirror).git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
        assert Origin(mirror).git("rev-parse", "refs/heads/main") == source.git("rev-parse", "HEAD")
        # What was committed in a tree never came into the mirror that all trees share.
        assert Origin(mirror).git("fsck", "--unreachable", "--no-reflogs") == ""


def test_names_that_another_would_take_for_the_same_are_two(manager: WorkspaceManager, origin: Origin) -> None:
    with (
        manager.workspace("a/b", origin.url, "main") as first,
        manager.workspace("a-b", origin.url, "main", refresh=False) as second,
        manager.workspace("..", origin.url, "main", refresh=False) as third,
    ):
        paths = {each.path.parent for each in (first, second, third)}
        assert len(paths) == 3
        assert all(path.is_relative_to(manager.runs) and path != manager.runs for path in paths)


def test_a_second_one_in_the_same_run_is_refused_and_the_first_left_as_it_is(
    manager: WorkspaceManager, origin: Origin
) -> None:
    with manager.workspace("run-1", origin.url, "main") as workspace:
        (workspace.path / "work").write_text("half done")
        with pytest.raises(LeaseHeldError), manager.workspace("run-1", origin.url, "main"):
            pytest.fail("two in one tree")
        assert (workspace.path / "work").read_text() == "half done"


def test_a_path_that_is_there_is_never_removed_to_make_room(manager: WorkspaceManager, origin: Origin) -> None:
    manager.mirror(origin.url).refresh()
    subject = Subject(deployment=manager.deployment, run_id="r", workspace_key=origin.url)
    held = take(manager.database_url, subject, manager.holder, folder=str(manager.run("r").trees))
    tree = manager.tree_of(held.lease)
    tree.path.mkdir(parents=True)
    (tree.path / "somebody").write_text("else's")
    with pytest.raises(WorkspaceError, match="exists already"):
        tree.add("main")
    assert (tree.path / "somebody").read_text() == "else's"
    held.end()


def test_work_that_is_in_no_commit_is_kept_before_the_tree_goes(
    manager: WorkspaceManager, origin: Origin, tmp_path: Path
) -> None:
    origin.commit({".gitignore": "*.log\n", "gone.txt": "x\n", "tool.sh": "echo\n"})
    with manager.workspace("run-1", origin.url, "main") as workspace:
        (workspace.path / "handler.py").write_text("print('mended')\n")
        (workspace.path / "gone.txt").unlink()
        (workspace.path / "docs" / "new file\n").write_bytes(b"\0\1binary")
        (workspace.path / "tool.sh").chmod(0o755)
        (workspace.path / "noise.log").write_text("ignored")
        (workspace.path / "link").symlink_to("/etc/passwd")
    clone = applied(origin, patch_of(manager, "run-1"), tmp_path)
    assert (clone / "handler.py").read_text() == "print('mended')\n"
    assert not (clone / "gone.txt").exists()
    assert (clone / "docs" / "new file\n").read_bytes() == b"\0\1binary"
    assert os.access(clone / "tool.sh", os.X_OK)
    assert not (clone / "noise.log").exists()
    assert os.readlink(clone / "link") == "/etc/passwd"
    with transaction(manager.database_url) as connection:
        found = store.find(connection, manager.deployment, workspace.held.lease.lease_id)
    assert found is not None
    assert found[0].patch_path == f"patches/{workspace.held.lease.name}.patch"


def test_work_that_was_committed_and_not_published_is_kept_as_well(
    manager: WorkspaceManager, origin: Origin, tmp_path: Path
) -> None:
    def work() -> None:
        with manager.workspace("r", origin.url, "main") as workspace:
            (workspace.path / "committed").write_text("one")
            commit(workspace)
            (workspace.path / "staged").write_text("two")
            workspace.tree.git("add", "--all", cwd=workspace.path)
            raise RuntimeError("the work failed")

    with pytest.raises(RuntimeError, match="the work failed"):
        work()
    assert list(manager.runs.glob("*/trees/*")) == []
    clone = applied(origin, patch_of(manager, "r"), tmp_path)
    assert (clone / "committed").read_text() == "one"
    assert (clone / "staged").read_text() == "two"


def test_a_clean_tree_leaves_no_patch(manager: WorkspaceManager, origin: Origin) -> None:
    with manager.workspace("run-1", origin.url, "main"):
        pass
    assert list(manager.runs.glob("*/patches/*")) == []


def test_work_that_cant_be_kept_is_not_removed(
    manager: WorkspaceManager, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("janitor.services.workspaces.staging.LARGEST_PATCH_BYTES", 1000)
    with (
        pytest.raises(WorkspaceError, match="keep it by hand"),
        manager.workspace("r", origin.url, "main") as workspace,
    ):
        (workspace.path / "large").write_bytes(bytes(2000))
    assert (workspace.path / "large").stat().st_size == 2000
    [line] = sweep(manager)
    assert line.what is Swept.FAILED
    monkeypatch.undo()
    [line] = sweep(manager)
    assert line.what is Swept.REMOVED
    assert not workspace.path.exists()
    assert b"large" in patch_of(manager, "r")


def test_ten_at_once_on_one_mirror_that_moves(manager: WorkspaceManager, origin: Origin) -> None:
    head = origin.git("rev-parse", "HEAD")
    names = [f"branch-{number}" for number in range(60)]
    origin.git("update-ref", "--stdin", content="".join(f"create refs/heads/{n} {head}\n" for n in names).encode())
    manager.mirror(origin.url).refresh()
    older = origin.git("rev-parse", "HEAD~1")
    origin.git("update-ref", "--stdin", content="".join(f"update refs/heads/{n} {older}\n" for n in names).encode())

    def one(index: int) -> str:
        with manager.workspace(f"run-{index}", origin.url, f"branch-{index}") as workspace:
            return workspace.commit

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(one, range(10))) == [older] * 10


def test_a_tree_that_is_away_for_a_moment_outlives_a_prune(manager: WorkspaceManager, origin: Origin) -> None:
    with manager.workspace("run-1", origin.url, "main") as workspace:
        away = workspace.path.with_name("away")
        workspace.path.rename(away)
        Origin(workspace.tree.mirror.hub).git("worktree", "prune", "--expire=now")
        away.rename(workspace.path)
        assert workspace.tree.git("status", "--porcelain", cwd=workspace.path).output.text == ""


def test_what_is_too_large_or_finds_no_room_is_refused_and_nothing_is_left(
    manager: WorkspaceManager, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MOST_FILES", 1), ("LARGEST_TREE_BYTES", 3), ("_ROOM", 10**15)):
        with monkeypatch.context() as patch:
            patch.setattr(tree_module, name, value)
            said = pytest.raises(WorkspaceError, match=r"at most|remove what isn't used")
            with said, manager.workspace(f"run-{name}", origin.url, "main"):
                pytest.fail("it was made")
    assert list(manager.runs.glob("*/trees/*")) == []
    with transaction(manager.database_url) as connection:
        assert store.open_leases(connection, manager.deployment) == []


@pytest.mark.parametrize(
    "url", ["ssh://example.com/a", "ext::sh -c true", "https://user:word@example.com/a", "-u", "/a/path", "git@x:y"]
)
def test_only_known_transports_without_a_login_are_fetched(manager: WorkspaceManager, url: str) -> None:
    with pytest.raises(WorkspaceError, match=r"are fetched by|may not hold a login"):
        manager.mirror(url).refresh()
    assert list(manager.mirrors.glob("*.git")) == []


def test_a_tree_that_no_lease_is_known_of_is_told_and_left(manager: WorkspaceManager, place: Place) -> None:
    foreign = manager.runs / "r" / "trees" / "somebody.1"
    foreign.mkdir(parents=True)
    [line] = sweep(manager)
    assert (line.what, line.path) == (Swept.UNKNOWN, str(foreign))
    assert foreign.exists()


def test_an_environment_s_settings_make_a_manager(database: TestDatabase, environment: dict[str, str]) -> None:
    more = {"https_proxy": "http://proxy:1", "GIT_DIR": "/elsewhere", "AUTONOMOUS_RUNS_DIR": "their-runs"}
    settings = load_settings("local", environ={**environment, **more}, project_root=ROOT)
    manager = WorkspaceManager.of(settings)
    assert manager.runs == settings.state_dir.resolve() / "their-runs"
    assert manager.mirror("https://example.com/a").git.more == {"https_proxy": "http://proxy:1"}
    assert sweep(manager) == []
