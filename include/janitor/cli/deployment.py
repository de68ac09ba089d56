"""What the doctor says of a deployment's present: the sentence and the alerts of every other face, in their words."""

from __future__ import annotations

from collections.abc import Iterator

from janitor.domain.errors import DatabaseError, SettingsError
from janitor.domain.findings import Finding, note, ok
from janitor.domain.snapshot.alerts import alerts_of
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.views.text.snapshot import sentence

SUBJECT = "deployment"


def deployment_findings(settings: Settings) -> Iterator[Finding]:
    """The sentence, and a note for each alert; nothing where the database doesn't answer, which is told elsewhere.

    An alert is no problem of what the doctor looks for, so that its exit code stays what it was.
    """
    try:
        snapshot = take_snapshot(settings)
    except (DatabaseError, SettingsError):
        return
    yield ok(SUBJECT, sentence(snapshot))
    for alert in alerts_of(snapshot):
        yield note(SUBJECT, alert.message, alert.next_step)
