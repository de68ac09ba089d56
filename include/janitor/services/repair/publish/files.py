"""The patch as files: what everybody can have without a remote, beside the proof and its reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.repair.offering.mail import mail_of
from janitor.domain.repair.offering.proof_document import (
    MAIL_FILE,
    PATCH_FILE,
    PROOF_FILE,
    PULL_FILE,
    proof_document,
    reports_of,
)
from janitor.domain.repair.offering.pull_text import body_of
from janitor.domain.repair.offering.wording import message_of
from janitor.domain.repair.publication import Publication
from janitor.domain.workspace.names import file_name
from janitor.protocol.text.plain_text import one_line
from janitor.services.repair.publish.commits import commit_repair
from janitor.services.workspaces.manager import Workspace
from janitor.settings import Settings

PREFIX = "janitor-repairs"
"""Where in the bucket repairs are."""
_MESSAGE_FILE = "commit-message.txt"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Where the files are."""

    commit: str
    """The commit that the patch makes."""
    where: str
    """Their folder: in the bucket, or on this machine where there is none."""
    reason: str
    folder: Path


def keep_files(
    settings: Settings, publication: Publication, workspace: Workspace, *, attempt: int, into_bucket: bool
) -> Kept:
    """Write them, each whole, first to the run's folder, then to the bucket.

    Raises:
        LeaseLostError: The lease is lost.
        WorkspaceError: A file can't be written, or git refuses the patch.
    """
    shard = publication.shard_id
    patch = publication.proposal.patch.text
    message = message_of(publication)

    def keep(name: str, content: bytes) -> Path:
        return workspace.write_artefact(shard, attempt, name, content)

    files = {PATCH_FILE: keep(PATCH_FILE, patch.encode())}
    message_file = keep(_MESSAGE_FILE, message.encode())
    commit = commit_repair(workspace, publication, patch=files[PATCH_FILE], message=message_file)
    mail = mail_of(commit=commit, message=message, patch=patch, made_at=publication.made_at)
    files[MAIL_FILE] = keep(MAIL_FILE, mail)
    for name, report in reports_of(publication).items():
        files[name] = keep(name, report.to_json())
    files[PULL_FILE] = keep(PULL_FILE, body_of(publication, repair_sha=commit).encode())
    # Last: where it is, everything is.
    files[PROOF_FILE] = keep(PROOF_FILE, proof_document(publication, repair_sha=commit).to_json())
    folder = files[PROOF_FILE].parent
    if not into_bucket:
        return Kept(commit=commit, where=str(folder), reason="the patch is kept as a file", folder=folder)
    key = "/".join([PREFIX, file_name(workspace.run.run_id), *folder.parts[-2:]])
    access = CloudAccess.of(settings)
    try:
        for name, path in files.items():
            storage.put(access, settings.bucket, f"{key}/{name}", path.read_bytes())
    except CloudError as exc:
        reason = f"the patch is kept as a file; not in the bucket: {one_line(str(exc), limit=200)}"
        return Kept(commit=commit, where=str(folder), reason=reason, folder=folder)
    where = f"s3://{settings.bucket}/{key}"
    return Kept(commit=commit, where=where, reason="the patch is kept as a file", folder=folder)
