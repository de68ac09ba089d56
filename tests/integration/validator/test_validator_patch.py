"""A patch in the spec: applied to the exact commit before anything reads it, as a whole, or nobody is blamed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from janitor.protocol.order.patch import Patch
from janitor.protocol.report import Report
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from janitor.validator.checkout.git import Git, GitError
from janitor.validator.settings import Settings
from tests.integration.validator.conftest import Result, Validation, commit_all, git, handler

PACKAGE = Path(__file__).parents[3] / "include" / "janitor"
Validate = Callable[..., Result]
Start = Callable[..., Validation]
Make = Callable[..., Path]
Red = tuple[Path, Patch]
RED = 'raise ValueError("broken by its author")'
GREEN = 'return {"answer": 42}'


def told(result: Result) -> Report:
    assert result.report is not None, result.output
    return result.report


def change_of(folder: Path, **options: str) -> Patch:
    """What is changed in a folder, as a patch; the folder is then as it was."""
    git(folder, "add", "--all", "--force")
    text = git(folder, "diff", "--cached", *options.values())
    git(folder, "reset", "--quiet", "--hard")
    return Patch.of(text)


@pytest.fixture
def red(make_worker: Make) -> Red:
    """A worker whose handler fails, and the patch with which it doesn't."""
    folder = make_worker(handler(RED))
    (folder / "handler.py").write_text(handler(GREEN))
    (folder / "notes" / "why.txt").parent.mkdir()
    (folder / "notes" / "why.txt").write_text("repaired\n")
    return folder, change_of(folder)


def test_the_patched_commit_is_what_is_validated(validate: Validate, red: Red) -> None:
    folder, patch = red
    sha = git(folder, "rev-parse", "HEAD").strip()
    result = validate(folder, repository={"ref": sha}, patch=patch.to_dict())
    assert result.status is ReportStatus.SUCCESS, result.output
    assert told(result).patch_sha256 == patch.sha256
    assert told(result).repository.commit_sha == sha
    assert "+    return {" in result.evidence("checkout")
    # What the patch made is no trouble of the checkout's.
    assert "differs from the commit" not in result.evidence("checkout")


def refused(folder: Path, patch: Patch, ref: str | None = None) -> str:
    """Why a patch isn't applied to a repository's commit; nobody is blamed, and the checkout stays as it was."""
    place = folder.parent / "validated"
    (place / "neutral").mkdir(parents=True)
    asked = Git(Settings.from_environment(), place / "neutral")
    asked.checkout(folder.as_uri(), ref, place / "checkout")
    with pytest.raises(GitError) as error:
        asked.apply(patch, place / "checkout")
    assert (error.value.trouble.code, error.value.trouble.repository_at_fault) == (ReasonCode.PATCH_UNAPPLIED, False)
    assert git(place / "checkout", "status", "--porcelain") == ""
    return error.value.trouble.reason


def test_a_patch_that_does_not_fit_blames_nobody(validate: Validate, make_repository: Make) -> None:
    folder = make_repository({"a.txt": "a\n"})
    result = validate(folder, patch=Patch.of("--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-b\n+c\n").to_dict())
    assert (result.status, result.reason) == (ReportStatus.ERROR, ("checkout", "patch_unapplied")), result.output
    assert told(result).patch_sha256 is None
    assert told(result).repository.commit_sha is not None
    assert {each.status for each in told(result).checks[1:]} <= {CheckStatus.SKIP, CheckStatus.PASS}


