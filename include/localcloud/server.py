"""One local cloud: everything put together, from start to end."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from moto.core.utils import get_service_model
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from localcloud import moto_memory, quotas
from localcloud.box.containment import Containment, best_containment
from localcloud.box.process import ProcessRuntime, Sight, can_hide
from localcloud.ec2 import describe as ec2_describe
from localcloud.ec2 import instances as ec2_instances
from localcloud.ec2 import launch as ec2_launch
from localcloud.ec2 import spot as ec2_spot
from localcloud.ec2 import volumes as ec2_volumes
from localcloud.ec2.earlier_instances import EarlierInstances
from localcloud.events.internal_api import InternalApi
from localcloud.faults.in_force import FaultBook
from localcloud.logs import disk as logs_disk
from localcloud.logs import pages as logs_pages
from localcloud.managed_services import ManagedServices
from localcloud.moto_pin import check_version
from localcloud.own_endpoints import OwnEndpoints
from localcloud.provisioning import bucket_policies, launch_templates
from localcloud.requests import identity, key_file
from localcloud.requests.dispatch import Application
from localcloud.requests.guard import Guard
from localcloud.requests.metadata import InstanceRole
from localcloud.s3 import disk as s3_disk
from localcloud.s3 import suspended as s3_suspended
from localcloud.secrets_file import SecretsFile
from localcloud.settings import ACCOUNT_ID, ContainmentChoice, Settings
from localcloud.ssm import api as ssm_api
from localcloud.trees import spread_subfolders

log = logging.getLogger(__name__)

END_TIMEOUT = timedelta(seconds=20)
BACKLOG = 128
POLL_SECONDS = 0.2
"""How soon SIGTERM is noticed."""


class QuietRequestHandler(MotoRequestHandler):  # type: ignore[misc]  # moto is untyped
    """Requests are too many to be logged; what they cause is logged where it happens."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def prepare_boxes(home: Path) -> None:
    """Make the folder of the boxes anew: those of an earlier run died with it, the volumes that they had go on."""
    ec2_volumes.recover(home)
    for folder in ("boxes", "records"):
        shutil.rmtree(home / folder, ignore_errors=True)
    boxes = home / "boxes"
    boxes.mkdir(exist_ok=True)
    spread_subfolders(boxes)


def serve(settings: Settings) -> None:
    """Run a local cloud in the foreground until SIGTERM or SIGINT.

    Raises MotoMismatchError, KeyFileError or OSError (the port is taken) before anything is started.
    """
    check_version()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _home_lock = lock_home(settings.home)  # held until this process ends
    key = key_file.load_or_create(settings.key_file)
    identity.install(identity.load_or_create(settings.home))
    earlier = EarlierInstances(settings.home / "launched", settings.terminated_retention)
    earlier.load()
    prepare_boxes(settings.home)
    containment = choose_containment(settings.containment)
    faults = FaultBook()
    runtime = ProcessRuntime(containment, sight_of_boxes(settings, containment))
    fleet = ec2_instances.InstanceFleet(settings, runtime, faults, earlier)
    logs = install_patches(settings.home, fleet, faults, earlier)
    services = ManagedServices(settings.home, key, f"http://{settings.address}:{settings.port}", containment)
    own = OwnEndpoints(faults, fleet.interrupt)
    role = InstanceRole(f"http://{settings.address}:{settings.port}", fleet.is_running)
    fleet.command_variables = role.variables
    application = Application(
        faults,
        lambda: {**health(runtime, fleet), "invocations": services.invocations()},
        own,
        before=services.prepare,
        after=services.keep,
        secrets=secrets_of(settings),
    )
    listening = socket.create_server((settings.address, settings.port), backlog=BACKLOG)
    server = make_server(
        settings.address,
        settings.port,
        Guard(application, key, role, settings.address),
        threaded=True,
        request_handler=QuietRequestHandler,
        fd=listening.fileno(),  # werkzeug would end the process by itself where the port is taken
    )
    fleet.announce = announce_to(services)
    services.start(InternalApi(application, key.access_key_id))
    server.daemon_threads = True  # an open keep-alive connection must not delay the end

    def stop(*_: Any) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    idle = settings.prune_interval
    housework = (settings.prune_interval, fleet.prune, lambda: logs.release_idle(idle))
    threading.Thread(target=keep_house, args=housework, name="house", daemon=True).start()
    threading.Thread(target=load_models, args=(settings.region,), name="load", daemon=True).start()
    log.info("local cloud on http://%s:%s, boxes: %s", settings.address, settings.port, runtime.name)
    server.serve_forever(poll_interval=POLL_SECONDS)
    log.info("stopping")
    fleet.end_all(END_TIMEOUT)


