"""S3 on disk: buckets and objects survive a restart, also one by SIGKILL.

    <home>/s3/<bucket>/bucket.json
    <home>/s3/<bucket>/objects/<2 hex>/<sha256 of the key>/index.json    all versions of one key
                                                          /<uuid>.data   one version's content

moto keeps answering from memory. Whatever a request changed is noted while it runs and written before its answer is
sent (`flush_changes`), metadata and tags included; what can't be written is taken back in memory, too. Contents are
then read from disk on demand, so objects cost no memory. Not kept: uploads in parts that were never completed, ACLs,
locks, and bucket settings other than versioning.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import threading
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, S3Backend, s3_backends

from localcloud import atomic_files
from localcloud.moto_pin import replace_attribute
from localcloud.settings import ACCOUNT_ID

log = logging.getLogger(__name__)

PERSISTED_FIELDS = (
    "_etag",
    "_version_id",
    "_is_versioned",
    "_storage_class",
    "website_redirect_location",
    "checksum_algorithm",
    "checksum_value",
    "checksum_type",
    "checksum_parts",
    "encryption",
    "kms_key_id",
    "bucket_key_enabled",
    "contentsize",
)
DATA_FILE = "localcloud_data_file"
"""Attribute of a moto key that is on disk: the name of its content's file."""
LOCKS = 64


class DiskValue:
    """Stands in for the buffer in which moto keeps an object's content; reads the file when asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def seek(self, position: int) -> None:
        self._position = position

    def read(self, size: int = -1) -> bytes:
        with self._path.open("rb") as file:
            file.seek(self._position)
            data = file.read(size)
        self._position += len(data)
        return data

    def close(self) -> None:
        """Nothing is held open."""


class _Changes(threading.local):
    def __init__(self) -> None:
        self.buckets: set[str] = set()
        self.keys: set[tuple[str, str]] = set()


class S3Disk:
    """The objects of one S3 backend on disk."""

    def __init__(self, root: Path, backend: S3Backend) -> None:
        self._root = root
        self._backend = backend
        self._changes = _Changes()
        self._locks = [threading.Lock() for _ in range(LOCKS)]

    def touch_bucket(self, bucket: str) -> None:
        """Note that this thread's request may have changed a bucket."""
        self._changes.buckets.add(bucket)

    def touch_key(self, bucket: str, key: str) -> None:
        """Note that this thread's request may have changed an object."""
        self._changes.keys.add((bucket, key))

    def flush(self) -> None:
        """Write what this thread has changed. Raises OSError where the disk takes it not; nothing of it stays then."""
        buckets, keys = self._changes.buckets, self._changes.keys
        if not buckets and not keys:
            return
        self._changes.buckets, self._changes.keys = set(), set()
        trouble: list[OSError] = []
        for name in buckets:
            try:
                self._write_bucket(name)
            except OSError as exc:
                trouble.append(exc)
                self._take_back_bucket(name)
        for name, key in keys:
            try:
                self._write_key(name, key)
            except OSError as exc:
                trouble.append(exc)
        if trouble:
            raise trouble[0]

    def _write_bucket(self, name: str) -> None:
        folder = self._root / name
        bucket = self._backend.buckets.get(name)
        if bucket is None:
            remove_folder(folder, "bucket.json")
            return
        folder.mkdir(parents=True, exist_ok=True)
        atomic_files.write_json(
            folder / "bucket.json",
            {
                "region": bucket.region_name,
                "versioning": bucket.versioning_status,
                "created": bucket.creation_date.isoformat(),
            },
        )

    def _write_key(self, bucket_name: str, key_name: str) -> None:
        digest = hashlib.sha256(key_name.encode()).hexdigest()
        folder = self._root / bucket_name / "objects" / digest[:2] / digest
        with self._locks[int(digest[:8], 16) % LOCKS]:
            bucket = self._backend.buckets.get(bucket_name)
            versions = list(bucket.keys.getlist(key_name, [])) if bucket else []
            if not versions:
                remove_folder(folder, "index.json")
                return
            try:
                folder.mkdir(parents=True, exist_ok=True)
                entries = [self._entry(folder, version) for version in versions]
                atomic_files.write_json(folder / "index.json", {"key": key_name, "versions": entries})
            except OSError:
                self._take_back_key(bucket, key_name, folder)
                raise
            remove_unused(folder, entries)

    def _take_back_key(self, bucket: FakeBucket, key_name: str, folder: Path) -> None:
        """Let memory show what the disk has: the versions of before, or no such object."""
        index = folder / "index.json"
        if index.exists():
            self._load_key(bucket, index)
            return
        bucket.keys.pop(key_name)
        shutil.rmtree(folder, ignore_errors=True)

    def _take_back_bucket(self, name: str) -> None:
        file = self._root / name / "bucket.json"
        bucket = self._backend.buckets.get(name)
        if bucket is None:
            return
        if file.exists():
            bucket.versioning_status = json.loads(file.read_text(encoding="utf-8"))["versioning"]
        else:
            self._backend.buckets.pop(name)

    def _entry(self, folder: Path, version: FakeKey | FakeDeleteMarker) -> dict[str, Any]:
        if isinstance(version, FakeDeleteMarker):
            return {
                "delete_marker": version.version_id,
                "key_version": version.key.version_id,
                "last_modified": version.last_modified.isoformat(),
            }
        if not hasattr(version, DATA_FILE):
            self._move_to_disk(folder, version)
        return {
            "data": getattr(version, DATA_FILE),
            "last_modified": version.last_modified.isoformat(),
            "metadata": dict(version.metadata),
            "tags": self._backend.tagger.get_tag_dict_for_resource(version.arn),
            "fields": {name: getattr(version, name) for name in PERSISTED_FIELDS},
        }

    @staticmethod
    def _move_to_disk(folder: Path, version: FakeKey) -> None:
        name = f"{uuid.uuid4().hex}.data"
        _ = version.etag  # computed from the buffer, so that it is known afterwards
        atomic_files.write_bytes(folder / name, version.value)
        with version.lock:
            version._value_buffer.close()
            version._value_buffer = DiskValue(folder / name)
        setattr(version, DATA_FILE, name)

    def load(self) -> None:
        """Recreate every bucket and object."""
        self._root.mkdir(parents=True, exist_ok=True)
        atomic_files.remove_leftovers(self._root)
        for folder in sorted(path for path in self._root.iterdir() if path.is_dir()):
            if (folder / "bucket.json").exists():
                self._load_bucket(folder)

    def _load_bucket(self, folder: Path) -> None:
        data = json.loads((folder / "bucket.json").read_text(encoding="utf-8"))
        bucket = FakeBucket(name=folder.name, account_id=self._backend.account_id, region_name=data["region"])
        bucket.versioning_status = data["versioning"]
        bucket.creation_date = datetime.fromisoformat(data["created"])
        self._backend.buckets[folder.name] = bucket
        for index in sorted(folder.glob("objects/*/*/index.json")):
            try:
                self._load_key(bucket, index)
            except (ValueError, KeyError, TypeError) as exc:
                log.error("S3 object in %s can't be read and is left out: %r", index.parent, exc)
        for orphan in folder.glob("objects/*/*"):  # its index was never written, or removed first
            if not (orphan / "index.json").exists():
                shutil.rmtree(orphan, ignore_errors=True)

    def _load_key(self, bucket: FakeBucket, index: Path) -> None:
        data = json.loads(index.read_text(encoding="utf-8"))
        remove_unused(index.parent, data["versions"])
        versions: list[Any] = []
        for entry in data["versions"]:
            if "delete_marker" in entry:
                known = {version.version_id: version for version in versions}
                marker = FakeDeleteMarker(key=known.get(entry["key_version"]) or self._new_key(bucket, data["key"]))
                marker._version_id = entry["delete_marker"]
                marker.last_modified = datetime.fromisoformat(entry["last_modified"])
                versions.append(marker)
            else:
                versions.append(self._load_version(bucket, data["key"], entry, index.parent))
        bucket.keys.setlist(data["key"], versions)

    def _load_version(self, bucket: FakeBucket, name: str, entry: dict[str, Any], folder: Path) -> FakeKey:
        key = self._new_key(bucket, name)
        for field, value in entry["fields"].items():
            setattr(key, field, value)
        key._metadata.update(entry["metadata"])
        key.last_modified = datetime.fromisoformat(entry["last_modified"])
        key._value_buffer.close()
        key._value_buffer = DiskValue(folder / entry["data"])
        setattr(key, DATA_FILE, entry["data"])
        if entry["tags"]:
            self._backend.tagger.tag_resource(key.arn, self._backend.tagger.convert_dict_to_tags_input(entry["tags"]))
        return key

    def _new_key(self, bucket: FakeBucket, name: str) -> FakeKey:
        return FakeKey(
            name=name,
            value=b"",
            account_id=self._backend.account_id,
            region_name=self._backend.region_name,
            bucket_name=bucket.name,
        )


