"""Which shared libraries an ELF file asks for by name, read out of its dynamic section.

Source: the ELF-64 object file format, version 1.5. Every number in the file is untrusted: what doesn't fit is none.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_MAGIC_64_LITTLE = b"\x7fELF\x02\x01"
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_ENTRY = struct.Struct("<qQ")
_LOAD, _DYNAMIC = 1, 2
_END, _NEEDED, _STRINGS, _STRINGS_SIZE = 0, 1, 5, 10
_MOST_HEADERS, _MOST_ENTRIES, _MOST_NAMES = 64, 4_096, 256
_MOST_STRINGS = 16 * 1024 * 1024
_LONGEST_NAME = 255


@dataclass(frozen=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


def needed_libraries(file: BinaryIO) -> tuple[str, ...]:
    """The names of the libraries that the file can't be loaded without; none of what is no such file.

    Args:
        file: Open for reading, and able to seek.
    """
    head = _at(file, 0, _HEADER.size)
    if len(head) < _HEADER.size or not head.startswith(_MAGIC_64_LITTLE):
        return ()
    fields = _HEADER.unpack(head)
    offset, size, count = fields[5], fields[9], fields[10]
    if size != _PROGRAM_HEADER.size or count > _MOST_HEADERS:
        return ()
    table = _at(file, offset, size * count)
    segments = [
        _Segment(kind=each[0], offset=each[2], address=each[3], size=each[5])
        for each in _PROGRAM_HEADER.iter_unpack(table[: len(table) // size * size])
    ]
    dynamic = next((each for each in segments if each.kind == _DYNAMIC), None)
    return () if dynamic is None else _names(file, dynamic, segments)


def _names(file: BinaryIO, dynamic: _Segment, segments: list[_Segment]) -> tuple[str, ...]:
    content = _at(file, dynamic.offset, min(dynamic.size, _MOST_ENTRIES * _ENTRY.size))
    needed: list[int] = []
    values: dict[int, int] = {}
    for tag, value in _ENTRY.iter_unpack(content[: len(content) // _ENTRY.size * _ENTRY.size]):
        if tag == _END:
            break
        if tag == _NEEDED:
            needed.append(value)
        else:
            values.setdefault(tag, value)
    address, size = values.get(_STRINGS, 0), values.get(_STRINGS_SIZE, 0)
    segment = next(
        (each for each in segments if each.kind == _LOAD and each.address <= address < each.address + each.size), None
    )
    if segment is None or size > _MOST_STRINGS:
        return ()
    strings = _at(file, segment.offset + address - segment.address, size)
    found = []
    for start in needed[:_MOST_NAMES]:
        end = strings.find(b"\0", start, start + _LONGEST_NAME + 1)
        if end > start:
            found.append(strings[start:end].decode("utf-8", errors="replace"))
    return tuple(found)


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    """Bytes of a file; fewer where it is shorter, none where no file has such a place."""
    try:
        file.seek(offset)
        return file.read(size)
    except (OSError, ValueError, OverflowError):
        return b""
