"""Builds the machine image with Packer: minutes on a small instance of its own, which no killer knows.

The definition is in infra/packer; docs/machine.md says what is in the image.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from janitor.domain.errors import CloudError, SettingsError
from janitor.domain.watch.waits import waiting

BUILD_LIMIT = timedelta(minutes=100)
"""Less than the two hours after which the builder powers itself off."""
_PACK_LIMIT = timedelta(minutes=2)
_INIT_LIMIT = timedelta(minutes=5)
_CLEAN_UP_LIMIT = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class ImageOrder:
    """What is built."""

    deployment: str
    region: str
    source_ami: str
    """The base image."""
    log_group: str
    at: datetime
    """In the image's name."""
    subnet_id: str | None = None
    cuda_image: str | None = None

    @property
    def variables(self) -> dict[str, str]:
        """As infra/packer/variables.pkr.hcl names them."""
        given = {
            "deployment": self.deployment,
            "region": self.region,
            "source_ami": self.source_ami,
            "log_group": self.log_group,
            "stamp": f"{self.at:%Y%m%d%H%M%S}",
            "subnet_id": self.subnet_id,
            "cuda_image": self.cuda_image,
        }
        return {name: value for name, value in given.items() if value}


def build_image(root: Path, order: ImageOrder, environment: Mapping[str, str]) -> str:
    """The id of a new image; what Packer says goes to standard error as it comes.

    Args:
        root: The checkout.
        order: What is built.
        environment: Of Packer, which finds AWS's credentials in it.

    Raises:
        SettingsError: Packer isn't here, or is too old.
        CloudError: It didn't build one.
    """
    folder = root / "infra" / "packer"
    packer = shutil.which("packer", path=environment.get("PATH"))
    if packer is None:
        raise SettingsError(
            "packer is not on PATH: install Packer 1.7 or newer, or publish an image that is there: janitor ami --image"
        )
    _call([sys.executable, "-I", str(folder / "pack.py"), "dist/machine.tar.gz"], folder, environment, _PACK_LIMIT)
    _call([packer, "init", "."], folder, environment, _INIT_LIMIT)
    manifest = folder / "dist" / "manifest.json"
    manifest.unlink(missing_ok=True)
    words = [word for name, value in order.variables.items() for word in ("-var", f"{name}={value}")]
    _call([packer, "build", "-color=false", *words, "."], folder, environment, BUILD_LIMIT)
    return _built(manifest, order.region)


def _call(words: list[str], folder: Path, environment: Mapping[str, str], limit: timedelta) -> None:
    name = f"{Path(words[0]).name} {words[1]}"
    try:
        # In a session of its own: it is interrupted once and by us. Twice, and Packer leaves its builder behind.
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
        )
    except OSError as exc:
        raise SettingsError(f"{name} can't be started: {exc}") from exc
    try:
        with waiting(f"waiting for {name}", limit):
            exit_code = process.wait(limit.total_seconds())
    except subprocess.TimeoutExpired as exc:
        raise CloudError(f"{name} took more than {limit} and was ended") from exc
    finally:
        _end(process)
    if exit_code != 0:
        raise CloudError(f"{name} ended with {exit_code}; its own words above say why")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what still runs; an interrupted Packer takes its builder, key and security group away first."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        with waiting("waiting for packer to remove its builder", _CLEAN_UP_LIMIT):
            process.wait(_CLEAN_UP_LIMIT.total_seconds())
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _built(manifest: Path, region: str) -> str:
    try:
        artifact: str = json.loads(manifest.read_text())["builds"][-1]["artifact_id"]
    except (OSError, ValueError, LookupError, TypeError) as exc:
        raise CloudError(f"packer ended well, but {manifest} doesn't name an image: {type(exc).__name__}") from exc
    for each in artifact.split(","):
        place, _, image_id = each.partition(":")
        if place == region and image_id.startswith("ami-"):
            return image_id
    raise CloudError(f"packer ended well, but {manifest} names no image in {region}: {artifact[:200]}")
