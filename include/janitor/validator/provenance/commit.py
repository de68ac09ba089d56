"""What git says of the commit that is checked out."""

from __future__ import annotations

from datetime import datetime, timezone

from janitor.protocol.terms.provenance import MAX_AUTHOR_CHARACTERS, MAX_SUBJECT_CHARACTERS, Commit, Provenance
from janitor.validator.provenance.telling import Tell

COMMIT_FORMAT = "%ct%x00%an%x00%s"
"""For `git show --format`: the committer's instant, the author's name, the subject. No address: it is nobody's need."""


def told_commit(shown: str, tell: Tell) -> Provenance:
    """The commit as far as git shows it in `COMMIT_FORMAT`, or a note that it doesn't.

    Args:
        shown: By git; empty where it shows nothing.
        tell: Cleans words of the repository.
    """
    commit = read_commit(shown, tell)
    return Provenance(commit=commit, notes=() if commit else ("git shows no author, subject and time of the commit",))


def read_commit(shown: str, tell: Tell) -> Commit | None:
    """The commit, of what git shows of it in `COMMIT_FORMAT`; None where it makes no sense."""
    seconds, _, rest = shown.partition("\0")
    author, mark, subject = rest.partition("\0")
    try:
        at = datetime.fromtimestamp(int(seconds), timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
    if not mark:
        return None
    return Commit(
        author=tell(author, MAX_AUTHOR_CHARACTERS), subject=tell(subject, MAX_SUBJECT_CHARACTERS), committed_at=at
    )
