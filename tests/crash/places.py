"""The table "wrong place": while instances live, somebody looks elsewhere with this deployment's ledger in hand.

They reap twice, stop everything and launch, by the product's own commands where there is one. Afterwards every row that
lived must live, and EC2 must show every instance; the run's verdict is then judged as in every cell.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import LaunchRefusedError, SettingsError
from janitor.domain.launch.provider import InstanceSeen
from janitor.services.here import here
from janitor.services.launch.advance import advance_launch
from janitor.services.launch.orderer import ValidationOrderer
from janitor.settings import Settings, load_settings
from tests.crash.cells import Blow, Cell, Edge
from tests.crash.stand import Stand
from tests.crash.tables import Scene, Table
from tests.support.instances import instances_of_deployment
from tests.support.localcloud_server import LocalCloudServer
from tests.support.other_account import other_account
from tests.support.rows import insert_run

_COMMANDS = (["reap"], ["reap", "--vanished"], ["kill-all-workers"])
_COMMAND_SECONDS = 120
_REFUSED_PLACE, _REFUSED_SHELL = 3, 2
_CLOSED = ("terminated", "not_launched")


_LOOKED_AT = timedelta(seconds=180)
"""For cells in which a dozen commands are run one after the other while the instances live."""


class Elsewhere(Blow):
    """Where somebody looks who has this deployment's ledger."""

    REGION = "another region"
    ACCOUNT = "another account"
    CLOUD = "another cloud"
    STACK = "another stack's shell"


def _cells() -> Iterator[Cell]:
    for elsewhere in Elsewhere:
        # Several live instances, so that many would vanish at once.
        yield Cell(edge=Edge.RUNNING, blow=elsewhere, repositories=3, timeout=_LOOKED_AT)


def _strike(scene: Scene) -> None:
    blow = scene.cell.blow
    assert isinstance(blow, Elsewhere)
    scene.failures.extend(look_elsewhere(scene.stand, blow, scene.folder))


def look_elsewhere(stand: Stand, blow: Elsewhere, folder: Path) -> list[str]:
    """Do it all from elsewhere; returns what it broke, in words.

    Args:
        stand: Where instances of the cell's run live.
        blow: What is elsewhere.
        folder: For files of the other place.
    """
    before = _live(stand)
    found = [] if before else ["(5) nothing lived when somebody looked elsewhere: the cell shows nothing"]
    with ExitStack() as undo:
        if blow is Elsewhere.STACK:
            found += _from_another_checkout(stand, folder / "second")
        else:
            found += _from(_variables(stand, blow, folder, undo), stand)
    after = _live(stand)
    alive = {one.instance_id for one in _in_ec2(stand)}
    # A launch that goes on meanwhile gives its row an id.
    found += [
        f"(5) ledger row {ledger_id} ({before[ledger_id]}) was ended" for ledger_id in before.keys() - after.keys()
    ]
    return found + [f"(5) {name} is not alive any more" for name in before.values() if name not in {*alive, None}]


def _variables(stand: Stand, blow: Elsewhere, folder: Path, undo: ExitStack) -> dict[str, str]:
    """The process environment of somebody who has this deployment's ledger, and looks elsewhere."""
    settings = stand.settings
    if blow is Elsewhere.REGION:
        return {**settings.inherited, "JANITOR_REGION": "eu-west-1"}
    secret = settings.aws_secret_access_key
    assert settings.aws_endpoint_url is not None
    assert settings.aws_access_key_id is not None
    assert secret is not None
    access = (settings.aws_endpoint_url, settings.aws_access_key_id, secret.get_secret_value())
    if blow is Elsewhere.ACCOUNT:
        identity = here(settings).cloud.removeprefix("localcloud-")
        endpoint_url, _ = undo.enter_context(other_account(identity))
        access = (endpoint_url, *access[1:])
    else:
        other = undo.enter_context(LocalCloudServer(folder / "other-cloud"))
        access = (other.endpoint_url, other.access_key_id, other.secret_access_key)
    return {
        **settings.inherited,
        "JANITOR_STACK": "external",
        "JANITOR_ENGINE": "docker",
        "JANITOR_DEPLOYMENT": settings.deployment,
        "JANITOR_DATABASE_URL": settings.writer_url,
        "JANITOR_READER_DATABASE_URL": settings.reader_url,
        **dict(
            zip(
                ("JANITOR_AWS_ENDPOINT_URL", "JANITOR_AWS_ACCESS_KEY_ID", "JANITOR_AWS_SECRET_ACCESS_KEY"),
                access,
                strict=True,
            )
        ),
    }


def _from(variables: Mapping[str, str], stand: Stand) -> Iterator[str]:
    for command in _COMMANDS:
        yield from _refused(command, variables, _REFUSED_PLACE, "wrong place")
    wrong = load_settings("local", environ=variables, project_root=stand.settings.project_root)
    _, (new, _) = insert_run(stand.settings.writer_url, deployment=stand.settings.deployment)
    try:
        step = advance_launch(wrong, ValidationOrderer(new), lambda *_: "i-00000000000000000")
        yield f"(5) a launch was not refused elsewhere: {step}"
    except LaunchRefusedError as exc:
        if exc.reason_code != "wrong_place":
            yield f"(5) a launch was refused for another reason: {exc}"


def _from_another_checkout(stand: Stand, state_dir: Path) -> Iterator[str]:
    """A second stack's commands in a shell that has sourced the first one's file."""
    sourced = _sourced(stand.settings)
    variables = {**stand.settings.inherited, **sourced, "JANITOR_STATE_DIR": str(state_dir)}
    for command in (["up"], *_COMMANDS):
        yield from _refused(command, variables, _REFUSED_SHELL, "names another stack")
    if state_dir.exists():
        yield f"(5) {state_dir} was written"
    state_dir.mkdir()
    own = "JANITOR_DEPLOYMENT=local-00000000\n"
    (state_dir / "stack.env").write_text(own)
    for command in (["up"], *_COMMANDS):
        yield from _refused(command, variables, _REFUSED_SHELL, "names another stack")
    if (state_dir / "stack.env").read_text() != own:
        yield "(5) the second stack's file was changed"
    try:
        load_settings("local", environ=variables, project_root=stand.settings.project_root)
        yield "(5) the second stack's settings take the first one's"
    except SettingsError:
        return


def _sourced(settings: Settings) -> dict[str, str]:
    """What sourcing a stack's file puts into a shell."""
    lines = [line for line in settings.stack_env_file.read_text().splitlines() if "=" in line and line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)


def _refused(command: list[str], variables: Mapping[str, str], code: int, words: str) -> Iterator[str]:
    done = subprocess.run(
        [Path(sys.executable).parent / "janitor", *command],
        env=dict(variables),
        capture_output=True,
        text=True,
        timeout=_COMMAND_SECONDS,
        check=False,
    )
    if done.returncode != code or words not in done.stderr:
        yield f"(5) `janitor {' '.join(command)}` elsewhere ended with {done.returncode}: {done.stderr[-400:]!r}"


def _live(stand: Stand) -> dict[int, str | None]:
    """The deployment's live rows: ledger id → instance id."""
    statement = "select ledger_id, instance_id, state from instances where deployment = %s"
    rows = stand.rows(statement, stand.settings.deployment)
    return {row["ledger_id"]: row["instance_id"] for row in rows if row["state"] not in _CLOSED}


def _in_ec2(stand: Stand) -> list[InstanceSeen]:
    seen = instances_of_deployment(stand.settings)
    return [one for one in seen if one.state.value in ("pending", "running")]


TABLE = Table(title="Wrong place", blows=Elsewhere, cells=_cells, strike=_strike)
