"""Commands that give no sign of life, alone and together with what else goes wrong."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

from janitor.domain.states import ValidationStatus
from tests.crash.cells import Blow, Cell, Edge
from tests.crash.faults import LAG_SECONDS, interruption
from tests.crash.tables import Scene, Table
from tests.crash.waiting import await_it

_ERROR = frozenset({ValidationStatus.ERROR})
_TWO_LIVES = timedelta(seconds=240)
"""A hard limit that leaves time for an instance whose sign is waited for in vain, and for its successor."""
_MOMENT_WITHIN = timedelta(seconds=180)
_LATE = timedelta(seconds=6)
"""How long after the sign was due something is still held."""
_REFUSED_TWICE = 2


class Silence(Blow):
    """Why nothing is heard of a command, or not in time."""

    NO_START = "command never starts"
    NO_START_ONCE = "command doesn't start once"
    AGENT_DEATH = "agent dies between command and start"
    FULL_DISK = "no room for the script"
    SIGN_REFUSED = "sign can't be put"
    S3_OUTAGE = "S3 outage longer than the sign may take"
    SSM_OUTAGE = "no start, then SSM outage"
    LAG = "no start, describe and command lag"
    INTERRUPTED = "no start, then spot interruption"


def _cells() -> Iterator[Cell]:
    start = Edge.BEFORE_INTENT
    for blow in (Silence.NO_START, Silence.AGENT_DEATH):
        yield Cell(edge=start, blow=blow, timeout=_TWO_LIVES, statuses=_ERROR, reason="no_sign_of_life", instances=2)
    yield Cell(edge=start, blow=Silence.NO_START_ONCE, timeout=_TWO_LIVES, instances=2)
    yield Cell(edge=Edge.BOOTING, blow=Silence.FULL_DISK, instances=1)
    yield Cell(edge=Edge.BOOTING, blow=Silence.SIGN_REFUSED, timeout=_TWO_LIVES, instances=1)
    yield Cell(edge=Edge.BOOTING, blow=Silence.S3_OUTAGE, timeout=_TWO_LIVES, instances=1)
    yield Cell(edge=start, blow=Silence.SSM_OUTAGE, timeout=_TWO_LIVES, instances=2)
    yield Cell(edge=start, blow=Silence.LAG, timeout=_TWO_LIVES, instances=2)
    yield Cell(edge=start, blow=Silence.INTERRUPTED, timeout=_TWO_LIVES, instances=2, market="spot")


def _strike(scene: Scene) -> None:
    stand, blow = scene.stand, scene.cell.blow
    if blow in (Silence.NO_START, Silence.AGENT_DEATH):
        stand.set_faults({"fault": "no-start" if blow is Silence.NO_START else "agent-death"})
    elif blow is Silence.FULL_DISK:
        _await_state(scene, "running")
        with _full_disk(stand.cloud_pid()):
            before = _attempts(scene)
            _await("two refused attempts", lambda: _attempts(scene) >= before + _REFUSED_TWICE)
    elif blow is Silence.SIGN_REFUSED:
        stand.set_faults({"api": "PutObject", "path": "*.sign", "code": "AccessDenied"})
        _await_due(scene)
    elif blow is Silence.S3_OUTAGE:
        # Janitor itself needs storage to send the command: until then only the script finds it away.
        away = {"code": "ServiceUnavailable"}
        stand.set_faults({"api": "PutObject", "path": "*.sign", **away}, {"api": "GetObject", "path": "*.pyz", **away})
        _await_command(scene)
        stand.set_faults({"fault": "outage", "service": "s3"})
        _await_due(scene)
        stand.set_faults()
    else:
        lost = {"fault": "no-start", "times": 1}
        lags = [{"fault": f"{what}-lag", "seconds": LAG_SECONDS} for what in ("describe", "command")]
        stand.set_faults(lost, *(lags if blow is Silence.LAG else []))
        if blow is Silence.SSM_OUTAGE:
            scene.go_on()
            _await_command(scene)
            stand.set_faults({"fault": "outage", "service": "ssm"})
            _await_due(scene)
            stand.set_faults()
        elif blow is Silence.INTERRUPTED:
            scene.go_on()
            _await_command(scene)
            for one in scene.instances():
                if one.is_alive:
                    stand.tell_cloud("interrupt", interruption(one.instance_id))


@contextmanager
def _full_disk(pid: int) -> Iterator[None]:
    """No file of a process can grow, as where no block is left."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def _attempts(scene: Scene) -> int:
    """How often Janitor tried to hand out work: the spec's object first, then the command that fetches it."""
    return sum(scene.stand.calls_of(call) or 0 for call in ("s3:PutObject", "ssm:SendCommand"))


def _await(what: str, look: Callable[[], bool]) -> None:
    await_it(lambda: look() or None, within=_MOMENT_WITHIN, what=what)


def _await_state(scene: Scene, state: str) -> None:
    _await(f"an instance that is {state}", lambda: any(one.state == state for one in scene.instances()))


def _await_command(scene: Scene) -> datetime:
    """When the first instance was sent its command."""
    sent_at: datetime = await_it(
        lambda: next(
            (
                row["command_started_at"]
                for row in scene.stand.rows(
                    "select i.command_started_at from instances i join validation_runs r using (run_id)"
                    " where r.airflow_run_id = %s and i.command_started_at is not null",
                    scene.airflow_run_id,
                )
            ),
            None,
        ),
        within=_MOMENT_WITHIN,
        what="a command being sent",
    )
    return sent_at


def _await_due(scene: Scene) -> None:
    """Return some seconds after the first instance's sign was due."""
    until = _await_command(scene) + scene.stand.settings.sign_timeout + _LATE
    time.sleep(max((until - datetime.now(timezone.utc)).total_seconds(), 0))


TABLE = Table(title="No sign of life", blows=Silence, cells=_cells, strike=_strike)
