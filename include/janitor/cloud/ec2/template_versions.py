"""Which version of a launch template is the default now, and the image that it names.

What is launched names a version by its number, so that an intent means the same at each try. It is asked again after a
minute: a process that lives for weeks must not launch the image of its first day.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import timedelta

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess
from janitor.domain.errors import CloudError

_FRESH_FOR = timedelta(minutes=1)
"""Of an answer. Launches that wait for a place ask every two seconds, each for itself."""


@dataclass(frozen=True, kw_only=True)
class TemplateVersion:
    """A version as EC2 shows it."""

    number: str
    image: str | None
    """Its AMI, also where it names an SSM parameter; None where it names none."""


_lock = threading.Lock()
_answers: dict[tuple[CloudAccess, str], tuple[float, TemplateVersion]] = {}


def current_version(access: CloudAccess, launch_template: str) -> TemplateVersion:
    """The default version of a launch template, as it was within the last minute.

    Raises:
        CloudError: EC2 can't be asked, or has no such template.
    """
    key = (access, launch_template)
    with _lock:
        asked_at, version = _answers.get(key, (None, None))
    if version is not None and asked_at is not None and time.monotonic() - asked_at < _FRESH_FOR.total_seconds():
        return version
    version = _ask(access, launch_template)
    with _lock:
        _answers[key] = (time.monotonic(), version)
    return version


def _ask(access: CloudAccess, launch_template: str) -> TemplateVersion:
    try:
        answer = access.client("ec2").describe_launch_template_versions(
            LaunchTemplateName=launch_template, Versions=["$Default"], ResolveAlias=True
        )
    except CLIENT_ERRORS as exc:
        raise CloudError(
            f"launch template {launch_template} can't be read: {exc}; check JANITOR_LAUNCH_TEMPLATE"
        ) from exc
    versions = answer["LaunchTemplateVersions"]
    if not versions:
        raise CloudError(f"launch template {launch_template} has no default version; check JANITOR_LAUNCH_TEMPLATE")
    return TemplateVersion(
        number=str(versions[0]["VersionNumber"]), image=versions[0]["LaunchTemplateData"].get("ImageId")
    )
