"""Errors that a user can act on.

    JanitorError
    ├── ConfigError        the workers configuration is wrong; lists every problem
    ├── SettingsError      the deployment's settings (environment, env file) are wrong
    ├── NotFoundError      a run, a repository or a log that was asked for doesn't exist
    ├── ConflictError      what was asked for contradicts what is recorded
    ├── StackError         the local stack could not be started, stopped or asked
    │   └── StackDownError the command needs the local stack, and it is down
    ├── CloudError         AWS (or the local cloud) refused or didn't answer
    ├── AirflowError       Airflow's API refused or didn't answer
    └── DatabaseError      PostgreSQL refused or didn't answer

Every message says what happened, to what, and the next action.
"""

from __future__ import annotations

from collections.abc import Iterable

from janitor.domain.config_problems import ConfigProblem, in_file_order


class JanitorError(Exception):
    """Base of the errors whose message is written for the user. Anything else is a defect."""


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


class NotFoundError(JanitorError):
    """What was asked for doesn't exist; the message names what is near."""


class ConflictError(JanitorError):
    """What was asked for contradicts what is recorded, and will as long as that stands."""


class StackError(JanitorError):
    """The local stack could not do what was asked of it."""


class StackDownError(StackError):
    """The command needs the local stack, and it isn't running."""


class CloudError(JanitorError):
    """AWS, or the local cloud in its place, refused a request or didn't answer."""


class DatabaseError(JanitorError):
    """PostgreSQL refused a request or didn't answer."""


class AirflowError(JanitorError):
    """Airflow's API refused a request or didn't answer."""