class TestRefused:
    @pytest.fixture
    def repository(self, make_repository: Make, tmp_path: Path) -> Path:
        folder = make_repository({"README.md": "".join(f"line {n}\n" for n in range(30)), "a.txt": "a\n"})
        (folder / "link").symlink_to(tmp_path)
        commit_all(folder)
        return folder

    def test_one_of_another_commit(self, repository: Path) -> None:
        (repository / "a.txt").write_text("other\n")
        commit_all(repository)
        (repository / "a.txt").write_text("new\n")
        patch = change_of(repository)
        first = git(repository, "rev-parse", "HEAD~1").strip()
        assert "a.txt" in refused(repository, patch, first)

    def test_one_that_fits_a_few_lines_further_down(self, repository: Path) -> None:
        first = git(repository, "rev-parse", "HEAD").strip()
        text = (repository / "README.md").read_text()
        (repository / "README.md").write_text("one\ntwo\n" + text)
        commit_all(repository)
        (repository / "README.md").write_text("one\ntwo\n" + text.replace("line 20\n", "line twenty\n"))
        patch = change_of(repository)
        said = refused(repository, patch, first)
        assert "its hunk 1 belongs elsewhere" in said

    def test_a_half_that_fits_changes_nothing(self, repository: Path) -> None:
        (repository / "a.txt").write_text("new\n")
        good = change_of(repository)
        broken = good.text + good.text.replace("a.txt", "missing.txt")
        assert "missing.txt" in refused(repository, Patch.of(broken))

    @pytest.mark.parametrize(
        "path", ["../out.txt", ".git/hooks/post-checkout", "sub/.GIT/config", "/etc/out", "link/out"]
    )
    def test_paths_that_lead_out(self, repository: Path, tmp_path: Path, path: str) -> None:
        text = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"
        refused(repository, Patch.of(text))
        assert not (tmp_path / "out").exists()
        assert not (tmp_path / "out.txt").exists()

    def test_links(self, repository: Path) -> None:
        (repository / "other").symlink_to("/etc/passwd")
        assert "mode 120000" in refused(repository, change_of(repository))

    def test_a_link_that_is_made_a_file(self, repository: Path) -> None:
        (repository / "link").unlink()
        (repository / "link").write_text("x\n")
        assert "mode 120000" in refused(repository, change_of(repository))

    def test_a_repository_within(self, repository: Path) -> None:
        text = (
            f"diff --git a/sub b/sub\nnew file mode 160000\nindex 0000000..{'1' * 7}\n--- /dev/null\n+++ b/sub\n"
            f"@@ -0,0 +1 @@\n+Subproject commit {'1' * 40}\n"
        )
        assert "mode 160000" in refused(repository, Patch.of(text))

    def test_what_is_binary(self, repository: Path) -> None:
        (repository / "a.txt").write_bytes(b"\0\1\2")
        assert "binary" in refused(repository, change_of(repository, how="--binary"))

    def test_what_is_in_a_submodule(self, make_repository: Make) -> None:
        inner = make_repository({"lib.py": "x = 1\n"})
        outer = make_repository({"README.md": "# no worker\n"})
        git(outer, "submodule", "--quiet", "add", inner.as_uri(), "vendor")
        commit_all(outer)
        name = "vendor/lib.py"
        text = f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
        assert "submodule" in refused(outer, Patch.of(text))

    def test_what_is_no_patch(self, repository: Path) -> None:
        refused(repository, Patch.of("please repair it\n"))


def test_no_filter_of_the_repository_takes_part(validate: Validate, make_repository: Make, tmp_path: Path) -> None:
    folder = make_repository({".gitattributes": "*.py filter=evil\n", "handler.py": handler(RED)})
    git(folder, "config", "filter.evil.smudge", f"touch {tmp_path / 'smudged'}; cat")
    (folder / "handler.py").write_text(handler(GREEN))
    patch = change_of(folder)
    (tmp_path / "smudged").unlink(missing_ok=True)
    result = validate(folder, patch=patch.to_dict())
    assert told(result).patch_sha256 == patch.sha256, result.output
    assert not (tmp_path / "smudged").exists()


def test_line_ends_of_the_repositorys_own_are_no_obstacle(validate: Validate, make_repository: Make) -> None:
    folder = make_repository({".gitattributes": "*.txt eol=crlf\n", "a.txt": "one\r\ntwo\r\n"})
    (folder / "a.txt").write_text("one\r\nthree\r\n")
    patch = change_of(folder)
    result = validate(folder, patch=patch.to_dict())
    assert result.check("checkout").status is CheckStatus.PASS, result.output
    assert told(result).patch_sha256 == patch.sha256


def test_a_digest_that_is_not_the_texts_is_refused_with_the_spec(validate: Validate, red: Red) -> None:
    folder, patch = red
    result = validate(folder, patch={"text": patch.text, "sha256": "0" * 64})
    assert (result.exit_code, result.report) == (2, None)
    assert "patch.sha256: is not that of the text" in result.output


def test_an_older_validator_refuses_a_spec_with_a_patch(start_validator: Start, red: Red, tmp_path: Path) -> None:
    """One that doesn't know of patches is never taken for one that applied it: it ends without a report."""
    folder, patch = red
    shutil.copytree(PACKAGE, tmp_path / "older" / "janitor", ignore=shutil.ignore_patterns("__pycache__"))
    spec = tmp_path / "older" / "janitor" / "protocol" / "order" / "spec.py"
    lines = spec.read_text().splitlines(keepends=True)
    spec.write_text("".join(line for line in lines if not line.startswith("    patch: ")))
    program = tmp_path / "older.py"
    program.write_text(
        f"import sys; sys.path.insert(0, {str(tmp_path / 'older')!r})\n"
        "from janitor.validator.cli import run_and_exit\nrun_and_exit()\n"
    )
    result = start_validator(folder, program=program, python=sys.executable, patch=patch.to_dict()).result()
    assert (result.exit_code, result.report) == (2, None)
    assert "unknown field 'patch'" in result.output
