"""What changed since the last conclusive report, kept in a real database and read back by the commands."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from janitor.domain.result.provenance_changes import Changed, CommitRange, PartChange
from janitor.domain.states import ValidationStatus
from janitor.protocol.terms.provenance import BaseImage, Commit, Machine, Packages, Provenance, ResolvedBy, Warm
from janitor.protocol.terms.statuses import CheckStatus
from tests.support.reports import History, check_of, reporting, trouble

GOOD, BAD = "a" * 40, "b" * 40
DIGESTS = ["sha256:" + digit * 64 for digit in "123"]
V1 = Path(__file__).parents[2] / "unit" / "protocol" / "report_v1.golden.json"
FAILING = check_of("handler_local", CheckStatus.FAIL, code="handler_raised", reason="the handler raised KeyError: 'x'")


def about(torch: str, digest: str = DIGESTS[0], subject: str = "Use torch") -> Provenance:
    return Provenance(
        commit=Commit(author="Ada Lovelace", subject=subject, committed_at=datetime(2026, 1, 1, tzinfo=timezone.utc)),
        base_images=(BaseImage(reference="python:3.11-slim", stage="0", digest=digest, resolved_by=ResolvedBy.BUILD),),
        packages=Packages(python="3.11.9", versions={"torch": torch}),
    )


def works(commit: str, provenance: Provenance | None) -> Any:
    return reporting(check_of("build"), check_of("handler_local"), commit=commit, provenance=provenance)


def fails(commit: str, provenance: Provenance | None) -> Any:
    return reporting(check_of("build"), FAILING, commit=commit, provenance=provenance)


def test_newly_broken_by_commits(history: History, janitor: Any) -> None:
    history.run(works(GOOD, about("2.1")))
    history.run(fails(BAD, about("2.2", subject="Break it")))
    latest = history.latest()
    assert latest.commit is not None
    assert (latest.commit.subject, latest.commit_sha) == ("Break it", BAD)
    assert latest.difference is not None
    assert latest.difference.changes is not None
    assert latest.difference.changes.commits == CommitRange(before=GOOD, after=BAD)
    assert latest.difference.changes.parts == (
        PartChange(part=Changed.PACKAGE, name="torch", before="2.1", after="2.2"),
    )
    code, out, _ = janitor("query-db", "acme/worker-a")
    assert code == 0
    assert 'Commit: bbbbbbb "Break it" by Ada Lovelace, 2026-01-01 00:00:00 UTC\n' in out
    assert f"(run {history.runs[0]}); commits aaaaaaa..bbbbbbb\n" in out
    assert "Changed: commit aaaaaaa..bbbbbbb; package torch 2.1 → 2.2\n" in out
    code, out, _ = janitor("query-parallel-run", str(history.runs[1]))
    assert 'worker-a: bbbbbbb "Break it" by Ada Lovelace' in out
    assert "; changed: commit aaaaaaa..bbbbbbb; package torch 2.1 → 2.2\n" in out
    code, out, _ = janitor("query-db", "acme/worker-a", "--json")
    first, second = json.loads(out)["validations"]
    assert first["commit"]["author"] == "Ada Lovelace"
    assert first["difference"]["changes"]["commits"] == {"before": GOOD, "after": BAD}
    assert (first["difference"]["broken_with"], second["difference"]["changes"]) == (None, None)
    history.run(fails(BAD, about("2.2")))
    history.run(fails("c" * 40, about("2.2")))
    still = history.latest().difference
    assert still is not None
    assert still.changes is not None
    assert still.broken_with is not None
    assert still.changes.commits == CommitRange(before=BAD, after="c" * 40)
    assert still.broken_with.commits == CommitRange(before=GOOD, after=BAD)


def test_the_worker_that_it_ran_on_is_read_back(history: History, janitor: Any) -> None:
    worker = "3f2a0b1c-0000-4000-8000-000000000001"
    machine = Machine(instance_type="g5.xlarge", worker_id=worker, task_ordinal=4, warm=Warm(build_cache=True))
    history.run(works(GOOD, replace(about("2.1"), machine=machine)))
    assert history.latest().machine == machine
    code, out, _ = janitor("query-db", "acme/worker-a")
    assert (code, "Machine: worker 3f2a0b1c, its 4th task, warm: build cache\n" in out) == (0, True)


def test_newly_broken_at_one_commit_names_what_the_build_brought(history: History, janitor: Any) -> None:
    history.run(works(GOOD, about("2.1", DIGESTS[0])))
    history.run(fails(GOOD, about("2.2", DIGESTS[1])))
    _, out, _ = janitor("query-db", "acme/worker-a")
    assert (
        "; at the same commit aaaaaaa, with base image python:3.11-slim 111111111111 → 222222222222,"
        " package torch 2.1 → 2.2\n" in out
    )


def test_what_could_not_be_told_is_compared_and_never_compared_with(history: History) -> None:
    history.run(works(GOOD, about("2.1")))
    history.run(lambda *_: trouble("spot_interrupted", "AWS took the spot instance back"))
    lost = history.latest()
    assert lost.status is ValidationStatus.ERROR
    assert lost.difference is not None
    assert (lost.difference.changes, lost.commit) == (None, None)
    history.run(reporting(check_of("build", CheckStatus.ERROR), commit=BAD, provenance=about("2.2")))
    errored = history.latest()
    assert errored.difference is not None
    assert errored.difference.changes is not None
    assert errored.difference.changes.commits == CommitRange(before=GOOD, after=BAD)
    history.run(works(BAD, about("2.3")))
    latest = history.latest()
    assert latest.difference is not None
    assert latest.difference.changes is not None
    assert latest.difference.changes.commits == CommitRange(before=GOOD, after=BAD)
    assert [(each.before, each.after) for each in latest.difference.changes.parts] == [("2.1", "2.3")]


def test_a_report_of_version_1_is_compared_by_what_it_has(history: History) -> None:
    first = history.run(works(GOOD, None))
    document = json.loads(V1.read_text())
    document["repository"]["commit_sha"] = GOOD
    document["engine"] = "docker"
    with psycopg.connect(history.settings.writer_url) as connection:
        connection.execute(
            "update janitor.validation_reports set report = %s, format = %s where validation_id = %s",
            (Jsonb(document), document["format"], first),
        )
    history.run(works(BAD, about("2.2")))
    latest = history.latest()
    assert latest.difference is not None
    assert latest.difference.changes is not None
    assert latest.difference.changes.commits == CommitRange(before=GOOD, after=BAD)
    assert latest.difference.changes.parts == (PartChange(part=Changed.ENGINE, before="docker", after="venv"),)


def test_without_the_report_of_before_nothing_is_said(history: History) -> None:
    first = history.run(works(GOOD, about("2.1")))
    with psycopg.connect(history.settings.writer_url) as connection:
        connection.execute("delete from janitor.validation_reports where validation_id = %s", (first,))
    history.run(fails(BAD, replace(about("2.2"), commit=None)))
    latest = history.latest()
    assert latest.difference is not None
    assert (latest.difference.changes, latest.commit) == (None, None)
    assert latest.commit_sha == BAD


def test_the_runbook_s_question_finds_what_came_with_new_failures(history: History) -> None:
    history.run(works(GOOD, about("2.1")))
    history.run(fails(GOOD, about("2.2")))
    entry = (Path(__file__).parents[3] / "runbook.md").read_text().split("## Broken overnight")[1].split("\n## ")[0]
    (query,) = re.findall(r"`(select [^`]+)`", entry)
    with psycopg.connect(history.settings.reader_url) as connection:
        rows = connection.execute(query).fetchall()
    assert ("worker-a", "package", "torch", "2.1", "2.2") in rows
