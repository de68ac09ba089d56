"""What the shell completes beside words of the command line itself: names and ids, from the ledger.

Invariant: the shell waits for the answer with every key, and shows nothing of an error. So it is quick or empty: where
the stack is down or the ledger doesn't answer at once, there is nothing to complete, and not a word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click
from click.shell_completion import CompletionItem

from janitor.cli.session import Session

_MOST = 50
"""More than that nobody reads."""

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]


def _from_ledger(kind: str) -> Completer:
    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        try:
            from janitor.services.completing import Known, completions

            session = context.find_object(Session) or Session()
            found = completions(session.settings(), Known(kind), limit=_MOST, beginning=incomplete)
        except Exception:
            return []
        return [CompletionItem(each.value, help=each.help) for each in found]

    return complete


complete_repository = _from_ledger("repository")
complete_run = _from_ledger("run")
complete_running = _from_ledger("running")
complete_instance = _from_ledger("instance")


def complete_subject(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """A repository or a run."""
    both: Sequence[Completer] = (complete_repository, complete_run)
    return [item for completer in both for item in completer(context, parameter, incomplete)]
