"""Deletions in a bucket whose versioning is suspended, as S3 does them; moto forgets every version there.

Terraform suspends versioning before it empties a bucket, version by version. A delete marker may outlive the version
that it hides, whose content is gone from the disk then.
"""

from __future__ import annotations

from typing import Any

from moto.s3.models import FakeDeleteMarker, S3Backend

from localcloud.moto_pin import add_attribute, replace_attribute

SUSPENDED = "Suspended"
NULL_VERSION = "null"
"""Source: S3 user guide, "Deleting objects from versioning-suspended buckets"."""


def install() -> None:
    """Patch moto's S3; before the patches that note what a request changed."""
    original = vars(S3Backend)["delete_object"]

    def delete_object(
        self: S3Backend, bucket_name: str, key_name: str, version_id: str | None = None, bypass: bool = False
    ) -> tuple[bool, dict[str, Any]]:
        bucket = self.get_bucket(bucket_name)
        versions = bucket.keys.getlist(key_name, [])
        if bucket.versioning_status != SUSPENDED or not versions:
            answer: tuple[bool, dict[str, Any]] = original(self, bucket_name, key_name, version_id, bypass)
            return answer
        marker = None
        if version_id is None:
            marker = FakeDeleteMarker(key=versions[-1])
            marker._version_id = NULL_VERSION
        gone = version_id or NULL_VERSION
        left = [each for each in versions if str(each.version_id) != gone] + ([marker] if marker else [])
        bucket.keys.setlist(key_name, left)
        if not left:
            bucket.keys.pop(key_name)
        told = {"version-id": gone, **({"delete-marker": "true"} if marker else {})}
        return True, told

    replace_attribute(S3Backend, "delete_object", delete_object)
    # moto's store of keys disposes of whatever it lets go, and a marker has nothing to dispose of.
    add_attribute(FakeDeleteMarker, "dispose", lambda _self, garbage=False: None)
    add_attribute(FakeDeleteMarker, "__deepcopy__", _copied)


def _copied(marker: FakeDeleteMarker, _: Any) -> FakeDeleteMarker:
    """For a list of versions: without the version that it hides, whose content moto would read to copy it."""
    copied = object.__new__(FakeDeleteMarker)
    copied.__dict__.update(marker.__dict__)
    return copied
