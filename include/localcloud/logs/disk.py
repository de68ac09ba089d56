"""CloudWatch Logs on disk: groups, streams and events survive a restart, also one by SIGKILL.

    <home>/logs/<region>/<sha256 of the group>/group.json
                                              /<sha256 of the stream>.jsonl    first line: the stream, then events

Events are appended with one write per batch; a line torn by a kill is left out when it is read. In memory are only the
events of streams that somebody has written or read lately: a log of a hundred megabytes costs moto half a gigabyte.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from moto.core.utils import unix_time_millis, utcfromtimestamp
from moto.logs.models import LogEvent, LogGroup, LogsBackend, LogStream, logs_backends

from localcloud import atomic_files
from localcloud.moto_pin import add_attribute, replace_attribute
from localcloud.settings import ACCOUNT_ID

log = logging.getLogger(__name__)

EVENTS = "localcloud_events"
"""Attribute of a moto stream: its events, while they are in memory."""
SUMMARY = "localcloud_summary"
"""Attribute of a moto stream that is not in memory: what DescribeLogStreams tells about it, where that is known."""
TOUCHED = "localcloud_touched"
"""Attribute of a moto stream: when its events were last asked for, by `time.monotonic()`."""
DAY_SECONDS = 86_400


class LogsDisk:
    """The log groups of one account on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.lock = threading.RLock()

    def group_folder(self, group: LogGroup) -> Path:
        """Where a group is kept."""
        return self._root / str(group.region) / _digest(group.name)

    def stream_file(self, stream: LogStream) -> Path:
        """Where a stream is kept."""
        return self.group_folder(stream.log_group) / f"{_digest(stream.log_stream_name)}.jsonl"

    # Writing

    def write_group(self, group: LogGroup) -> None:
        """Write a group's own data."""
        folder = self.group_folder(group)
        folder.mkdir(parents=True, exist_ok=True)
        data = {"name": group.name, "retention": group.retention_in_days, "created": _millis(group.creation_time)}
        atomic_files.write_json(folder / "group.json", data)

    def remove_group(self, group: LogGroup) -> None:
        """Remove a group and its streams."""
        folder = self.group_folder(group)
        (folder / "group.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def write_stream(self, stream: LogStream) -> None:
        """Write a new stream's first line."""
        self._append(stream, [{"name": stream.log_stream_name, "created": _millis(stream.creation_time)}])

    def append_events(self, stream: LogStream, events: list[LogEvent]) -> None:
        """Append events to a stream."""
        self._append(stream, [[event.timestamp, event.ingestion_time, event.message] for event in events])

    def _append(self, stream: LogStream, lines: list[Any]) -> None:
        data = "".join(json.dumps(line) + "\n" for line in lines).encode()
        with contextlib.suppress(FileNotFoundError):  # the group was deleted meanwhile
            descriptor = os.open(self.stream_file(stream), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                file.write(data)

    # Reading

    def load(self) -> None:
        """Recreate groups and streams; events stay on disk until they are asked for."""
        self._root.mkdir(parents=True, exist_ok=True)
        atomic_files.remove_leftovers(self._root)
        for path in sorted(self._root.glob("*/*/group.json")):
            data = json.loads(path.read_text(encoding="utf-8"))
            region = path.parent.parent.name
            group = LogGroup(ACCOUNT_ID, region, data["name"], RetentionInDays=data["retention"])
            group.creation_time = utcfromtimestamp(data["created"] / 1000)
            logs_backends[ACCOUNT_ID][region].groups[data["name"]] = group
            for file in sorted(path.parent.glob("*.jsonl")):
                if _expired(file, data["retention"]):
                    file.unlink()
                else:
                    _load_stream(group, file)

    def events(self, stream: LogStream) -> list[LogEvent]:
        """A stream's events, from memory or disk."""
        with self.lock:
            held = vars(stream)
            held[TOUCHED] = time.monotonic()
            if EVENTS not in held:
                held[EVENTS] = self._read_events(stream)
                held.pop(SUMMARY, None)
            events: list[LogEvent] = held[EVENTS]
        return events

    def _read_events(self, stream: LogStream) -> list[LogEvent]:
        events = []
        with contextlib.suppress(FileNotFoundError), self.stream_file(stream).open("rb") as lines:
            lines.readline()
            for line in lines:
                try:
                    timestamp, ingested, message = json.loads(line)
                except ValueError:
                    continue  # torn by a kill
                events.append(LogEvent(ingested, {"timestamp": timestamp, "message": message}))
        number_events(stream, events, first=0)
        stream.stored_bytes = sum(len(event.message) for event in events)
        if events:
            stream.last_ingestion_time = utcfromtimestamp(events[-1].ingestion_time / 1000)
            stream.upload_sequence_token = 1
        return events

    def release_idle(self, idle: timedelta) -> None:
        """Take out of memory what nobody has asked for in that time."""
        limit = time.monotonic() - idle.total_seconds()
        for stream in _all_streams():
            held = vars(stream)
            with self.lock:
                if EVENTS in held and held.get(TOUCHED, limit) <= limit:
                    held[SUMMARY] = stream.to_describe_dict()
                    del held[EVENTS]


def number_events(stream: LogStream, events: list[LogEvent], *, first: int) -> None:
    """Give events ids that stay the same however often they are read: clients tell known events by them."""
    stem = _digest(stream.arn)[:12]
    for index, event in enumerate(events, first):
        event.event_id = f"{stem}{index:012d}"


def _load_stream(group: LogGroup, file: Path) -> None:
    with file.open("rb") as lines:
        try:
            first = json.loads(lines.readline())
        except ValueError:
            log.error("log stream file %s can't be read and is left out", file)
            return
    stream = LogStream(log_group=group, name=first["name"])
    stream.creation_time = utcfromtimestamp(first["created"] / 1000)
    del vars(stream)[EVENTS]  # the empty list that moto began with
    group.streams[first["name"]] = stream


def _all_streams() -> Iterator[LogStream]:
    for backend in list(logs_backends[ACCOUNT_ID].values()):
        for group in list(backend.groups.values()):
            yield from list(group.streams.values())


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _expired(file: Path, retention_days: int | None) -> bool:
    """Whether a stream's last event is older than its group keeps events."""
    return retention_days is not None and file.stat().st_mtime < time.time() - int(retention_days) * DAY_SECONDS


def _millis(moment: Any) -> int:
    return int(unix_time_millis(moment))


def install(root: Path) -> LogsDisk:
    """Patch moto's Logs and load what is on disk."""
    disk = LogsDisk(root)
    _keep_groups(disk)
    _keep_streams(disk)
    _keep_events(disk)
    disk.load()
    return disk


def _keep_groups(disk: LogsDisk) -> None:
    def after(name: str, act: Any) -> None:
        original = vars(LogsBackend)[name]

        def patched(self: LogsBackend, log_group_name: str, *args: Any, **kwargs: Any) -> Any:
            with disk.lock:
                before = self.groups.get(log_group_name)
                result = original(self, log_group_name, *args, **kwargs)
                act(before, self.groups.get(log_group_name))
            return result

        replace_attribute(LogsBackend, name, patched)

    def created(before: LogGroup | None, group: LogGroup) -> None:
        if before is None:
            disk.write_group(group)

    after("create_log_group", created)
    after("ensure_log_group", created)
    after("delete_log_group", lambda before, _: disk.remove_group(before))
    after("put_retention_policy", lambda _, group: disk.write_group(group))
    after("delete_retention_policy", lambda _, group: disk.write_group(group))


def _keep_streams(disk: LogsDisk) -> None:
    moto_create = vars(LogGroup)["create_log_stream"]
    moto_delete = vars(LogGroup)["delete_log_stream"]

    def create_log_stream(self: LogGroup, log_stream_name: str) -> None:
        with disk.lock:
            moto_create(self, log_stream_name)
            disk.write_stream(self.streams[log_stream_name])

    def delete_log_stream(self: LogGroup, log_stream_name: str) -> None:
        with disk.lock:
            stream = self.streams.get(log_stream_name)
            moto_delete(self, log_stream_name)
            disk.stream_file(stream).unlink(missing_ok=True)

    replace_attribute(LogGroup, "create_log_stream", create_log_stream)
    replace_attribute(LogGroup, "delete_log_stream", delete_log_stream)


def _keep_events(disk: LogsDisk) -> None:
    moto_put = vars(LogStream)["put_log_events"]
    moto_describe = vars(LogStream)["to_describe_dict"]

    def put_log_events(self: LogStream, log_events: list[dict[str, Any]]) -> str:
        with disk.lock:  # moto's own code is not safe with several threads
            known = len(disk.events(self))
            token: str = moto_put(self, log_events)
            added = disk.events(self)[known:]
            number_events(self, added, first=known)
            disk.append_events(self, added)
        return token

    def to_describe_dict(self: LogStream) -> dict[str, Any]:
        summary = vars(self).get(SUMMARY)
        return dict(summary) if summary is not None else dict(moto_describe(self))

    def write(stream: LogStream, events: list[LogEvent]) -> None:
        vars(stream)[EVENTS] = events

    add_attribute(LogStream, "events", property(disk.events, write))
    replace_attribute(LogStream, "put_log_events", put_log_events)
    replace_attribute(LogStream, "to_describe_dict", to_describe_dict)
