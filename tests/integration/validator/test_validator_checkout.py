"""The checkout: an exact commit, or a clear reason and the right party to blame."""

from __future__ import annotations

import functools
import http.server
import os
import threading

import pytest

from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from tests.integration.validator.conftest import commit_all, git

# Without a Dockerfile a validation ends right after its static checks.
FILES = {"README.md": "# no worker\n"}


def commit_of(result) -> str | None:
    assert result.check("checkout").status is CheckStatus.PASS, result.output
    return result.report.repository.commit_sha


class TestRefs:
    @pytest.fixture
    def repository(self, make_repository):
        folder = make_repository(FILES)
        self.first = git(folder, "rev-parse", "HEAD").strip()
        git(folder, "tag", "--annotate", "v1", "--message", "one")
        git(folder, "checkout", "--quiet", "-b", "feature/x")
        (folder / "new").write_text("new")
        self.second = commit_all(folder)
        git(folder, "checkout", "--quiet", "main")
        return folder

    def test_default_branch_branch_tag_and_sha(self, validate, repository):
        wanted = {
            None: self.first,
            "main": self.first,
            "v1": self.first,
            "feature/x": self.second,
            self.second: self.second,
            self.second[:10]: self.second,
        }
        found = {ref: commit_of(validate(repository, repository={"ref": ref})) for ref in wanted}
        assert found == wanted

    @pytest.mark.parametrize("ref", ["nowhere", "f" * 40, "--upload-pack=touch x", "a..b", "HEAD^"])
    def test_ref_that_is_not_there_is_the_repositorys_fault(self, validate, repository, ref):
        result = validate(repository, repository={"ref": ref})
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("checkout", "unknown_ref"))

    def test_everything_after_a_failed_checkout_is_skipped(self, validate, repository):
        result = validate(repository, repository={"ref": "nowhere"})
        after = {check.name: check.reason_code for check in result.report.checks[1:]}
        assert after.pop("agent_prompt") == "agent_not_configured"
        assert after.pop("cleanup") is None
        assert set(after.values()) == {"prerequisite_failed"}


def test_empty_repository_is_the_repositorys_fault(validate, make_repository):
    result = validate(make_repository(commit=False))
    assert (result.exit_code, result.reason) == (1, ("checkout", "empty_repository"))


def test_repository_without_its_default_branch(validate, make_repository):
    folder = make_repository(FILES)
    git(folder, "symbolic-ref", "HEAD", "refs/heads/gone")
    assert validate(folder).reason == ("checkout", "no_default_branch")


def test_repository_that_does_not_exist(validate, tmp_path):
    result = validate(tmp_path / "nowhere.git")
    assert (result.status, result.reason) == (ReportStatus.FAILED, ("checkout", "repository_not_found"))


class TestServers:
    def test_password_wanted(self, validate, serve):
        served = serve(lambda *_: (401, {"WWW-Authenticate": 'Basic realm="git"'}))
        result = validate(f"{served.url}/private.git")
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("checkout", "needs_credentials"))
        assert result.seconds < 20

    @pytest.mark.parametrize(
        ("status", "verdict", "code"),
        [
            (404, ReportStatus.FAILED, "repository_not_found"),
            (403, ReportStatus.FAILED, "needs_credentials"),
            (429, ReportStatus.ERROR, "rate_limited"),
            (500, ReportStatus.ERROR, "server_trouble"),
            (503, ReportStatus.ERROR, "server_trouble"),
        ],
    )
    def test_answer_of_the_server_decides_who_is_to_blame(self, validate, serve, status, verdict, code):
        served = serve(lambda *_: (status, {}))
        result = validate(f"{served.url}/x.git")
        assert (result.status, result.reason) == (verdict, ("checkout", code))

    def test_server_that_is_not_there_is_nobodys_fault(self, validate):
        result = validate("http://127.0.0.1:9/x.git")
        assert (result.status, result.reason) == (ReportStatus.ERROR, ("checkout", "network"))

    def test_host_name_that_is_not_there_is_nobodys_fault(self, validate):
        result = validate("https://host.invalid/x.git", environment={"https_proxy": "", "HTTPS_PROXY": ""})
        assert (result.status, result.reason) == (ReportStatus.ERROR, ("checkout", "name_resolution"))

    def test_server_that_never_answers_meets_the_deadline(self, validate, serve):
        gate = threading.Event()
        served = serve(lambda *_: (gate.wait(30), (500, {}))[1])
        result = validate(f"{served.url}/x.git", seconds=3)
        gate.set()
        assert (result.status, result.reason) == (ReportStatus.TIMED_OUT, ("checkout", "deadline"))

    def test_plain_files_over_http_are_taken_whole(self, validate, make_repository, tmp_path):
        folder = make_repository(FILES)
        git(tmp_path, "clone", "--quiet", "--bare", str(folder), "plain.git")
        git(tmp_path / "plain.git", "update-server-info")
        sha = git(folder, "rev-parse", "HEAD").strip()
        quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(tmp_path)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            assert commit_of(validate(f"http://127.0.0.1:{server.server_address[1]}/plain.git")) == sha
        finally:
            server.shutdown()
            server.server_close()

    def test_password_in_the_url_appears_nowhere(self, validate, serve):
        served = serve(lambda *_: (401, {"WWW-Authenticate": 'Basic realm="git"'}))
        url = served.url.replace("http://", "http://user:hunter2hunter2@")
        result = validate(f"{url}/private.git")
        assert result.reason == ("checkout", "needs_credentials")
        assert "hunter2hunter2" not in result.output
        assert b"hunter2hunter2" not in result.report.to_json()


