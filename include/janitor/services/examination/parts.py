"""Whether what the deployment has made in its account is there, and whether the killers outside Airflow are alive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from janitor.cloud.examine import parts
from janitor.cloud.examine.parts import BucketAnswer
from janitor.cloud.session import CloudAccess
from janitor.domain.findings import Finding, note, ok, problem
from janitor.settings import Settings

_SHORTEST_LOOK_BACK = timedelta(minutes=15)
_MISSED_PASSES = 3
"""So many passes of the reaper are missed before it counts as dead."""
_TERRAFORM = "make it (Terraform)"
_BUCKET, _LOGS, _TIMER, _REAPER = "bucket", "log group", "external timer", "reaper function"


def bucket(settings: Settings) -> Iterator[Finding]:
    """The bucket of specs, artefacts and reports."""
    name = settings.bucket
    answer = parts.bucket(CloudAccess.of(settings), name)
    if answer is BucketAnswer.THERE:
        yield ok(_BUCKET, name)
    elif answer is BucketAnswer.MISSING:
        yield problem(_BUCKET, f"{name} isn't there", f"{_TERRAFORM}, or correct JANITOR_BUCKET")
    elif answer is BucketAnswer.REFUSED:
        step = "name one of this account's (JANITOR_BUCKET), or let whoever asks use it"
        yield problem(_BUCKET, f"{name} refuses whoever asks; it may be somebody else's", step)
    else:
        step = "give s3:ListBucket on the whole bucket"
        yield problem(_BUCKET, f"{name}: an object that is missing can't be told from a refused one", step)


def log_group(settings: Settings) -> Iterator[Finding]:
    """The log group of the validators."""
    if parts.has_log_group(CloudAccess.of(settings), settings.log_group):
        yield ok(_LOGS, settings.log_group)
    else:
        said = f"{settings.log_group} isn't there in {settings.region}"
        yield problem(_LOGS, said, f"{_TERRAFORM}, or correct JANITOR_LOG_GROUP")


def external_timer(settings: Settings) -> Iterator[Finding]:
    """The group of the one-shot schedules; that it isn't configured is told elsewhere."""
    access = CloudAccess.of(settings)
    if settings.schedule_group is not None:
        if parts.has_schedule_group(access, settings.schedule_group):
            yield ok(_TIMER, f"the group {settings.schedule_group} is there")
        else:
            said = f"the group {settings.schedule_group} isn't there in {settings.region}: no instance gets its timer"
            yield problem(_TIMER, said, f"{_TERRAFORM}, or correct JANITOR_SCHEDULE_GROUP")


def reaper_function(settings: Settings) -> Iterator[Finding]:
    """The reaper's function: there, this deployment's, and run lately."""
    name = settings.reaper_function
    if name is None:
        return
    access = CloudAccess.of(settings)
    seen = parts.function(access, name)
    if seen is None:
        yield problem(
            _REAPER, f"{name} isn't there in {settings.region}", f"{_TERRAFORM}, or correct JANITOR_REAPER_FUNCTION"
        )
        return
    wanted = {"DEPLOYMENT": settings.deployment, "BUCKET": settings.bucket}
    wrong = [f"{key}={seen.variables.get(key)}" for key, value in wanted.items() if seen.variables.get(key) != value]
    if not seen.is_active or wrong:
        said = f"{name} looks after another deployment ({', '.join(wrong)})" if wrong else f"{name} isn't active"
        yield problem(_REAPER, said, "apply Terraform for this deployment again")
        return
    now = datetime.now(timezone.utc)
    lately = max(settings.reap_interval * _MISSED_PASSES, _SHORTEST_LOOK_BACK)
    passes = parts.passes(access, name, since=now - lately, now=now)
    within = f"in the last {lately / timedelta(minutes=1):g} minutes"
    if passes.invocations == 0:
        said = f"{name} has not run {within}: it is called by nobody"
        yield problem(_REAPER, said, f"look at the rule {name}-pass in EventBridge, and its permission to call")
    elif passes.errors >= passes.invocations:
        said = f"{name} has failed at each of {passes.invocations} passes {within}"
        yield problem(_REAPER, said, f"read its log: /aws/lambda/{name}")
    elif passes.errors:
        said = f"{name} has failed at {passes.errors} of {passes.invocations} passes {within}"
        yield note(_REAPER, said, f"read its log: /aws/lambda/{name}")
    else:
        yield ok(_REAPER, f"{name} ran {passes.invocations} times {within}")
