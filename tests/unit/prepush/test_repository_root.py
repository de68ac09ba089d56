"""From where GitHub reads the path of an annotation."""

from __future__ import annotations

from janitor.prepush.repository_root import folder_in_repository


def test_root_is_the_nearest_folder_with_a_git_folder_or_file(tmp_path):
    worker, second = tmp_path / "workers" / "a", tmp_path / "second" / "b"
    worker.mkdir(parents=True)
    second.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "second" / ".git").write_text("gitdir: elsewhere\n")
    assert folder_in_repository(worker, None) == "workers/a"
    assert folder_in_repository(tmp_path, tmp_path.parent) == "."
    assert folder_in_repository(second, tmp_path) == "b"


def test_workspace_counts_without_git_and_only_around_the_folder(tmp_path):
    worker, link = tmp_path / "w2", tmp_path / "link"
    worker.mkdir()
    link.symlink_to(tmp_path)
    assert folder_in_repository(worker, tmp_path) == "w2"
    assert folder_in_repository(worker, link) == "w2"
    assert folder_in_repository(worker, worker) == "."
    assert folder_in_repository(worker, tmp_path / "elsewhere") == "."
    assert folder_in_repository(worker, None) == "."