def secrets_of(settings: Settings) -> SecretsFile | None:
    """The secrets that instances may read, where the owner has a file for them."""
    if settings.secrets_file is None:
        return None
    return SecretsFile(
        path=settings.secrets_file, prefix=settings.secrets_prefix, channels_prefix=settings.channels_prefix
    )


def announce_to(services: ManagedServices) -> ec2_instances.Announce:
    """Tells EventBridge what happens to instances. Source: EC2 user guide, "Automate using EventBridge"."""

    def announce(instance: Instance, detail_type: str, detail: dict[str, Any]) -> None:
        region = str(instance.region_name)
        arn = f"arn:aws:ec2:{region}:{ACCOUNT_ID}:instance/{instance.id}"
        services.announce(region, "aws.ec2", detail_type, detail, [arn])

    return announce


def lock_home(home: Path) -> IO[bytes]:
    """Make sure that no other local cloud uses this folder. Raises OSError where one does."""
    file = (home / "lock").open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        file.close()
        raise OSError(f"another local cloud uses {home}; stop it, or choose another --home") from exc
    return file


def keep_house(interval: timedelta, *chores: Callable[[], None]) -> None:
    """Do the chores now and then for as long as the process lives."""
    while True:
        time.sleep(interval.total_seconds())
        for chore in chores:
            try:
                chore()
            except Exception:
                log.exception("housekeeping failed")


def install_patches(
    home: Path, fleet: ec2_instances.InstanceFleet, faults: FaultBook, earlier: EarlierInstances
) -> logs_disk.LogsDisk:
    """Apply every patch to moto, and load what is on disk. Raises MotoMismatchError."""
    moto_memory.install()
    ec2_instances.install(fleet)
    ec2_launch.install(fleet)
    ec2_describe.install(faults, earlier)
    ec2_spot.install()
    ec2_volumes.install(ec2_volumes.Volumes(home, fleet))
    launch_templates.install()
    bucket_policies.install()
    ssm_api.install(fleet, faults)
    quotas.install()
    s3_suspended.install()
    s3_disk.install(home / "s3")
    logs_pages.install(faults)
    return logs_disk.install(home / "logs")


def load_models(region: str) -> None:
    """Load what the first requests would otherwise wait for."""
    for service in ("ec2", "ssm", "s3", "logs", "iam"):
        get_service_model(service)
    _ = ec2_backends[ACCOUNT_ID][region]


def choose_containment(choice: ContainmentChoice) -> Containment:
    """The containment that was asked for, or the best one here. Raises OSError where the asked one is impossible."""
    if choice is ContainmentChoice.AUTO:
        return best_containment()
    containment = Containment(choice.value)
    if not containment.available:
        raise OSError(f"containment {containment.value} does not work on this machine; use auto")
    return containment


def sight_of_boxes(settings: Settings, containment: Containment) -> Sight:
    """What boxes see of the local cloud's and its owner's folders: everything, where nothing can be hidden here."""
    if not can_hide(containment):
        log.warning("boxes see the files of this stack: this machine allows them no mount namespace")
        return Sight()
    if settings.cache_dir is not None:
        # What isn't there when a box is made can't be kept for it.
        settings.cache_dir.mkdir(parents=True, exist_ok=True)
    kept = (settings.cache_dir,) if settings.cache_dir else ()
    return Sight(hidden=(settings.home, *settings.hidden), shown=settings.shown, kept=kept)


def health(runtime: ProcessRuntime, fleet: ec2_instances.InstanceFleet) -> dict[str, Any]:
    """What the health endpoint tells."""
    return {
        "status": "ok",
        "pid": os.getpid(),
        "runtime": runtime.name,
        "hides_files": runtime.hides_files,
        "instances": sum(1 for _ in fleet),
    }
