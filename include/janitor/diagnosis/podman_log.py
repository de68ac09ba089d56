"""Puts podman's build log into the form of BuildKit's, so that one set of rules judges both.

podman doesn't mark what a step prints, so a step can print what looks like a line of podman's. Whether and where the
build failed is told by its last line alone, which is the client's; all that a forged line can do is to change how the
step's own output is divided.
Source: buildah 1.24 to 1.38, imagebuildah/stage_executor.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_STEP = re.compile(r"^(?:\[(\d+)/(\d+)\] )?STEP (\d+)/(\d+): (.*)$")
_CACHED = re.compile(r"^--> Using cache [0-9a-f]{12,64}$")
_MADE = re.compile(r"^--> [0-9a-f]{8,64}$")
_FAILED = re.compile(r'^Error: (?:building at STEP "(.{0,4000}?)": )(.*)$')
_ERROR = re.compile(r"^Error: (.*)$")
_EXIT = re.compile(r"\bexit status (\d+)$")
_MISSING = re.compile(r'copier: stat: "(/[^"]{0,300})": no such file or directory')
_NO_IMAGE = re.compile(r"(?i)manifest unknown|name unknown|reading manifest .{0,300}(?:not found|404)")
_NEVER_RAN = re.compile(r"unable to start container process: (.{0,500}?)\"?$")
_RUNTIME_SAYS = re.compile(
    r"^error running container: |^: exit status \d+$|level=error msg=\"|unable to start container process: "
)
_NO_REGISTRY = re.compile(r'^Error: creating build container: short-name ".{1,300}" did not resolve to an alias')
_BUILDER_LACKS = re.compile(r"(?i)only supports the --|unsupported|not supported|unknown flag|not implemented")
_MOST_PRINTED = 10_000


@dataclass
class _Written:
    """The log so far."""

    lines: list[str] = field(default_factory=list)
    number: int = 0
    printed: list[str] = field(default_factory=list)
    """What the step has printed that is at work."""

    def begin(self, text: str) -> None:
        """A step begins."""
        self._tell_printed()
        self.number += 1
        self.add(text)

    def add(self, text: str) -> None:
        """A line of the step."""
        self._tell_printed()
        self.lines.append(f"#{self.number} {text}")

    def never_ran(self) -> None:
        """Put the runtime's words into BuildKit's form, where they are all that the step has left."""
        if not self.printed or not all(_RUNTIME_SAYS.search(line) for line in self.printed):
            return
        found = next((match for line in self.printed if (match := _NEVER_RAN.search(line))), None)
        if found is not None:
            said = found[1].replace('\\"', '"')
            self.printed = [f"runc run failed: unable to start container process: {said}"]

    def close(self) -> None:
        """No more comes."""
        self._tell_printed()

    def _tell_printed(self) -> None:
        self.lines += [f"#{self.number} 0.0 {line}" for line in self.printed]
        self.printed.clear()


def as_buildkit(log: str) -> str:
    """The log in the form of BuildKit's plain progress; words that are none of podman's are what a step has printed."""
    lines = log.rstrip("\n").split("\n")
    last = lines.pop() if lines and _ERROR.match(lines[-1]) else ""
    written = _Written()
    for line in lines[-_MOST_PRINTED:]:
        if step := _STEP.match(line):
            stage = f"stage-{step[1]} " if step[1] else ""
            written.begin(f"[{stage}{step[3]}/{step[4]}] {step[5]}")
        elif _CACHED.match(line):
            written.add("CACHED")
        elif _MADE.match(line):
            written.add("DONE 0.0s")
        elif written.number:
            written.printed.append(line)
    if last:
        _add_error(written, last)
    written.close()
    return "\n".join(written.lines) + "\n"


def builder_lacks(log: str) -> str | None:
    """What the Dockerfile asks for that BuildKit has and this builder hasn't, in its own words; None if nothing."""
    last = log.rstrip("\n").rpartition("\n")[2]
    if _NO_REGISTRY.search(last):
        # The machine says nowhere what such a name means; BuildKit takes it for Docker Hub's.
        return last.removeprefix("Error: ")[:300]
    failed = _FAILED.match(last)
    # What a RUN does fails by its exit code, whatever it prints.
    if failed is None or _EXIT.search(last) or not _BUILDER_LACKS.search(failed[2]):
        return None
    return failed[2][:300]


def _add_error(written: _Written, last: str) -> None:
    failed = _FAILED.match(last)
    error = failed[2] if failed else last.removeprefix("Error: ")
    exit_code = _EXIT.search(error) if failed and failed[1].upper().startswith("RUN") else None
    if exit_code:
        written.never_ran()
        command = failed[1][4:] if failed else ""
        error = f'process "{command}" did not complete successfully: exit code: {exit_code[1]}'
    elif missing := _MISSING.search(error):
        error = f'failed to calculate checksum of ref: "{missing[1]}": not found'
    elif _NO_IMAGE.search(error):
        error = f"{error}: not found"
    written.number = written.number or 1
    written.add(f"ERROR: {error}")