class TestContent:
    def test_submodule_is_fetched_and_noted(self, validate, make_repository):
        inner = make_repository({"lib.py": "x = 1\n"})
        outer = make_repository(FILES)
        git(outer, "submodule", "--quiet", "add", inner.as_uri(), "vendor/lib")
        commit_all(outer)
        result = validate(outer)
        assert commit_of(result)
        assert "vendor/lib" in result.evidence("checkout")
        assert "3 files" in result.evidence("checkout")

    def test_submodule_by_a_transport_that_runs_programs_is_refused(self, validate, make_repository, tmp_path):
        mark = tmp_path / "ran"
        outer = make_repository(FILES)
        (outer / ".gitmodules").write_text(f'[submodule "x"]\n\tpath = x\n\turl = "ext::sh -c touch% {mark}"\n')
        git(outer, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},x")
        git(outer, "add", ".gitmodules")
        git(outer, "commit", "--quiet", "--message", "hostile")
        result = validate(outer)
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("checkout", "transport_refused"))
        assert not mark.exists()

    def test_hooks_and_settings_of_a_repository_do_not_run(self, validate, make_repository, tmp_path):
        mark = tmp_path / "ran"
        folder = make_repository({**FILES, ".gitattributes": "* filter=evil\n"})
        for hook in ("post-checkout", "pre-upload-pack", "reference-transaction"):
            path = folder / ".git" / "hooks" / hook
            path.write_text(f"#!/bin/sh\ntouch {mark}\n")
            path.chmod(0o755)
        git(folder, "config", "core.fsmonitor", f"touch {mark}")
        git(folder, "config", "filter.evil.smudge", f"touch {mark}; cat")
        assert commit_of(validate(folder))
        assert not mark.exists()

    def test_settings_of_the_machine_do_not_take_part(self, validate, make_repository, tmp_path):
        mark = tmp_path / "ran"
        (tmp_path / "home" / ".gitconfig").write_text(f'[core]\n\tfsmonitor = "touch {mark}; false"\n')
        assert commit_of(validate(make_repository(FILES)))
        assert not mark.exists()

    def test_lfs_pointers_are_found(self, validate, make_repository):
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
        result = validate(make_repository({**FILES, "model.bin": pointer}))
        assert "model.bin" in result.evidence("checkout")

    def test_big_file_is_noted_and_harms_nothing(self, validate, make_repository):
        folder = make_repository(FILES, commit=False)
        with (folder / "big.bin").open("wb") as file:
            file.truncate(200 * 1024 * 1024)
        commit_all(folder)
        result = validate(folder)
        assert commit_of(result)
        assert "big.bin: 209715200 bytes" in result.evidence("checkout")
        assert result.reason == ("dockerfile_parse", "dockerfile_missing")

    def test_names_that_are_no_text_make_a_report_all_the_same(self, validate, make_repository):
        tests = '{"tests": [{"name": "a\\u0000b\\ud800", "input": {"x\\u0000": 1}, "timeout": 5}]}'
        folder = make_repository({**FILES, ".runpod/tests.json": tests}, commit=False)
        (folder / os.fsdecode(b"bad-\xff\xfe.py")).write_text("x = (\n")
        (folder / os.fsdecode(b"link-\xff")).symlink_to("/etc/passwd")
        commit_all(folder)
        result = validate(folder)
        assert result.check("layout").reason_code == "symlink_escape"
        assert result.check("tests_schema").reason_code == "timeout_in_seconds"

    @pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../etc/passwd", "/"])
    def test_symlink_out_of_the_tree_fails_and_is_not_read(self, validate, make_repository, target):
        folder = make_repository(like="echo-worker", commit=False)
        (folder / "test_input.json").unlink()
        (folder / "test_input.json").symlink_to(target)
        commit_all(folder)
        result = validate(folder)
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("layout", "symlink_escape"))
        assert "root:" not in result.report.to_json().decode()
        assert result.check("build").reason_code == "prerequisite_failed"
