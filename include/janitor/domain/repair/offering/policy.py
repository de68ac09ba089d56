"""Whether a repository's people want nothing that a machine wrote, as their own files say it.

It errs on the side of their saying so: what it costs is a pull request, and the patch is there all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

POLICY_FILE = re.compile(
    r"(?:(?:\.github|docs)/)?(?:(?:ai|llm|genai)[-_ ]?(?:usage|use|contributions?|generated|code)?[-_ ]?"
    r"(?:policy|guidelines?|rules|disclosure)|contributing|pull_request_template)(?:\.(?:md|rst|txt|adoc))?",
    re.IGNORECASE,
)
"""Files that may say it."""
_OF_MACHINES = re.compile(
    r"\b(?:AI|A\.I\.|LLMs?|GPT|Copilot|Claude|(?:artificial|machine) intelligence|language models?|generative"
    r"|machine[- ](?:generated|written|made)|automated (?:pull requests|PRs|contributions)|bots?)\b"
    r"|\bAI[- ](?:generated|assisted|written)\b",
    re.IGNORECASE,
)
_AGAINST = re.compile(
    r"\b(?:not? (?:be )?(?:accept|allow|permit|welcome|merge|review|want|submit|open|use)\w*|cannot|can't|won't|don't"
    r"|do not|must not|may not|never|no|ban(?:s|ned)?|forbid(?:s|den)?|prohibit(?:s|ed)?|reject(?:s|ed)?|refuse[sd]?"
    r"|disallow(?:s|ed)?|unwelcome|closed? without|will be closed)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n\s*(?:\n|[-*] |\d+\. |#)")
_LONGEST = 200_000


def refusal_of_machines(files: Mapping[str, str]) -> str | None:
    """The file that says that nothing of a machine is wanted; None: none does.

    Args:
        files: Texts by path; those that `POLICY_FILE` doesn't match aren't asked.
    """
    for path, text in sorted(files.items()):
        if POLICY_FILE.fullmatch(path) and any(map(_refuses, _SENTENCE.split(text[:_LONGEST]))):
            return path
    return None


def _refuses(sentence: str) -> bool:
    return _OF_MACHINES.search(sentence) is not None and _AGAINST.search(sentence) is not None
