"""What a labelled case of a culprit is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tests.support.package_index import Wheel

NOW = "{index}"
"""Stands for the folder of all releases."""
WORLD = "{world}"
"""Stands for a folder outside of the repository, whose files are the case's `then_files` and `now_files`."""
DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py ./
CMD ["python", "-u", "app.py"]
"""


class Truth(str, Enum):
    """What a search must say."""

    FOUND = "found"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, kw_only=True)
class CulpritCase:
    """A repository that was green and is red, and what did it."""

    name: str
    holds: str
    app: str
    """The program; it ends with 0 where it works."""
    requirements: str
    then: tuple[Wheel, ...] = ()
    """What the index had."""
    now: tuple[Wheel, ...] = ()
    """What came to it."""
    culprits: tuple[frozenset[str], ...] = ()
    """Names of packages: each of these sets is a true answer; none: there is no culprit to be found."""
    says: str = ""
    """Words that the reason must have."""
    dockerfile: str = DOCKERFILE
    dockerfile_before: str | None = None
    """For a change of Python: a Dockerfile that stands for what the tag meant then."""
    files: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    """Files of `then` that the index has no more."""
    then_files: Mapping[str, str] = field(default_factory=dict)
    now_files: Mapping[str, str] = field(default_factory=dict)
    then_date: str | None = None
    """With `now_date`, of the real index: packages from before that date alone."""
    now_date: str | None = None
    commit_changed: bool = False
    needs_python: tuple[str, ...] = ()
    """Minor versions that the machine must have."""
    most: int = 40
    """Experiments that it may take."""

    @property
    def truth(self) -> Truth:
        """What must be said."""
        return Truth.FOUND if self.culprits else Truth.INCONCLUSIVE

    @property
    def is_real(self) -> bool:
        """Whether it asks the real index."""
        return self.then_date is not None
