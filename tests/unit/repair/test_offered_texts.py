"""What people read of a repair: its commit, its mail, its pull request, its proof. Nobody can make it mislead."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # has no stubs
import pytest

import janitor.protocol
from janitor.domain.config.fields import RepairWay
from janitor.domain.experiment.experiment import Observed
from janitor.domain.repair.offering.mail import mail_of
from janitor.domain.repair.offering.policy import refusal_of_machines
from janitor.domain.repair.offering.proof_document import proof_document
from janitor.domain.repair.offering.pull_text import MOST_LINES, body_of, title_of
from janitor.domain.repair.offering.wording import message_of
from janitor.domain.repair.publication import what_is_unproved
from janitor.protocol.repair_proof import ProofError, RepairProof, schema_text
from tests.support.git_origins import Origin
from tests.support.publications import publication_of

SHA = "ab" * 20
HOSTILE = (
    "@acme/everyone fixes #12 and GH-3, closes https://github.com/acme/worker/issues/4 [skip ci]\r\n---\r\n"
    "diff --git a/x b/x\r\n\u202egnp.exe\x1b[2J <img src=x> `code` ```\n/lgtm\nSigned-off-by: root <r@x>\n\n"
    "token ghp_0123456789abcdefghijABCDEFGHIJ012345 and hunter2-is-not-enough"
)


@pytest.fixture
def hostile() -> dict[str, Any]:
    return {"summary": HOSTILE, "root_cause": HOSTILE, "evidence": (HOSTILE, *HOSTILE.splitlines()), "name": HOSTILE}


def test_a_message_says_what_was_done_and_ends_with_its_trailers() -> None:
    publication = publication_of()
    subject, blank, *body = message_of(publication).splitlines()
    repeated = publication.failure.repeated
    assert (subject, blank) == ("Keep numpy below 2", "")
    assert body[-3:] == [
        "",
        f"Janitor-Validation: {repeated.validation_id}",
        f"Janitor-Signature: {repeated.signature}",
    ]
    assert max(map(len, body)) <= 72
    assert "Made by a machine, reviewed by nobody yet." in " ".join(body)


def test_nothing_in_a_message_mentions_closes_switches_or_begins_something_else(hostile: dict[str, Any]) -> None:
    message = message_of(publication_of(**hostile))
    assert not re.search(r"@\w|#\d|GH-\d|://|\[skip|\x1b|\u202e", message)
    assert not re.search(r"^(---|diff -|From |Index: |Signed-off-by)", message, re.MULTILINE)
    assert "hunter2" not in message
    assert "ghp_" not in message
    assert len(message.splitlines()[0]) <= 72


def test_the_trailers_are_ours_alone(hostile: dict[str, Any], tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    found = origin.git("interpret-trailers", "--parse", content=message_of(publication_of(**hostile)).encode())
    assert [line.partition(":")[0] for line in found.splitlines()] == ["Janitor-Validation", "Janitor-Signature"]


def test_a_pull_request_is_short_and_nothing_in_it_is_markup(hostile: dict[str, Any]) -> None:
    publication = publication_of(cause=HOSTILE, **hostile)
    body = body_of(publication, repair_sha=SHA)
    assert len(body.splitlines()) <= MOST_LINES
    without_code = re.sub(r"(?ms)^```$.*?^```$", "", body)
    without_code = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", without_code)
    assert not re.search(r"@acme|#12|GH-3|<img|lgtm|://", without_code)
    assert not re.search(r"^\s?/lgtm", body, re.MULTILINE)
    assert "hunter2" not in body
    assert "ghp_" not in body
    assert body.count("<!--") == 1
    assert "@" not in title_of(publication).replace("@ ", "")


def test_a_pull_request_tells_what_a_maintainer_wants_to_know() -> None:
    publication = publication_of()
    body = body_of(publication, repair_sha=SHA)
    for said in (
        "reviewed by nobody yet",
        "**Broken since** 2025-12-31",
        "`the same commit`, `numpy 1.26.4 → 2.0.0`",
        "removed bool8",
        "`Keep numpy below 2`, by recipe `pin_below`; 1 file, +1 −1",  # noqa: RUF001 - a minus
        "| with this patch | success |",
        "Proof: $0.12; proposal: $0.00.",
        "git -C repository am ../repair.mail",
    ):
        assert said in body, body


def test_an_unknown_cost_is_not_nothing() -> None:
    publication = replace(publication_of(), proof_usd=None, proposal_usd=None)
    assert "Proof: cost not known; proposal: cost not known." in body_of(publication, repair_sha=SHA)


def test_a_proof_is_read_by_its_schema_and_names_the_reports_by_their_bytes() -> None:
    publication = publication_of()
    document = proof_document(publication, repair_sha=SHA)
    jsonschema.validate(json.loads(document.to_json()), json.loads(schema_text()))
    assert RepairProof.from_json(document.to_json()) == document
    kept = Path(janitor.protocol.__file__).with_name("repair-proof-v1.schema.json").read_text()
    assert kept == schema_text(), "regenerate it: python -m janitor.protocol.repair_proof"


def test_a_proof_that_proves_something_else_is_refused() -> None:
    document = json.loads(proof_document(publication_of(), repair_sha=SHA).to_json())
    document["patched"]["patch_sha256"] = "0" * 64
    with pytest.raises(ProofError, match="another patch"):
        RepairProof.from_json(json.dumps(document))


def test_what_is_not_proved_is_told() -> None:
    publication = publication_of(way=RepairWay.PULL)
    assert what_is_unproved(publication) is None
    red, green = publication.control, publication.patched
    assert green.report is not None
    assert red.report is not None
    cases = {
        "isn't green": replace(publication, patched=replace(green, observed=Observed.INCONCLUSIVE)),
        "isn't red": replace(publication, control=replace(red, observed=Observed.GREEN)),
        "another patch": replace(publication, patched=replace(green, report=replace(green.report, patch_sha256=None))),
        "one with a patch": replace(
            publication, control=replace(red, report=replace(red.report, patch_sha256="0" * 64))
        ),
        "another cause": replace(publication, control=replace(red, signature="f" * 16)),
    }
    for said, each in cases.items():
        assert said in (what_is_unproved(each) or ""), said


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("text", ["one\ntwo\n", "naïve ☃\n-- \nFrom here\n---\n", "no end"])
def test_git_am_makes_the_tree_that_was_proved(tmp_path: Path, text: str, ends: str, hostile: dict[str, Any]) -> None:
    origin = Origin(tmp_path / "origin")
    origin.git("init", "--quiet", "--initial-branch=main", ".")
    origin.git("config", "core.autocrlf", "false")
    (origin.path / "a file.txt").write_bytes(f"before{ends}{text}".replace("\n", ends).encode())
    origin.git("add", "--all")
    origin.git("commit", "--quiet", "--message", "base")
    (origin.path / "a file.txt").write_bytes(f"after{ends}{text}".replace("\n", ends).encode())
    (origin.path / "new.txt").write_bytes(f"{text}more".replace("\n", ends).encode())
    origin.git("add", "--all")
    wanted = origin.git("write-tree")
    raw = subprocess.run(
        ["git", "diff", "--cached", "HEAD"], cwd=origin.path, capture_output=True, check=True, timeout=60
    ).stdout.decode()
    origin.git("reset", "--quiet", "--hard")
    publication = publication_of(diff=raw, **hostile)
    message = message_of(publication)
    mail = mail_of(commit=SHA, message=message, patch=raw, made_at=publication.made_at)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_COMMITTER_NAME": "n", "GIT_COMMITTER_EMAIL": "e@x"}
    file = tmp_path / "repair.mail"
    file.write_bytes(mail)
    subprocess.run(["git", "am", str(file)], cwd=origin.path, env=env, check=True, capture_output=True, timeout=60)
    assert origin.git("rev-parse", "HEAD^{tree}") == wanted
    assert origin.git("log", "-1", "--format=%an %ae") == "Janitor janitor@janitor.invalid"
    assert origin.git("log", "-1", "--format=%B").strip() == message.strip()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("AI_POLICY.md", "We do not accept pull requests that were written by an LLM."),
        (".github/CONTRIBUTING.md", "# Hello\n\n- Tests please.\n- AI-generated contributions will be closed.\n"),
        ("docs/ai-policy.rst", "Generative tools are prohibited."),
        ("CONTRIBUTING", "No bots."),
    ],
)
def test_who_wants_nothing_of_machines_is_heard(path: str, text: str) -> None:
    assert refusal_of_machines({path: text, "README.md": "x"}) == path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("CONTRIBUTING.md", "Run the tests. Do not push to main.\n\nWe use AI for labels."),
        ("README.md", "No AI here."),
        ("AI_POLICY.md", "AI-assisted work is welcome if you say so."),
    ],
)
def test_who_says_nothing_against_machines_gets_them(path: str, text: str) -> None:
    assert refusal_of_machines({path: text}) is None
