"""Instances of an earlier run of this local cloud: their boxes died with it, and EC2 says so.

Without it a local cloud that was restarted would know nothing of them, which is what an EC2 shows that is asked in the
wrong place. As on AWS, a terminated instance is described for a while and then forgotten.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from localcloud.atomic_files import remove_leftovers, write_json

log = logging.getLogger(__name__)

TERMINATED = {"Code": 48, "Name": "terminated"}
REASON = {"Code": "Server.InternalError", "Message": "Server.InternalError: the local cloud ended"}


class EarlierInstances:
    """What was launched, one file each; what is in the folder when a local cloud starts has ended.

    Args:
        folder: Of these files.
        retention: How long a terminated instance is described.
    """

    def __init__(self, folder: Path, retention: timedelta) -> None:
        self._folder = folder
        self._retention = retention
        self._ended: dict[str, dict[str, Any]] = {}

    def load(self) -> None:
        """Take what an earlier run left for ended, from now on."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_leftovers(self._folder)
        now = datetime.now(timezone.utc)
        for path in self._folder.glob("i-*.json"):
            try:
                known = json.loads(path.read_text(encoding="utf-8"))
                known.setdefault("ended_at", now.isoformat())
                is_recent = now - datetime.fromisoformat(known["ended_at"]) < self._retention
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                log.warning("%s can't be read; that instance is forgotten", path)
                is_recent = False
            if not is_recent:
                path.unlink(missing_ok=True)
                continue
            write_json(path, known)
            self._ended[path.stem] = known

    def keep(self, instance_id: str, *, instance_type: str, zone: str | None, launched_at: datetime) -> None:
        """Keep that there is an instance, for the next run."""
        known = {
            "instance_type": instance_type,
            "zone": zone,
            "launched_at": launched_at.astimezone(timezone.utc).isoformat(),
        }
        write_json(self._folder / f"{instance_id}.json", known)

    def forget(self, instance_id: str) -> None:
        """Forget one that isn't described any more."""
        (self._folder / f"{instance_id}.json").unlink(missing_ok=True)

    def prune(self) -> None:
        """Forget those that ended long ago."""
        now = datetime.now(timezone.utc)
        for instance_id, known in list(self._ended.items()):
            if now - datetime.fromisoformat(known["ended_at"]) >= self._retention:
                self._ended.pop(instance_id, None)
                self.forget(instance_id)

    def known_of(self, instance_ids: Sequence[str]) -> list[str]:
        """Those of the ids that an earlier run launched."""
        return [instance_id for instance_id in instance_ids if instance_id in self._ended]

    def reservations(self, instance_ids: Sequence[str]) -> list[dict[str, Any]]:
        """DescribeInstances' answer for them, each in a reservation of its own."""
        found = [(instance_id, self._ended.get(instance_id)) for instance_id in dict.fromkeys(instance_ids)]
        return [_reservation(instance_id, known) for instance_id, known in found if known is not None]


def _reservation(instance_id: str, known: dict[str, Any]) -> dict[str, Any]:
    ended_at = datetime.fromisoformat(known["ended_at"])
    return {
        "ReservationId": f"r-{instance_id.removeprefix('i-')}",
        "Instances": [
            {
                "InstanceId": instance_id,
                "InstanceType": known["instance_type"],
                "LaunchTime": datetime.fromisoformat(known["launched_at"]),
                "Placement": {"AvailabilityZone": known["zone"]} if known["zone"] else {},
                "State": TERMINATED,
                "StateReason": REASON,
                "StateTransitionReason": f"Service initiated ({ended_at:%Y-%m-%d %H:%M:%S} GMT)",
            }
        ],
    }
