"""EBS volumes that hold something: what a box writes to one is there on the next machine, and after a restart.

    <home>/volumes/<volume id>.json     what EC2 says of it
    <home>/volumes/<volume id>/         its content, while no machine has it
    <box>/volumes/<volume id>/          the same, while that machine has it; <box>/volumes/<device> leads there

Attaching moves the folder, so that a volume is on one machine at a time whoever asks. Only volumes that were made by
CreateVolume are kept so; an instance's own root volume is moto's record alone.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

from moto.ec2.exceptions import EC2ClientError, VolumeInUseError
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_block_store import EBSBackend, Volume
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from localcloud.atomic_files import remove_leftovers, write_json
from localcloud.ec2.instances import InstanceFleet
from localcloud.moto_pin import replace_attribute
from localcloud.settings import ACCOUNT_ID
from localcloud.trees import remove_tree

log = logging.getLogger(__name__)

FOLDER = "volumes"
"""In the local cloud's home, and in a box."""
_KEPT = ("size", "volume_type", "encrypted", "kms_key_id", "iops", "throughput", "snapshot_id")


class Volumes:
    """The volumes of this local cloud that are kept.

    Args:
        home: The local cloud's folder.
        fleet: The machines.
    """

    def __init__(self, home: Path, fleet: InstanceFleet) -> None:
        self._folder = home / FOLDER
        self._fleet = fleet
        self.lock = threading.RLock()
        """moto looks at a volume and then changes it."""

    def holds(self, volume_id: str) -> bool:
        """Whether it is one of those that are kept."""
        return self._record(volume_id).exists()

    def keep(self, volume: Volume) -> None:
        """Keep what EC2 says of a volume."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        (self._folder / volume.id).mkdir(mode=0o755, exist_ok=True)
        known = {name: getattr(volume, name) for name in _KEPT}
        known |= {"zone": volume.availability_zone, "region": volume.ec2_backend.region_name}
        write_json(self._record(volume.id), {**known, "tags": _tags(volume)})

    def drop(self, volume_id: str) -> None:
        """Remove a volume with what it holds."""
        self._record(volume_id).unlink(missing_ok=True)
        remove_tree(self._folder / volume_id)

    def check(self, volume: Volume, instance: Any) -> None:
        """Refuse what EC2 refuses. Raises EC2ClientError."""
        if volume.attachment is not None:
            raise VolumeInUseError(volume.id, volume.attachment.instance.id)
        if not self._fleet.is_running(instance.id):
            raise EC2ClientError("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
        if instance.placement.zone != volume.availability_zone:
            raise EC2ClientError(
                "InvalidVolume.ZoneMismatch",
                f"The volume '{volume.id}' is not in the same availability zone as instance '{instance.id}'",
            )

    def put_into_box(self, volume_id: str, instance_id: str, device: str) -> None:
        """Give a running machine the volume. Raises OSError."""
        machine = self._fleet.machine(instance_id)
        assert machine is not None
        inside = machine.options.files.root / FOLDER
        inside.mkdir(mode=0o755, exist_ok=True)
        os.rename(self._folder / volume_id, inside / volume_id)
        link = inside / Path(device).name
        link.unlink(missing_ok=True)
        link.symlink_to(volume_id)

    def take_back(self, volume_id: str, instance_id: str) -> None:
        """Take the volume from a machine, which may have ended."""
        machine = self._fleet.machine(instance_id)
        if machine is not None:
            _move_back(machine.options.files.root / FOLDER / volume_id, self._folder)

    def load(self) -> None:
        """Make the volumes of an earlier run known to moto: none is attached, as its machines are gone."""
        if not self._folder.is_dir():
            return
        remove_leftovers(self._folder)
        for path in sorted(self._folder.glob("vol-*.json")):
            try:
                known = json.loads(path.read_text(encoding="utf-8"))
                backend = ec2_backends[ACCOUNT_ID][known["region"]]
                zone = backend.get_zone_by_name(known["zone"])
                volume = Volume(backend, path.stem, zone=zone, **{name: known[name] for name in _KEPT})
                backend.volumes[volume.id] = volume
                volume.add_tags(known["tags"])
                (self._folder / volume.id).mkdir(mode=0o755, exist_ok=True)
            except (OSError, ValueError, KeyError, TypeError):
                log.warning("%s can't be read; that volume is forgotten", path)

    def _record(self, volume_id: str) -> Path:
        return self._folder / f"{volume_id}.json"


def recover(home: Path) -> None:
    """Take the volumes back that the boxes of an earlier run had. Call it before its boxes are removed."""
    for path in (home / "boxes").glob(f"i-*/{FOLDER}/vol-*"):
        if path.is_dir() and not path.is_symlink():
            _move_back(path, home / FOLDER)


def _move_back(path: Path, folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        target = folder / path.name
        if path.is_dir() and target.is_dir():
            target.rmdir()  # empty: made when the record was read
        os.rename(path, target)
    except OSError as exc:
        log.error("the content of %s stays in its box and is lost with it: %s", path.name, exc)


def _tags(volume: Volume) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in volume.get_tags()}


def install(volumes: Volumes) -> None:
    """Patch moto so that volumes hold something, and that attaching them obeys EC2's rules."""
    moto_attach = vars(EBSBackend)["attach_volume"]
    moto_detach = vars(EBSBackend)["detach_volume"]
    moto_delete = vars(EBSBackend)["delete_volume"]
    moto_create = vars(ElasticBlockStore)["create_volume"]

    def attach_volume(
        self: Any, volume_id: str, instance_id: str, device_path: str, delete_on_termination: bool = False
    ) -> Any:
        if not volumes.holds(volume_id):  # a root volume, which comes with its instance
            return moto_attach(self, volume_id, instance_id, device_path, delete_on_termination)
        with volumes.lock:
            volumes.check(self.get_volume(volume_id), self.get_instance(instance_id))
            volumes.put_into_box(volume_id, instance_id, device_path)
            return moto_attach(self, volume_id, instance_id, device_path, delete_on_termination)

    def detach_volume(self: Any, volume_id: str, instance_id: str | None, device_path: str) -> Any:
        with volumes.lock:
            attachment = self.get_volume(volume_id).attachment
            if instance_id is None and attachment is not None:
                instance_id = attachment.instance.id  # EC2 asks for it only where a volume has several
            attachment = moto_detach(self, volume_id, instance_id, device_path)
            if volumes.holds(volume_id):
                volumes.take_back(volume_id, attachment.instance_id)
            return attachment

    def delete_volume(self: Any, volume_id: str) -> Any:
        with volumes.lock:
            deleted = moto_delete(self, volume_id)
            if volumes.holds(volume_id):
                volumes.drop(volume_id)
            return deleted

    def create_volume(self: ElasticBlockStore) -> Any:
        answer = moto_create(self)
        volumes.keep(answer.result)
        return answer

    for function in (attach_volume, detach_volume, delete_volume):
        replace_attribute(EBSBackend, function.__name__, function)
    replace_attribute(ElasticBlockStore, "create_volume", create_volume)
    volumes.load()
