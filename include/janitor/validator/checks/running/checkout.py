"""`checkout`: the repository is here, at an exact commit, as it was committed but for the patch that was ordered."""

from __future__ import annotations

from pathlib import PurePosixPath

from janitor.inspection.tree import RepositoryTree, UnreadableError
from janitor.validator.checkout.git import Git, GitError
from janitor.validator.context import CheckContext, ReportHead
from janitor.validator.facts import CheckoutFacts
from janitor.validator.findings import Finding, Produced, errored, failed, passed
from janitor.validator.provenance.commit import told_commit

_LFS_HEADER = b"version https://git-lfs.github.com/spec/"
_LFS_POINTER_BYTES = 1_024
"""Source: git-lfs specification: pointer files must be less than 1,024 bytes."""
_BIG_FILE_BYTES = 50 * 1024 * 1024
_SHOWN = 20


def check_checkout(context: CheckContext) -> Finding | Produced[CheckoutFacts]:
    """Fetch and check out what the spec names."""
    repository = context.spec.repository
    git = Git(context.settings, context.workspace.neutral)
    try:
        checkout = git.checkout(repository.url, repository.ref, context.workspace.checkout)
        told = told_commit(checkout.described, context.evidence.tell)
        context.tell(ReportHead(commit_sha=checkout.commit_sha, provenance=told))
        if context.spec.patch is not None:
            git.apply(context.spec.patch, context.workspace.checkout)
            context.tell(ReportHead(patch_sha256=context.spec.patch.sha256))
    except GitError as exc:
        conclude = failed if exc.trouble.repository_at_fault else errored
        logs = () if exc.outcome is None else (context.evidence.log("git", exc.outcome),)
        return conclude(exc.trouble.code, exc.trouble.reason, *logs, outcome=exc.outcome)

    tree = RepositoryTree(context.workspace.checkout)
    unfetched, entries = tuple(str(path) for path in lfs_pointers(tree)), tree.entries
    size = sum(entry.size_bytes for entry in entries)
    shown = {
        "commit": checkout.commit_sha,
        "files": f"{len(entries)} files, {size} bytes",
        "submodules": "\n".join(checkout.submodules),
        # Line-end rules of the repository itself can make a fresh checkout look changed.
        "differs from the commit": "\n".join(checkout.dirty),
        "patch": "" if context.spec.patch is None else context.spec.patch.text,
        "Git LFS pointers": "\n".join(unfetched[:_SHOWN]),
        "big files": "\n".join(
            f"{entry.path}: {entry.size_bytes} bytes" for entry in entries if entry.size_bytes > _BIG_FILE_BYTES
        ),
    }
    evidence = [context.evidence.value(name, text) for name, text in shown.items() if text]
    facts = CheckoutFacts(tree=tree, commit_sha=checkout.commit_sha, unfetched_files=unfetched)
    finding = passed(*evidence, outcome=checkout.outcome)
    return Produced(
        finding.measured(files=len(entries), content_bytes=size, lfs_pointers=len(unfetched)),
        facts,
    )


def lfs_pointers(tree: RepositoryTree) -> list[PurePosixPath]:
    """Files that stand for one that git-lfs would fetch."""
    found = []
    for entry in tree.entries:
        if not entry.is_symlink and 0 < entry.size_bytes < _LFS_POINTER_BYTES:
            try:
                if tree.read(entry.path).startswith(_LFS_HEADER):
                    found.append(entry.path)
            except UnreadableError:
                continue
    return found
