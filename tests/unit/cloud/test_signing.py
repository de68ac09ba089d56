"""A presigned address is signed with credentials that last, or it is said that they don't.

Real credentials of botocore's own chain: a `credential_process`, asked in a process of its own, as a worker is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

INCLUDE = Path(__file__).resolve().parents[3] / "include"

SIGN = """\
import json, logging, sys
from datetime import timedelta
logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
access = CloudAccess(region="us-east-1", **json.loads(sys.argv[2]))
for minutes in json.loads(sys.argv[1]):
    print(storage.presigned_put(access, "bucket", "report.json", valid_for=timedelta(minutes=minutes)))
"""
PROVIDER = """\
import datetime, json, pathlib, sys
asked = pathlib.Path(__file__).with_suffix(".asked")
number = len(asked.read_text()) if asked.exists() else 0
asked.write_text("x" * (number + 1))
lifetimes = json.loads(pathlib.Path(__file__).with_suffix(".json").read_text())
minutes = lifetimes[min(number, len(lifetimes) - 1)]
if minutes is None:
    sys.exit("no credentials now")
ends_at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
print(json.dumps({
    "Version": 1, "AccessKeyId": f"KEY{number}", "SecretAccessKey": "s", "SessionToken": "t",
    "Expiration": ends_at.isoformat(),
}))
"""


class Chain:
    """What botocore's chain gives: credentials that last so many minutes, one after the other; None: it fails."""

    def __init__(self, folder: Path, lifetimes: Sequence[int | None]) -> None:
        self._program = folder / "provider.py"
        self._program.write_text(PROVIDER)
        (folder / "provider.json").write_text(json.dumps(list(lifetimes)))
        (folder / "config").write_text(f"[default]\ncredential_process = {sys.executable} {self._program}\n")
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(INCLUDE),
            "HOME": str(folder),
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def asked(self) -> int:
        record = self._program.with_suffix(".asked")
        return len(record.read_text()) if record.exists() else 0

    def sign(
        self, *minutes: float, environment: Mapping[str, str] | None = None, **access: str
    ) -> tuple[list[str], str]:
        """The access keys that sign addresses wanted for so long, and what is logged."""
        done = subprocess.run(
            [sys.executable, "-c", SIGN, json.dumps(minutes), json.dumps(access)],
            env={**self._environment, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        queries = [parse_qs(urlsplit(url).query) for url in done.stdout.split()]
        return [query["X-Amz-Credential"][0].partition("/")[0] for query in queries], done.stderr


def test_credentials_that_end_too_soon_are_renewed_before_signing(tmp_path: Path) -> None:
    # botocore itself renews only what has less than a quarter of an hour left.
    chain = Chain(tmp_path, [20, 360])
    assert chain.sign(45, 10) == (["KEY1", "KEY0"], "")
    assert chain.asked == 2


def test_credentials_that_last_are_left_alone(tmp_path: Path) -> None:
    chain = Chain(tmp_path, [60])
    assert chain.sign(45, 45) == (["KEY0", "KEY0"], "")
    assert chain.asked == 1


def test_where_none_lasts_the_longest_signs_and_it_is_said(tmp_path: Path) -> None:
    chain = Chain(tmp_path, [60, 59])
    keys, said = chain.sign(600, 600)
    assert keys == ["KEY0", "KEY0"]
    assert "the address of s3://bucket/report.json is wanted for 600 min and lasts 59" in said
    assert 'runbook "Report not in storage"' in said
    # Who is asked anew gives the same for a while: not once for each address.
    assert chain.asked == 2


def test_a_chain_that_fails_when_it_is_asked_anew_costs_nothing(tmp_path: Path) -> None:
    chain = Chain(tmp_path, [30, None])
    keys, said = chain.sign(45)
    assert keys == ["KEY0"]
    assert "can't be renewed now" in said
    assert "is wanted for 45 min and lasts" in said


def test_keys_that_are_given_have_no_end_and_nothing_is_looked_for(tmp_path: Path) -> None:
    chain = Chain(tmp_path, [1])
    assert chain.sign(2_880, access_key_id="GIVEN", secret_access_key="s") == (["GIVEN"], "")
    assert chain.asked == 0


def test_a_token_that_does_not_say_when_it_ends_is_told_where_that_counts(tmp_path: Path) -> None:
    """As a CI job has it in its environment."""
    chain = Chain(tmp_path, [60])
    given = {"AWS_ACCESS_KEY_ID": "OFCI", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    assert chain.sign(15, environment=given) == (["OFCI"], "")
    keys, said = chain.sign(45, environment=given)
    assert keys == ["OFCI"]
    assert "is wanted for 45 min and may end before" in said
    ends_at = (datetime.now(timezone.utc) + timedelta(hours=2)).isoformat()
    assert chain.sign(45, environment={**given, "AWS_CREDENTIAL_EXPIRATION": ends_at}) == (["OFCI"], "")
    assert chain.asked == 0


def test_without_credentials_it_is_the_cloud_s_failure_in_words(tmp_path: Path) -> None:
    chain = Chain(tmp_path, [None])
    with pytest.raises(AssertionError, match=r"CloudError: no address of s3://bucket/report\.json can be signed"):
        chain.sign(10)
