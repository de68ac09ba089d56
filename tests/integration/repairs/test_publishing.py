"""Each way in which a proved repair is given to people, and each outcome that it can have, against real git and a
small GitHub."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import wait
from pathlib import Path
from uuid import uuid4

import pytest

from janitor.domain.config.fields import RepairWay
from janitor.domain.errors import LeaseLostError
from janitor.domain.experiment.experiment import Observed
from janitor.domain.repair.publication import Publication, Published
from janitor.domain.repair.states import RepairState
from janitor.protocol.repair_proof import RepairProof
from janitor.services.repair.publish import github as github_module
from janitor.services.repair.publish.publish import publish
from janitor.services.workspaces.leasing import fence_off
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.settings import Settings, load_settings
from janitor.stores.database import transaction
from tests.support.deployment import ROOT
from tests.support.git_origins import Origin, fingerprint
from tests.support.localcloud_server import LocalCloudServer
from tests.support.publications import DIFF, publication_of, publish_in_a_process
from tests.support.pull_server import TOKEN, Fault, PullServer, serving_pulls

PULLS = "/repos/acme/worker/pulls"


def do(settings: Settings, publication: Publication, *, run_id: str | None = None, bucket: bool = False) -> Published:
    """Publish under a lease of its own."""
    repeated = publication.failure.repeated
    manager = WorkspaceManager.of(settings)
    with manager.workspace(run_id or uuid4().hex, repeated.plan.url, repeated.commit_sha) as workspace:
        return publish(settings, publication, workspace, into_bucket=bucket)


def changed(variables: dict[str, str], **changes: str) -> Settings:
    return load_settings("local", environ={**variables, **changes}, project_root=ROOT)


@pytest.fixture
def wanted(github: PullServer, origin: Origin) -> Publication:
    """A pull request is wanted for a repository on GitHub."""
    url = github.create(origin)
    return publication_of(url=url, commit=origin.git("rev-parse", "HEAD"), way=RepairWay.PULL)


def local(origin: Origin, way: RepairWay) -> Publication:
    return publication_of(url=origin.url, commit=origin.git("rev-parse", "HEAD"), way=way)


# A patch.


def test_a_patch_is_kept_with_its_mail_and_its_proof_and_the_reports_that_it_names(
    settings: Settings, origin: Origin, cloud: LocalCloudServer, tmp_path: Path
) -> None:
    before = fingerprint(origin.path)
    done = do(settings, local(origin, RepairWay.PATCH), run_id="run/1", bucket=True)
    assert (done.way, done.state, done.again_after) == (RepairWay.PATCH, RepairState.PUBLISHED, None)
    assert done.where is not None
    prefix = done.where.removeprefix("s3://repairs/")
    assert prefix.startswith("janitor-repairs/run%2F1/run-1%2Facme%2Fworker%2F0123abcd/1.")
    s3 = cloud.client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="repairs", Prefix=prefix)["Contents"]]
    content = {key.rpartition("/")[2]: s3.get_object(Bucket="repairs", Key=key)["Body"].read() for key in keys}
    assert content["repair.patch"].decode() == DIFF
    proof = RepairProof.from_json(content["proof.json"])
    for part in (proof.red, proof.patched, proof.control):
        assert hashlib.sha256(content[part.file]).hexdigest() == part.sha256
    on_disk = {path.name: path.read_bytes() for path in settings.runs_root.glob("run%2F1/artefacts/*/*/*")}
    assert content == {name: on_disk[name] for name in content}
    assert fingerprint(origin.path) == before
    mail = tmp_path / "repair.mail"
    mail.write_bytes(content["repair.mail"])
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@x", "am", str(mail)],
        cwd=origin.path,
        check=True,
        capture_output=True,
        timeout=60,
    )
    origin.git("fetch", "--quiet", str(origin.path))
    assert (origin.path / "requirements.txt").read_text() == "numpy>=1,<2\ntorch\n"


def test_without_a_bucket_the_patch_is_on_this_machine(variables: dict[str, str], origin: Origin) -> None:
    settings = changed(variables, JANITOR_BUCKET="is-not-there")
    done = do(settings, local(origin, RepairWay.PATCH), bucket=True)
    assert (done.way, done.state) == (RepairWay.PATCH, RepairState.PUBLISHED)
    assert "not in the bucket" in done.reason
    assert done.where is not None
    assert (Path(done.where) / "proof.json").is_file()


def test_the_commit_is_of_the_patch_alone_and_the_same_each_time(settings: Settings, origin: Origin) -> None:
    publication = local(origin, RepairWay.BRANCH)
    manager, repeated = WorkspaceManager.of(settings), publication.failure.repeated
    with manager.workspace(uuid4().hex, origin.url, repeated.commit_sha) as workspace:
        (workspace.path / "left-over.py").write_text("import os\n")
        (workspace.path / "handler.py").write_text("changed by whoever proposed\n")
        publish(settings, publication, workspace, into_bucket=False)
    first = origin.git("rev-parse", publication.branch)
    assert origin.git("diff", "--name-only", "HEAD", first) == "requirements.txt"
    assert do(settings, publication).reason == "the branch has this commit already"
    assert origin.git("rev-parse", publication.branch) == first
    assert origin.git("log", "-1", "--format=%(trailers:key=Janitor-Signature,valueonly)", first) == repeated.signature


@pytest.mark.parametrize("way", [RepairWay.OFF, RepairWay.PULL])
def test_what_is_off_or_not_proved_leaves_nothing(settings: Settings, wanted: Publication, way: RepairWay) -> None:
    plan = replace(wanted.failure.repeated.plan, repair=way)
    failure = replace(wanted.failure, repeated=replace(wanted.failure.repeated, plan=plan))
    unproved = replace(wanted, failure=failure, patched=replace(wanted.patched, observed=Observed.RED))
    done = do(settings, unproved)
    assert (done.way, done.where) == (RepairWay.OFF, None)
    assert not list(settings.runs_root.rglob("repair.*"))


# A branch.


def test_a_branch_goes_to_another_remote_where_one_is_named(
    variables: dict[str, str], origin: Origin, tmp_path: Path
) -> None:
    fork = Origin(tmp_path / "fork" / "worker.git")
    fork.git("init", "--quiet", "--bare", ".")
    settings = changed(variables, JANITOR_REPAIR_REMOTE=f"file://{tmp_path}/fork/{{repository}}.git")
    publication = local(origin, RepairWay.BRANCH)
    done = do(settings, publication)
    assert (done.way, done.state, done.where) == (
        RepairWay.BRANCH,
        RepairState.PUBLISHED,
        f"{fork.url} {publication.branch}",
    )
    assert fork.git("rev-parse", f"{publication.branch}^") == publication.failure.repeated.commit_sha
    assert publication.branch not in origin.git("branch", "--list")


def test_hooks_of_the_tree_and_the_mirror_run_nothing(settings: Settings, origin: Origin, tmp_path: Path) -> None:
    publication = local(origin, RepairWay.BRANCH)
    manager, repeated = WorkspaceManager.of(settings), publication.failure.repeated
    with manager.workspace(uuid4().hex, origin.url, repeated.commit_sha) as workspace:
        hooks = workspace.path / ".git-hooks"
        hooks.mkdir()
        for name in ("pre-push", "pre-commit", "reference-transaction"):
            (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
            (hooks / name).chmod(0o755)
        (workspace.path / ".gitattributes").write_text("* filter=bad\n")
        assert publish(settings, publication, workspace, into_bucket=False).way is RepairWay.BRANCH
    assert not (tmp_path / "ran").exists()


def test_a_branch_on_which_somebody_works_is_left_alone(settings: Settings, origin: Origin) -> None:
    publication = local(origin, RepairWay.BRANCH)
    origin.git("branch", publication.branch)
    origin.git("checkout", "--quiet", publication.branch)
    theirs = origin.commit({"theirs.py": "x = 1\n"})
    origin.git("checkout", "--quiet", "main")
    done = do(settings, publication)
    assert (done.way, done.state) == (RepairWay.PATCH, RepairState.PUBLISHED)
    assert "commits of somebody else" in done.reason
    assert origin.git("rev-parse", publication.branch) == theirs


def test_an_older_repair_of_ours_is_replaced_and_one_with_a_commit_on_top_is_not(
    settings: Settings, origin: Origin
) -> None:
    old = local(origin, RepairWay.BRANCH)
    do(settings, replace(old, proposal=replace(old.proposal, summary="Another try")))
    first = origin.git("rev-parse", old.branch)
    assert do(settings, old).reason == "pushed"
    assert origin.git("rev-parse", old.branch) != first
    origin.git("checkout", "--quiet", old.branch)
    theirs = origin.commit({"theirs.py": "x = 1\n"})
    origin.git("checkout", "--quiet", "main")
    assert "somebody else" in do(settings, replace(old, proposal=replace(old.proposal, summary="A third"))).reason
    assert origin.git("rev-parse", old.branch) == theirs


def test_a_head_that_moved_on_the_patchs_files_wants_a_new_proof(settings: Settings, origin: Origin) -> None:
    publication = local(origin, RepairWay.BRANCH)
    origin.commit({"handler.py": "print('two')\n"})
    assert do(settings, publication).way is RepairWay.BRANCH
    origin.commit({"requirements.txt": "numpy>=1.5\ntorch\n"})
    done = do(settings, replace(publication, proposal=replace(publication.proposal, summary="Again")))
    assert (done.way, done.state) == (RepairWay.PATCH, RepairState.SUPERSEDED)
    assert "main has changed requirements.txt since" in done.reason


def test_a_failure_of_a_tag_is_not_outdated_by_a_branch(settings: Settings, origin: Origin) -> None:
    origin.git("tag", "v1")
    publication = publication_of(url=origin.url, commit=origin.git("rev-parse", "HEAD"), way=RepairWay.BRANCH, ref="v1")
    origin.commit({"requirements.txt": "numpy>=1.5\ntorch\n"})
    assert do(settings, publication).way is RepairWay.BRANCH


def test_a_remote_that_is_none(settings: Settings, wanted: Publication) -> None:
    plan = replace(wanted.failure.repeated.plan, url="git@github.com:acme/worker.git")
    ssh = replace(wanted, failure=replace(wanted.failure, repeated=replace(wanted.failure.repeated, plan=plan)))
    manager, repeated = WorkspaceManager.of(settings), wanted.failure.repeated
    with manager.workspace(uuid4().hex, repeated.plan.url, repeated.commit_sha) as workspace:
        done = publish(settings, ssh, workspace, into_bucket=False)
    assert (done.way, done.state) == (RepairWay.PATCH, RepairState.PUBLISHED)
    assert "no remote" in done.reason


def test_a_lost_lease_has_no_effect(settings: Settings, wanted: Publication, github: PullServer) -> None:
    manager, repeated = WorkspaceManager.of(settings), wanted.failure.repeated
    place = manager.workspace(uuid4().hex, repeated.plan.url, repeated.commit_sha)
    with pytest.raises(LeaseLostError), place as workspace:  # noqa: PT012 - it is lost within
        fence_off(settings.writer_url, workspace.held.lease, why="the test", by="the test")
        publish(settings, wanted, workspace, into_bucket=False)
    assert wanted.branch not in github.branches()
    assert github.pulls == []


# A pull request.


def test_a_pull_request_is_opened_as_a_draft_and_found_again(
    settings: Settings, wanted: Publication, github: PullServer
) -> None:
    done = do(settings, wanted)
    assert (done.way, done.state, done.reason) == (RepairWay.PULL, RepairState.PUBLISHED, "opened as a draft")
    [pull] = github.pulls
    assert (done.where, pull["draft"], pull["base"], pull["title"]) == (
        pull["html_url"],
        True,
        "main",
        "Keep numpy below 2",
    )
    assert github.repository().git("rev-parse", f"{wanted.branch}^") == wanted.failure.repeated.commit_sha
    again = do(settings, replace(wanted, proposal=replace(wanted.proposal, root_cause="We know better now.")))
    assert (again.where, again.reason) == (done.where, "brought up to date")
    assert len(github.pulls) == 1
    assert "We know better now." in github.pulls[0]["body"]


def test_a_pull_request_that_a_person_closed_is_never_opened_again(
    settings: Settings, wanted: Publication, github: PullServer
) -> None:
    do(settings, wanted)
    github.pulls[0]["state"] = "closed"
    github.repository().git("update-ref", "-d", f"refs/heads/{wanted.branch}")
    done = do(settings, wanted)
    assert (done.way, done.state) == (RepairWay.PATCH, RepairState.REJECTED)
    assert "never again for this cause" in done.reason
    github.pulls.clear()  # GitHub shows nothing of it any more
    assert do(settings, wanted).state is RepairState.REJECTED
    assert wanted.branch not in github.branches()


def test_a_merged_pull_request_ends_it(settings: Settings, wanted: Publication, github: PullServer) -> None:
    github.add(wanted.branch, state="closed", merged_at="2026-01-02T00:00:00Z")
    done = do(settings, wanted)
    assert (done.way, done.state) == (RepairWay.PULL, RepairState.SUPERSEDED)


def test_a_repository_has_one_at_a_time(settings: Settings, wanted: Publication, github: PullServer) -> None:
    github.add("janitor/repair-ffffffff")
    github.add("janitor/repair-of-a-stranger", owner="stranger")
    done = do(settings, wanted)
    assert (done.way, done.state, done.again_after) == (RepairWay.PATCH, RepairState.PROVEN, timedelta(days=1))
    assert "pull/1 is open" in done.reason
    assert wanted.branch not in github.branches()


def test_a_day_has_its_number(variables: dict[str, str], wanted: Publication, github: PullServer) -> None:
    settings = changed(variables, JANITOR_REPAIR_PULLS_A_DAY="1")
    assert do(settings, wanted).way is RepairWay.PULL
    other = replace(
        wanted,
        failure=replace(wanted.failure, repeated=replace(wanted.failure.repeated, signature="f" * 16)),
        control=replace(wanted.control, signature="f" * 16),
    )
    github.pulls[0] |= {"state": "closed", "merged_at": "2025-01-01T00:00:00Z"}
    done = do(settings, other)
    assert (done.way, done.state) == (RepairWay.PATCH, RepairState.PROVEN), done
    assert done.again_after is not None
    assert timedelta() < done.again_after <= timedelta(days=1)
    assert len(github.pulls) == 1


def test_a_repository_that_wants_nothing_of_machines_gets_a_patch(
    settings: Settings, github: PullServer, origin: Origin
) -> None:
    commit = origin.commit({".github/AI_POLICY.md": "AI-generated pull requests are not accepted.\n"})
    publication = publication_of(url=github.create(origin), commit=commit, way=RepairWay.PULL)
    done = do(settings, publication)
    assert (done.way, done.state) == (RepairWay.PATCH, RepairState.PUBLISHED)
    assert done.reason == ".github/AI_POLICY.md says that nothing of a machine is wanted"
    assert publication.branch not in github.branches()


@pytest.mark.parametrize("pushed", [False, True])
def test_a_token_is_said_to_be_missing(
    variables: dict[str, str], wanted: Publication, origin: Origin, pushed: bool
) -> None:
    settings = changed(variables, JANITOR_REPAIR_TOKEN_SECRET="")
    done = do(settings, local(origin, RepairWay.PULL) if pushed else wanted)
    assert done.way is (RepairWay.BRANCH if pushed else RepairWay.PATCH)
    assert (done.state, "JANITOR_REPAIR_TOKEN_SECRET" in done.reason or pushed) == (RepairState.PUBLISHED, True)


def test_a_token_that_cant_be_read_is_asked_for_again(variables: dict[str, str], wanted: Publication) -> None:
    done = do(changed(variables, JANITOR_REPAIR_TOKEN_SECRET="no-such-secret"), wanted)
    assert (done.way, done.state) == (RepairWay.PATCH, RepairState.PROVEN)
    assert done.again_after is not None


def test_a_token_goes_to_no_other_host(settings: Settings, origin: Origin, tmp_path: Path) -> None:
    with serving_pulls(tmp_path / "elsewhere") as stranger:
        url = stranger.create(origin)
        done = do(settings, publication_of(url=url, commit=origin.git("rev-parse", "HEAD"), way=RepairWay.PULL))
        assert (done.way, done.state) == (RepairWay.PATCH, RepairState.PUBLISHED)
        assert "none that the token is for" in done.reason
        assert {authorization for _, _, authorization in stranger.requests} == {None}


def test_a_redirect_takes_no_token_along(
    settings: Settings, wanted: Publication, github: PullServer, origin: Origin, tmp_path: Path
) -> None:
    with serving_pulls(tmp_path / "elsewhere") as stranger:
        stranger.create(origin)
        moved = {"Location": f"{stranger.url}/repos/acme/worker"}
        github.faults = [Fault("GET", "/repos/acme/worker", 301, moved)]
        done = do(settings, wanted)
        assert (done.way, done.state) == (RepairWay.PATCH, RepairState.PUBLISHED)
        assert "another name" in done.reason
        there = {"Location": f"{stranger.url}/acme/worker.git/info/refs?service=git-receive-pack"}
        # The mirror's own fetch and the questions come first; they are of another service.
        github.redirect_pushes = there
        done = do(settings, wanted)
        assert done.way is RepairWay.PATCH, done
        assert "301" in done.reason
        assert stranger.requests == []


def test_a_read_only_token_leaves_the_patch(settings: Settings, wanted: Publication, github: PullServer) -> None:
    github.read_only = True
    done = do(settings, wanted)
    assert (done.way, done.state) == (RepairWay.PATCH, RepairState.PUBLISHED)
    assert "403" in done.reason
    with transaction(settings.writer_url) as connection:
        assert connection.execute("select 1 from repair_pulls").fetchall() == []


def test_a_protected_branch_leaves_the_patch(settings: Settings, wanted: Publication, github: PullServer) -> None:
    hook = github.repository().path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'remote says \x1b[2J @acme' >&2\nexit 1\n")
    hook.chmod(0o755)
    done = do(settings, wanted)
    assert (done.way, done.state) == (RepairWay.PATCH, RepairState.PUBLISHED)
    assert "rejected" in done.reason
    assert "\x1b" not in done.reason


def _fault(method: str, path: str, status: int, **more: object) -> Callable[[PullServer], None]:
    return lambda github: github.faults.append(Fault(method, path, status, **more))  # type: ignore[arg-type]  # a Fault's


def _archive(github: PullServer) -> None:
    github.is_archived = True


def _no_drafts(github: PullServer) -> None:
    github.takes_drafts = False


@pytest.mark.parametrize(
    ("happens", "way", "state", "said", "again"),
    [
        (_archive, RepairWay.PATCH, RepairState.PUBLISHED, "archived", None),
        (_no_drafts, RepairWay.BRANCH, RepairState.PUBLISHED, "draft pull requests are not supported", None),
        (_fault("GET", "/repos/acme/worker", 401), RepairWay.PATCH, RepairState.PUBLISHED, "401", None),
        (_fault("GET", "/repos/acme/worker", 404), RepairWay.PATCH, RepairState.PUBLISHED, "404", None),
        (_fault("GET", PULLS, 500), RepairWay.PATCH, RepairState.PROVEN, "500", 900),
        (_fault("GET", PULLS, 429, headers={"Retry-After": "61"}), RepairWay.PATCH, RepairState.PROVEN, "429", 61),
        (_fault("GET", PULLS, 403, headers={"Retry-After": "62"}), RepairWay.PATCH, RepairState.PROVEN, "403", 62),
        (_fault("GET", PULLS, 200, document={"a": 1}), RepairWay.PATCH, RepairState.PROVEN, "without a list", 900),
        (_fault("POST", PULLS, 403), RepairWay.BRANCH, RepairState.PUBLISHED, "403", None),
        (_fault("POST", PULLS, 422), RepairWay.BRANCH, RepairState.PUBLISHED, "422", None),
        (
            _fault("POST", PULLS, 422, document={"errors": [{"message": "No commits between main and x"}]}),
            RepairWay.BRANCH,
            RepairState.SUPERSEDED,
            "already",
            None,
        ),
        (_fault("POST", PULLS, 502), RepairWay.BRANCH, RepairState.PROVEN, "502", 900),
        (_fault("POST", PULLS, 429, headers={"Retry-After": "63"}), RepairWay.BRANCH, RepairState.PROVEN, "429", 63),
        (_fault("POST", PULLS, 201, drips=True), RepairWay.BRANCH, RepairState.PROVEN, "cut off", 900),
        (_fault("GET", "/acme/worker.git/info/refs", 503, times=9), RepairWay.OFF, RepairState.PROVEN, "503", None),
    ],
    ids=lambda value: getattr(value, "value", value) if not callable(value) else "",
)
def test_what_github_answers_has_its_outcome(
    settings: Settings,
    wanted: Publication,
    github: PullServer,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[PullServer], None],
    way: RepairWay,
    state: RepairState,
    said: str,
    again: int | None,
) -> None:
    monkeypatch.setattr(github_module, "ASK_WITHIN", timedelta(seconds=2))
    manager, repeated = WorkspaceManager.of(settings), wanted.failure.repeated
    with manager.workspace(uuid4().hex, repeated.plan.url, repeated.commit_sha) as workspace:
        happens(github)
        done = publish(settings, wanted, workspace, into_bucket=False)
    if way is RepairWay.OFF:
        way, again = RepairWay.PATCH, 900  # git itself can't ask
    assert (done.way, done.state) == (way, state), done
    assert said in done.reason
    assert "secret-in-an-answer" not in done.reason
    assert (done.again_after.total_seconds() if done.again_after else None) == again
    assert TOKEN not in json.dumps([done.reason, done.where])


def test_a_limit_of_githubs_says_when_it_is_over(settings: Settings, wanted: Publication, github: PullServer) -> None:
    over = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 300)}
    github.faults = [Fault("GET", PULLS, 403, over)]
    done = do(settings, wanted)
    assert (done.way, done.state) == (RepairWay.PATCH, RepairState.PROVEN)
    assert done.again_after is not None
    assert timedelta(minutes=3) < done.again_after <= timedelta(minutes=5)


def test_an_answer_that_was_lost_opens_no_second_one(
    settings: Settings, wanted: Publication, github: PullServer
) -> None:
    github.faults = [Fault("POST", PULLS, 502, carried_out=True)]
    assert do(settings, wanted).state is RepairState.PROVEN
    done = do(settings, wanted)
    assert (done.way, done.reason, len(github.pulls)) == (RepairWay.PULL, "brought up to date", 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_between_the_push_and_the_answer_the_next_one_goes_on(
    settings: Settings, variables: dict[str, str], wanted: Publication, github: PullServer, when: str
) -> None:
    run_id = uuid4().hex
    process = multiprocessing.get_context("spawn").Process(
        target=publish_in_a_process, args=(variables, wanted, run_id), daemon=True
    )

    def kill() -> None:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        # Not joined: who waits for it below would find it gone, and not how.
        wait([process.sentinel], 10)
        github.before_opening = github.after_opening = None
        if when == "before":
            raise ConnectionAbortedError

    setattr(github, f"{when}_opening", kill)
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert len(github.pulls) == (when == "after")
    pushed = github.branches()[wanted.branch]
    done = do(settings, wanted, run_id=run_id)
    assert (done.way, done.state) == (RepairWay.PULL, RepairState.PUBLISHED), done
    assert (github.branches()[wanted.branch], len(github.pulls)) == (pushed, 1)


def test_the_token_stands_nowhere(settings: Settings, wanted: Publication, github: PullServer) -> None:
    stop = time.monotonic() + 60
    seen: list[str] = []

    def look() -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(path.read_bytes().decode(errors="replace"))
            except OSError:
                continue

    github.before_opening = look
    assert do(settings, wanted).way is RepairWay.PULL
    assert time.monotonic() < stop
    assert seen
    assert not any(TOKEN in line for line in seen)
    for path in settings.state_dir.rglob("*"):
        if path.is_file() and path.stat().st_size < 1_000_000:
            assert TOKEN.encode() not in path.read_bytes(), path
    assert re.fullmatch(r"[0-9a-f]{40}", github.branches()[wanted.branch])
