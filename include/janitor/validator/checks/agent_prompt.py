"""`agent_prompt`: the answer of an agent to the repository's prompt. The prompt itself is in the report."""

from __future__ import annotations

from janitor.validator.bench import Bench
from janitor.validator.findings import Finding, skipped


def check_agent_prompt(bench: Bench) -> Finding:
    """State that no agent is there to answer."""
    evidence = bench.evidence.value("prompt", bench.spec.prompt)
    return skipped("agent_not_configured", "no agent is configured on this instance; the other checks stand", evidence)
