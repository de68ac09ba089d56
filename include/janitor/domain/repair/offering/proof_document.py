"""The proof of a repair as a document, with the reports that it rests on."""

from __future__ import annotations

import hashlib
import json
import shlex

from janitor.domain.experiment.experiment import Repeated
from janitor.domain.repair.offering.wording import Cleaner
from janitor.domain.repair.publication import Publication
from janitor.protocol.repair_proof import ProofReport, RepairProof
from janitor.protocol.report import Report

PATCH_FILE, MAIL_FILE, PROOF_FILE, PULL_FILE = "repair.patch", "repair.mail", "proof.json", "pull-request.md"
RED_FILE, PATCHED_FILE, CONTROL_FILE = "report-red.json", "report-patched.json", "report-control.json"


def reports_of(publication: Publication) -> dict[str, Report]:
    """The three reports by their files' names.

    Raises:
        ValueError: One is missing: it isn't proved.
    """
    if publication.patched.report is None or publication.control.report is None:
        raise ValueError("a repair without both reports isn't proved")
    return {
        RED_FILE: publication.failure.repeated.report,
        PATCHED_FILE: publication.patched.report,
        CONTROL_FILE: publication.control.report,
    }


def proof_document(publication: Publication, *, repair_sha: str) -> RepairProof:
    """The document.

    Args:
        publication: A proved one.
        repair_sha: The commit that its patch makes.

    Raises:
        ValueError: It isn't proved.
    """
    repeated, cleaner = publication.failure.repeated, Cleaner(publication)
    parts = {name: _part(name, report) for name, report in reports_of(publication).items()}
    usd, proposal_usd = publication.proof_usd, publication.known_proposal_usd
    return RepairProof(
        shard=publication.shard_id[:500],
        repository=f"{repeated.plan.organization}/{repeated.plan.name}",
        url=repeated.plan.url,
        commit_sha=repeated.commit_sha,
        signature=repeated.signature,
        broken_since=publication.broken_since,
        proposed_by=f"{publication.proposal.by.value} {cleaner.line(publication.proposal.name, limit=80)}",
        patch_sha256=publication.proposal.patch.sha256,
        repair_sha=repair_sha,
        engine=repeated.report.engine,
        instance_type=repeated.instance_type,
        validator_sha256=validator_of(publication),
        red=parts[RED_FILE],
        patched=parts[PATCHED_FILE],
        control=parts[CONTROL_FILE],
        proof_usd=None if usd is None else float(usd),
        proposal_usd=None if proposal_usd is None else float(proposal_usd),
        made_at=publication.made_at,
        commands=tuple(commands_of(repeated)),
    )


def commands_of(repeated: Repeated) -> list[str]:
    """What repeats it on a machine of whoever reads, with the patch's mail beside the checkout: the failure, and then
    the same with the patch. The checkout's own HEAD is what is validated."""
    plan = repeated.plan
    config = {
        "repositories": [
            {
                "name": plan.name,
                "organization": plan.organization,
                "url": "file://%s/repository",
                "prompt": "-",
                "gpu_required": plan.gpu_required,
            }
        ]
    }
    # JSON is YAML; printf fills in the folder, and a `%` of its own is doubled for it.
    text = json.dumps(config).replace("%", "%%").replace("file://%%s/", "file://%s/")
    return [
        f"git clone {shlex.quote(plan.url)} repository && git -C repository checkout --detach {repeated.commit_sha}",
        f'printf {shlex.quote(text)} "$PWD" > repeat.yaml',
        "janitor run repeat.yaml",
        f"git -C repository am ../{MAIL_FILE} && janitor run repeat.yaml",
    ]


def validator_of(publication: Publication) -> str | None:
    """The artefact that all three reports are of; None where they don't say one and the same."""
    made = [each.provenance for each in reports_of(publication).values()]
    found = {each.validator_sha256 if each is not None else None for each in made}
    return found.pop() if len(found) == 1 else None


def _part(name: str, report: Report) -> ProofReport:
    return ProofReport(
        file=name,
        validation_id=report.validation_id,
        sha256=hashlib.sha256(report.to_json()).hexdigest(),
        status=report.status,
        signature=report.signature.id if report.signature is not None else None,
        patch_sha256=report.patch_sha256,
        finished_at=report.finished_at,
    )
