"""The validator that made the repeated report looks at the experiment, where storage still has it and it can."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.services.watch.artefact import artefact_like, ensure_artefact
from janitor.settings import Settings
from janitor.validator.packaging import build_artefact

Change = Callable[[Path], None]


def commented(file: Path) -> None:
    """The same program under another digest."""
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"of another day"


def without_patches(file: Path) -> None:
    """As it was before it knew of patches."""
    without(file, "checkout/patching")


def without_reuse(file: Path) -> None:
    """As it was before there were workers."""
    without(file, "protocol/reuse")


def without(file: Path, part: str) -> None:
    """The same program without some of its files."""
    with zipfile.ZipFile(file) as archive:
        kept = {each: archive.read(each) for each in archive.namelist() if part not in each}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in kept.items():
            archive.writestr(name, content)


def stored(settings: Settings, folder: Path, change: Change, *, under: str | None = None) -> str:
    """Put an artefact into storage; returns the digest that it is asked for by."""
    file = build_artefact(folder).path
    change(file)
    content = file.read_bytes()
    sha256 = under or hashlib.sha256(content).hexdigest()
    storage.put(CloudAccess.of(settings), settings.bucket, f"janitor-artefacts/{sha256}.pyz", content)
    return sha256


def test_it_is_found_by_its_digest(settings: Settings, tmp_path: Path) -> None:
    sha256 = stored(settings, tmp_path, commented)
    found = artefact_like(settings, sha256)
    assert found.sha256 == sha256 != ensure_artefact(settings).sha256
    assert storage.exists(CloudAccess.of(settings), settings.bucket, found.key)


@pytest.mark.parametrize(
    ("change", "under"),
    [(without_patches, None), (commented, "a" * 64), (lambda file: file.write_bytes(b"no archive"), None)],
    ids=["older than patches", "another content", "no archive"],
)
def test_what_can_not_be_sent_is_replaced_by_this_versions(
    settings: Settings, tmp_path: Path, change: Change, under: str | None
) -> None:
    sha256 = stored(settings, tmp_path, change, under=under)
    assert artefact_like(settings, sha256) == ensure_artefact(settings)


def test_one_that_can_not_be_told_of_workers_is_replaced_on_a_worker_alone(settings: Settings, tmp_path: Path) -> None:
    sha256 = stored(settings, tmp_path, without_reuse)
    assert artefact_like(settings, sha256).sha256 == sha256
    assert artefact_like(settings, sha256, for_worker=True) == ensure_artefact(settings)
    knowing = stored(settings, tmp_path, commented)
    assert artefact_like(settings, knowing, for_worker=True).sha256 == knowing


@pytest.mark.parametrize("sha256", [None, "b" * 64], ids=["not told", "gone"])
def test_nothing_to_be_found_is_this_versions(settings: Settings, sha256: str | None) -> None:
    assert artefact_like(settings, sha256) == ensure_artefact(settings)
