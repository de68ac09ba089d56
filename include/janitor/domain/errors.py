"""Errors that a user can act on.

    JanitorError
    ├── ConfigError        the workers configuration is wrong; lists every problem
    ├── SettingsError      the deployment's settings (environment, env file) are wrong
    ├── WrongEnvironmentError a component of Airflow is of another environment than the run that it should go on with
    ├── NotFoundError      a run, a repository or a log that was asked for doesn't exist
    ├── LaunchRefusedError nothing more is tried to launch an instance
    ├── ConflictError      what was asked for contradicts what is recorded
    ├── BudgetRefusedError what was asked for could cost more than the budget allows
    ├── StackError         the local stack could not be started, stopped or asked
    │   └── StackDownError the command needs the local stack, and it is down
    ├── CloudError         AWS (or the local cloud, or another provider) refused or didn't answer
    │   ├── NotOfferedError the provider of the instances has no such thing
    │   └── WrongPlaceError another account, region or cloud is asked than the one that the instances are in
    ├── WorkspaceError     a working tree, or the mirror that it comes of, can't be had or used
    │   ├── LeaseHeldError somebody else holds the lease
    │   └── LeaseLostError the lease is over; what was to be done under it wasn't
    ├── InfrastructureError Terraform is missing, or could not do what was asked of it
    ├── AirflowError       Airflow's API refused or didn't answer
    │   └── AirflowRunEndedError Airflow's run is over, and Janitor's records of it are not
    └── DatabaseError      PostgreSQL refused or didn't answer

Every message says what happened, to what, and the next action.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from janitor.domain.config_problems import ConfigProblem, in_file_order
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.text.plain_text import plain

if TYPE_CHECKING:
    from janitor.domain.money.budget import BudgetRefusal
    from janitor.domain.workspace.lease import Lease


class JanitorError(Exception):
    """Base of the errors whose message is written for the user. Anything else is a defect.

    What a message quotes is untrusted: `str()` gives it as plain text, also to whoever logs the error as a cause.
    """

    def __str__(self) -> str:
        return plain(super().__str__())


class ConfigError(JanitorError):
    """The workers configuration is wrong. Nothing was launched and nothing was written.

    `str()` lists every problem, one on each line, in the order of the file.
    """

    def __init__(self, problems: Iterable[ConfigProblem]) -> None:
        self.problems = in_file_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[ConfigProblem, ...]]]:
        # Crosses process boundaries (Airflow tasks): the default would rebuild it from its text.
        return type(self), (self.problems,)


class SettingsError(JanitorError):
    """The deployment's settings are missing or wrong."""


class WrongEnvironmentError(JanitorError):
    """A component of Airflow has another environment than the run that it should go on with."""


class NotFoundError(JanitorError):
    """What was asked for doesn't exist; the message names what is near."""


class ConflictError(JanitorError):
    """What was asked for contradicts what is recorded, and will as long as that stands."""


class LaunchRefusedError(JanitorError):
    """An instance can't be launched, and trying again won't help before somebody changes something."""

    def __init__(self, reason_code: ReasonCode, summary: str) -> None:
        self.reason_code = reason_code
        super().__init__(summary)

    def __reduce__(self) -> tuple[type[LaunchRefusedError], tuple[ReasonCode, str]]:
        return type(self), (self.reason_code, str(self))


class BudgetRefusedError(JanitorError):
    """What was asked for could cost more than the budget allows; nothing was launched.

    The message says what was wanted, the limits, what is left, and what would fit.
    """

    def __init__(self, message: str, refusal: BudgetRefusal | None = None) -> None:
        super().__init__(message, refusal)
        self.refusal = refusal
        """The figures; None where only the recorded words are left."""

    def __str__(self) -> str:
        return plain(str(self.args[0]))


class StackError(JanitorError):
    """The local stack could not do what was asked of it."""


class StackDownError(StackError):
    """The command needs the local stack, and it isn't running."""


class WorkspaceError(JanitorError):
    """A working tree of maintenance, or the mirror that it comes of, can't be had or used."""


class LeaseHeldError(WorkspaceError):
    """Somebody else holds the lease; nothing was changed. The message says who, where and since when."""

    def __init__(self, lease: Lease, why: str | None = None) -> None:
        self.lease, self.why = lease, why
        known = f" ({why})" if why else ""
        super().__init__(
            f"{lease.subject} is held by {lease.holder}{known} since {lease.acquired_at:%Y-%m-%d %H:%M:%S} UTC, lease"
            f" {lease.lease_id}, fence {lease.fence}; wait for it, or end that process"
        )

    def __reduce__(self) -> tuple[type[LeaseHeldError], tuple[Lease, str | None]]:
        return type(self), (self.lease, self.why)


class LeaseLostError(WorkspaceError):
    """The lease has ended or its time is over: what was to be done under it was not done."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        super().__init__(
            f"lease {lease.lease_id} (fence {lease.fence}) of {lease.subject} is lost: it wasn't renewed in time or was"
            " taken from its holder; nothing was changed. Begin anew, with a lease of your own"
        )

    def __reduce__(self) -> tuple[type[LeaseLostError], tuple[Lease]]:
        return type(self), (self.lease,)


class InfrastructureError(JanitorError):
    """What a deployment has in the cloud can't be planned, made, priced or removed."""


class CloudError(JanitorError):
    """AWS, the local cloud in its place, or another provider refused a request or didn't answer."""


class NotOfferedError(CloudError):
    """Whoever provides the instances has nothing of the kind; nothing was changed."""


class WrongPlaceError(CloudError):
    """The cloud that answers isn't the one that the ledger's live rows are in: what it doesn't show is not gone.

    Nothing was changed. The message names both places and what to check.
    """

    def __init__(self, subject: str, bound_to: Iterable[str], here: str) -> None:
        self.subject, self.bound_to, self.here = subject, tuple(bound_to), here
        super().__init__(
            f"wrong place: {subject} in {', '.join(self.bound_to)}, but this looks at {here}; nothing was changed."
            " Check the region (JANITOR_REGION, AWS_REGION), the credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID), the"
            " endpoint (JANITOR_AWS_ENDPOINT_URL), and whether this shell has sourced another stack's stack.env; see"
            ' runbook "Wrong place"'
        )

    def __reduce__(self) -> tuple[type[WrongPlaceError], tuple[str, tuple[str, ...], str]]:
        return type(self), (self.subject, self.bound_to, self.here)


class DatabaseError(JanitorError):
    """PostgreSQL refused a request or didn't answer."""


class AirflowError(JanitorError):
    """Airflow's API refused a request or didn't answer."""


class AirflowUnaskedError(AirflowError):
    """What Airflow's API was to be asked never reached it, or was refused: it has done nothing of it."""


class AirflowRunEndedError(AirflowError):
    """Airflow's own run is over, and nobody goes on with what Janitor's records hold as open."""
