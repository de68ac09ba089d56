"""Secrets on their whole way: named in a config, read on the instance by its role, seen by the worker, shown nowhere.

The worker is real, built and exercised in a real box; it does its best to tell its secret.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg

from janitor.cloud.session import CloudAccess
from janitor.domain.states import ValidationStatus
from janitor.domain.watch.watching import WatchOutcome
from janitor.services.result.record import record_validation
from janitor.services.watch.conclude import Concluded
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from tests.integration.services.test_launching import launch
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run
from tests.support.workers import make_worker

VALUE = "hf_Xq7wLm2Pz9RtVb4NcYs8KdJ1"
FORMS = [VALUE, VALUE.encode().hex(), base64.b64encode(VALUE.encode()).decode(), VALUE[4:]]
"""The secret as the worker prints it; the last one for what is left of a value that was cut."""
NOTE = Path(__file__).resolve().parents[3] / "docs" / "notes" / "secrets.md"
BUILT_WITHIN = timedelta(seconds=240)
_WORKER = f"""
import base64
import glob
import hashlib
for each in glob.glob("/proc/[0-9]*/environ"):
    try:
        told = b"AWS_EC2_METADATA" in open(each, "rb").read()
    except OSError:
        continue
    assert not told, "a process of the repository finds the way to the instance's role"
token = os.environ["HF_TOKEN"]
print("token", token)
print("hex", token.encode().hex())
print("base64", base64.b64encode(token.encode()).decode())
print("header", {{"Authorization": "Bearer " + token}})
digest = hashlib.sha256(token.encode()).hexdigest()
assert digest == "{hashlib.sha256(VALUE.encode()).hexdigest()}", "another secret"
return {{"digest": digest, "token": token}}
"""


@dataclass(frozen=True)
class Validated:
    """What became of a validation, and every argument that a process had meanwhile."""

    validation_id: UUID
    conclusion: Concluded
    arguments: frozenset[str]
    seen_in: int
    """Environments of processes in which the secret was seen."""


@contextmanager
def watching_processes() -> Iterator[tuple[set[str], list[int]]]:
    """Collects the arguments of all processes of this machine, and who has the secret in the environment."""
    arguments, holders, done = set(), [], threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    try:
                        arguments.add((process / "cmdline").read_bytes().decode(errors="replace"))
                        if VALUE.encode() in (process / "environ").read_bytes():
                            holders.append(int(process.name))
                    except OSError:
                        continue

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield arguments, holders
    finally:
        done.set()
        thread.join()


def validate(settings: Settings, path: Path, secrets: dict[str, str]) -> Validated:
    """Validate a worker that is to get these secrets."""
    worker = make_worker(path, "worker-secret", body=_WORKER, requirements="runpod==1.12.0\n")
    config = json.dumps({"repositories": [worker.entry(secrets=secrets)], "default_timeout_minutes": 10})
    _, (validation_id,) = insert_run(settings.writer_url, deployment=settings.deployment, config=config)
    with watching_processes() as (arguments, holders):
        launch(settings, validation_id)
        watch, deadline = Watch(settings, validation_id), time.monotonic() + BUILT_WITHIN.total_seconds()
        while (outcome := watch.step()) is None:
            assert time.monotonic() < deadline, "the watch did not end"
            time.sleep(0.2)
        assert outcome is WatchOutcome.COMMAND_FINISHED
        watch.keep()
    return Validated(validation_id, record_validation(settings, validation_id), frozenset(arguments), len(holders))


def everything_kept(settings: Settings, cloud: LocalCloudServer) -> Iterator[tuple[str, bytes]]:
    """All that is stored anywhere: every row of the database, every object, log and file of the local cloud."""
    with psycopg.connect(settings.writer_url) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'janitor'"
        ).fetchall()
        for (name,) in names:
            rows = connection.execute(f"select t::text from janitor.{name} as t").fetchall()
            yield f"table {name}", "\n".join(row for (row,) in rows).encode()
    access = CloudAccess.of(settings)
    s3 = access.client("s3")
    for item in s3.list_objects_v2(Bucket=settings.bucket).get("Contents", []):
        yield f"object {item['Key']}", s3.get_object(Bucket=settings.bucket, Key=item["Key"])["Body"].read()
    ssm = access.client("ssm")
    yield "commands", json.dumps(ssm.list_commands()["Commands"], default=str).encode()
    logs = access.client("logs")
    for stream in logs.describe_log_streams(logGroupName=settings.log_group)["logStreams"]:
        events = logs.get_log_events(logGroupName=settings.log_group, logStreamName=stream["logStreamName"])
        yield f"log {stream['logStreamName']}", json.dumps(events["events"]).encode()
    for path in cloud.home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield f"file {path}", path.read_bytes()


def write(secrets_file: Path, text: str) -> None:
    secrets_file.write_text(text)
    secrets_file.chmod(0o600)


def test_the_worker_has_its_secret_and_nobody_else_sees_it(
    settings: Settings, cloud: LocalCloudServer, secrets_file: Path, tmp_path: Path
) -> None:
    write(secrets_file, f"{settings.secret_store.prefix}models/hf-token={VALUE}\n")
    done = validate(settings, tmp_path, {"HF_TOKEN": "models/hf-token"})
    report = done.conclusion.report
    assert report is not None
    assert done.conclusion.status is ValidationStatus.SUCCESS, report.summary
    assert done.seen_in, "no process had the secret, so that nothing is shown here"
    (query,) = re.findall(r"`(select jsonb_path_query[^`]+)`", NOTE.read_text())
    with psycopg.connect(settings.writer_url) as connection:
        ((evidence,),) = connection.execute(query.encode()).fetchall()
    assert evidence["tail"] == "delivered: HF_TOKEN"
    text = report.to_json().decode()
    assert "[redacted]" in text
    assert hashlib.sha256(VALUE.encode()).hexdigest() in text, "what the worker answered is in the report"
    shown = dict(everything_kept(settings, cloud))
    assert any("models/hf-token" in content.decode(errors="replace") for content in shown.values())
    assert sum(place.startswith("log ") for place in shown) >= 1
    for place, content in shown.items():
        for form in FORMS:
            assert form.encode() not in content, f"{place} tells the secret"
    assert not [words for words in done.arguments if any(form in words for form in FORMS)]
    assert len(done.arguments) > 10


def test_a_secret_that_is_missing_is_an_error_and_not_the_repository_s(
    settings: Settings, secrets_file: Path, tmp_path: Path
) -> None:
    write(secrets_file, f"elsewhere={VALUE}\n")
    done = validate(settings, tmp_path, {"HF_TOKEN": "models/hf-token", "OTHER": "other"})
    report = done.conclusion.report
    assert report is not None
    assert (done.conclusion.status, report.failing_check, report.reason_code) == (
        ValidationStatus.ERROR,
        "host",
        "secret_unresolved",
    )
    reason = next(check.reason for check in report.checks if check.name == "host")
    assert reason is not None
    prefix = settings.secret_store.prefix
    place = "AWS Secrets Manager in us-east-1"
    assert f"the secret {prefix}models/hf-token (for HF_TOKEN) isn't in {place}" in reason
    assert f"the secret {prefix}other (for OTHER) isn't in {place}" in reason
    assert f"add a line for {prefix}other (NAME=VALUE) to {secrets_file}" in reason
    assert {check.name: check.reason_code for check in report.checks}["build"] == "prerequisite_failed"
    assert not done.seen_in