def remove_folder(folder: Path, index: str) -> None:
    """Remove a folder, first of all the file that makes it count: a kill halfway leaves rubbish, not half an object."""
    (folder / index).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def remove_unused(folder: Path, entries: list[dict[str, Any]]) -> None:
    """Remove contents that no version refers to."""
    wanted = {entry.get("data") for entry in entries} | {"index.json"}
    for file in folder.iterdir():
        if file.name not in wanted:
            file.unlink(missing_ok=True)


_installed: list[S3Disk] = []


def flush_changes() -> None:
    """Write what the calling thread has changed in S3. Call it before a request is answered."""
    for disk in _installed:
        disk.flush()


def install(root: Path) -> None:
    """Patch moto's S3 and load what is on disk."""
    disk = S3Disk(root, s3_backends[ACCOUNT_ID]["aws"])
    for name in ("create_bucket", "delete_bucket", "put_bucket_versioning"):
        _note_bucket(disk, name)
    for name in ("put_object", "delete_object", "delete_object_tagging"):
        _note_key(disk, name)
    moto_tagging = vars(S3Backend)["put_object_tagging"]

    def put_object_tagging(self: S3Backend, key: FakeKey, tags: dict[str, str] | None) -> FakeKey:
        disk.touch_key(key.bucket_name, key.name)
        return moto_tagging(self, key, tags)

    replace_attribute(S3Backend, "put_object_tagging", put_object_tagging)
    disk.load()
    _installed.append(disk)


def _note_bucket(disk: S3Disk, name: str) -> None:
    original = vars(S3Backend)[name]

    def patched(self: S3Backend, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
        disk.touch_bucket(bucket_name)
        return original(self, bucket_name, *args, **kwargs)

    replace_attribute(S3Backend, name, patched)


def _note_key(disk: S3Disk, name: str) -> None:
    original = vars(S3Backend)[name]

    def patched(self: S3Backend, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        disk.touch_key(bucket_name, key_name)
        return original(self, bucket_name, key_name, *args, **kwargs)

    replace_attribute(S3Backend, name, patched)
