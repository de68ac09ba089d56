"""Where a worker's folder lies in its repository: GitHub reads an annotation's path from the repository's root."""

from __future__ import annotations

from pathlib import Path


def folder_in_repository(folder: Path, workspace: Path | None) -> str:
    """The folder's path from the root of its repository, `.` for the root itself.

    Args:
        folder: The worker's, absolute and without links.
        workspace: Where GitHub has checked out; it counts where the checkout has no `.git`.
    """
    # A checkout of a second repository lies within the workspace, and has a root of its own. A linked worktree's and
    # a submodule's `.git` is a file.
    root = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    if root is None and workspace is not None:
        root = workspace.resolve()
    return folder.relative_to(root).as_posix() if root is not None and folder.is_relative_to(root) else "."
