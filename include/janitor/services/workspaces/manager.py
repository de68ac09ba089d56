"""Working trees of repositories, each under a lease: `with manager.workspace(run, url, ref) as workspace: …`.

Invariant: the lease is written before anything is on the disk, its path is used by no other, and the row says so when
nothing is there any more. So whoever dies at any point leaves a row by which a sweep finds everything.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import JanitorError, WorkspaceError
from janitor.domain.workspace.baseline import BASELINE_NAME, Baseline
from janitor.domain.workspace.holder import Holder
from janitor.domain.workspace.lease import TIME_TO_LIVE, Lease, Subject
from janitor.services.workspaces.git import Git
from janitor.services.workspaces.leasing import HeldLease, take
from janitor.services.workspaces.machine import this_process
from janitor.services.workspaces.mirror import Mirror
from janitor.services.workspaces.run_folder import RunFolder
from janitor.services.workspaces.tree import Tree
from janitor.settings import Settings
from janitor.stores import workspaces as store
from janitor.stores.database import transaction

NETWORK_VARIABLES = frozenset(
    {"SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"}
    | {"http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}
)
"""By which what asks the network for us finds proxies and certificates."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A working tree that this process holds."""

    held: HeldLease
    tree: Tree
    run: RunFolder
    commit: str
    """What was checked out."""

    @property
    def path(self) -> Path:
        """The working tree."""
        return self.tree.path

    def write_artefact(self, shard: str, attempt: int, name: str, content: bytes) -> Path:
        """Keep an artefact of the run, such as the checks before a change; returns where.

        Raises:
            LeaseLostError: The lease is lost.
            WorkspaceError: It can't be written.
        """
        path = self.run.artefact(shard, attempt, self.held.lease, name)
        self.held.require()
        self.run.write(path, content)
        return path

    def write_baseline(self, shard: str, attempt: int, baseline: Baseline) -> Path:
        """Keep the checks before a change; the same as `write_artefact`."""
        return self.write_artefact(shard, attempt, BASELINE_NAME, baseline.to_json())


class WorkspaceManager:
    """Makes and removes working trees.

    Args:
        database_url: The role that writes.
        deployment: Whose leases these are.
        mirrors: The folder of mirrors.
        runs: The root of the runs' folders.
        search_path: PATH, where git is.
        holder: This process; default: as far as it can tell.
        network: Variables by which git finds proxies and certificates.
        ttl: How long a lease holds without being renewed.
    """

    def __init__(
        self,
        *,
        database_url: str,
        deployment: str,
        mirrors: Path,
        runs: Path,
        search_path: str,
        holder: Holder | None = None,
        network: Mapping[str, str] | None = None,
        ttl: timedelta = TIME_TO_LIVE,
    ) -> None:
        self.database_url = database_url
        self.deployment = deployment
        self.mirrors = mirrors.resolve()
        self.runs = runs.resolve()
        self.holder = holder or this_process()
        self._ttl = ttl
        self._git = Git(folder=self.mirrors, search_path=search_path, more=network or {})

    @classmethod
    def of(cls, settings: Settings, *, holder: Holder | None = None) -> WorkspaceManager:
        """The manager of an environment.

        Raises:
            SettingsError: The environment has no database yet.
        """
        return cls(
            database_url=settings.writer_url,
            deployment=settings.deployment,
            mirrors=settings.mirrors_root,
            runs=settings.runs_root,
            search_path=settings.inherited.get("PATH", os.defpath),
            holder=holder,
            network={name: value for name, value in settings.inherited.items() if name in NETWORK_VARIABLES},
        )

    def mirror(self, url: str) -> Mirror:
        """The mirror of a repository."""
        return Mirror(mirrors=self.mirrors, url=url, git=self._git)

    def run(self, run_id: str) -> RunFolder:
        """The folder of a run."""
        return RunFolder(self.runs, run_id)

    def tree_of(self, lease: Lease) -> Tree:
        """The tree that a lease has, or had.

        Raises:
            WorkspaceError: The lease has none here: its path isn't in the folder of its run.
        """
        run = self.run(lease.subject.run_id)
        url = lease.subject.workspace_key
        path = run.trees / lease.name
        if url is None or lease.path != str(path):
            raise WorkspaceError(f"lease {lease.lease_id} has no tree in {run.trees}: it says {lease.path}")
        return Tree(mirror=self.mirror(url), lease=lease, path=path, objects=run.objects_of(lease))

    @contextmanager
    def workspace(
        self, run_id: str, url: str, ref: str, *, refresh: bool = True, on_lost: Callable[[], None] | None = None
    ) -> Iterator[Workspace]:
        """A working tree at a commit, leased until the end of the block; then its work is kept and it is removed.

        Args:
            run_id: Whatever the run is called.
            url: Of the repository.
            ref: Branch, tag or SHA.
            refresh: Fetch first.
            on_lost: Called from another thread once the lease is lost; it ends the work.

        Raises:
            LeaseHeldError: Somebody else works on it.
            WorkspaceError: The repository, the commit or the room for it can't be had.
        """
        mirror, run = self.mirror(url), self.run(run_id)
        subject = Subject(deployment=self.deployment, run_id=run_id, workspace_key=url)
        held = take(self.database_url, subject, self.holder, folder=str(run.trees), ttl=self._ttl, on_lost=on_lost)
        try:
            self._prepare(run, held.lease)
            if refresh:
                mirror.refresh()
            commit = mirror.commit_of(ref)
            tree = self.tree_of(held.lease)
            held.require()
            tree.add(commit)
            yield Workspace(held=held, tree=tree, run=run, commit=commit)
        except BaseException:
            with contextlib.suppress(JanitorError):  # a cleanup that fails never masks its cause; a sweep does it
                self._leave(held)
            raise
        self._leave(held)

    def clear(self, lease: Lease) -> None:
        """Keep the work of a lease's tree, remove the tree, and write both down. By its holder, or after its death.

        Raises:
            WorkspaceError: The work can't be kept, or something can't be removed: then the tree is left.
        """
        tree = self.tree_of(lease)
        run = self.run(lease.subject.run_id)
        if lease.patch_path is None and (content := tree.patch()):
            path = run.patch_of(lease)
            run.write(path, content)
            name, digest = str(path.relative_to(run.path)), hashlib.sha256(content).hexdigest()
            with transaction(self.database_url) as connection:
                store.keep_patch(connection, lease, path=name, sha256=digest)
        tree.remove()
        with transaction(self.database_url) as connection:
            store.tree_removed(connection, lease)

    def _prepare(self, run: RunFolder, lease: Lease) -> None:
        try:
            for folder in (run.trees, run.objects_of(lease)):
                run.make(folder)
        except OSError as exc:
            raise WorkspaceError(f"{self.runs} can't be written: {exc.strerror}; is the disk full?") from exc
        self._git.prepare()

    def _leave(self, held: HeldLease) -> None:
        """The tree goes first, the lease after it: nobody may have the repository while the tree is removed."""
        try:
            self.clear(held.lease)
        finally:
            held.end()
