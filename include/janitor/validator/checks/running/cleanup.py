"""`cleanup`: nothing of the worker is left: no process, no container, no file."""

from __future__ import annotations

from janitor.guest.processes.confinement import proc_is_ours
from janitor.guest.processes.supervisor import end_everything
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.findings import Finding, errored, passed


def check_cleanup(context: CheckContext) -> Finding:
    """End and remove everything, then look whether it is gone."""
    looked_for, left = context.cleanups.carry_out()
    living = end_everything()
    if living:
        left.append(f"processes {', '.join(str(pid) for pid in living[:10])}")
    if not context.workspace.remove():
        left.append(f"the folder {context.workspace.root}")
    if left:
        return errored(ReasonCode.LEFT_BEHIND, f"still there: {'; '.join(left)}")
    gone = f"{' and '.join([*looked_for, 'files'])} are gone"
    seen = f"processes, {gone}" if proc_is_ours() else f"{gone}; /proc is not this system's"
    return passed(context.evidence.value("verified", seen))
