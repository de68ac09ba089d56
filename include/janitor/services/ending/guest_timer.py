"""The guest timer: user data with which an instance powers itself off, though nothing outside it works any more.

It is a `#cloud-boothook`, because ordinary user data runs at the first boot only. The instant is absolute, so that a
reboot gains nothing. EC2 terminates the instance then: its shutdown behaviour is `terminate`. `poweroff` and not
`halt`, which stops the system and leaves the machine running and costing.

Same instant, same text: the parameters of a launch must not differ when it is repeated.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from janitor.domain.reap.reaping import LONGEST_LEASE

# cloud-init runs it in front of most of the boot and waits for it: whatever stays runs detached.
# - `systemd-run --no-block`, without default dependencies: waiting for sysinit.target would wait for cloud-init itself.
# - The loop runs this same file again: systemd would expand `$` in a command line.
# - The paths of `poweroff` and of the lease are settled here: a service has neither this PATH nor HOME.
_USER_DATA = """\
#cloud-boothook
#!/bin/sh
# Janitor's guest timer: powers this instance off when its time is over.
# Usage: no arguments at boot; `watch <instant> <file with a later instant> <poweroff> <file of the last command>`.

janitor_instant() { # the instant (epoch seconds) that counts: the given one, or a later one in the file, within bounds
  later=$(head -c 32 "$2" 2>/dev/null) || later=
  case $later in '' | 0* | *[!0-9]* | ????????????*) later=0 ;; esac
  [ "$later" -gt "$1" ] || later=$1
  [ "$later" -le $(($1 + @LEASE@)) ] || later=$(($1 + @LEASE@))
  echo "$later"
}

if [ "${1-}" = watch ]; then
  began=$(date +%s)
  while :; do
    now=$(date +%s)
    left=$(($(janitor_instant "$2" "$3") - now))
@IDLE@    [ "$left" -gt 0 ] || break
    # Short naps: the clock may be set, and a lease may come.
    [ "$left" -le 15 ] || left=15
    sleep "$left"
  done
  echo "janitor: the time of this instance is over, it powers itself off"
  while :; do
    "$4" &
    sleep 30
    "$4" -f &
    sleep 10
  done
fi

at=@AT@
file=${HOME:-/root}/.janitor-power-off-at
busy=${HOME:-/root}/.janitor-busy-until
poweroff=$(command -v poweroff) || poweroff=/sbin/poweroff
echo "janitor: this instance powers itself off at $(janitor_instant "$at" "$file") (epoch seconds)"
systemd-run --quiet --no-block --collect --unit=janitor-guest-timer --property=DefaultDependencies=no \\
  --property=Restart=always --property=RestartSec=5 --property=OOMScoreAdjust=-1000 \\
  --property=StandardOutput=journal+console \\
  /bin/sh "$0" watch "$at" "$file" "$poweroff" "$busy" >/dev/null 2>&1 && exit 0
detach='setsid'
command -v "$detach" >/dev/null || detach='nohup'
"$detach" /bin/sh "$0" watch "$at" "$file" "$poweroff" "$busy" </dev/null >/dev/null 2>&1 &
exit 0
"""

# What the instance's own file says is bounded as every other word is: a repository's code may have written it.
_LEASE_SECONDS = str(int(LONGEST_LEASE.total_seconds()))

_EXTENSION = """\
umask 077
file=${HOME:-/root}/.janitor-power-off-at
printf '%s\\n' @AT@ >"$file.new" && mv -f "$file.new" "$file" || exit 1
echo "janitor: this instance powers itself off at @AT@ (epoch seconds) or later"
"""


# A debug lease, which puts the end off, puts this off as well. Before the first command the boot is allowed for.
_IDLE = """\
    busy=$(head -c 32 "$5" 2>/dev/null) || busy=
    case $busy in '' | 0* | *[!0-9]* | ????????????*) busy=$((began + @BOOT@)) ;; esac
    idle=$((busy + @IDLE_SECONDS@ - now))
    [ "$(janitor_instant "$2" "$3")" -gt "$2" ] || [ "$idle" -ge "$left" ] || left=$idle
"""
_BOOT_SECONDS = 600
"""From boot until the first command: an agent that is not online by then is given up by the control plane itself."""

_BUSY = """\
janitor_busy=${HOME:-/root}/.janitor-busy-until
janitor_until() { printf '%s\\n' "$1" >"$janitor_busy.new" && mv -f "$janitor_busy.new" "$janitor_busy"; }
janitor_until $(($(date +%s) + @LIMIT@)) || :
"""
_IDLE_AGAIN = """\
code=$?
janitor_until "$(date +%s)" || :
exit $code
"""


def guest_user_data(power_off_at: datetime, *, idle_limit: timedelta | None = None) -> str:
    """User data that powers the instance off.

    Args:
        power_off_at: The latest instant, timezone-aware; rounded up to a second.
        idle_limit: After how long without a command it does so before; None: it waits for that instant. Only commands
            that `while_busy` was put around count.
    """
    idle = ""
    if idle_limit is not None:
        idle = _IDLE.replace("@IDLE_SECONDS@", str(math.ceil(idle_limit.total_seconds())))
        idle = idle.replace("@BOOT@", str(_BOOT_SECONDS))
    text = _USER_DATA.replace("@IDLE@", idle)
    return text.replace("@AT@", _epoch_seconds(power_off_at)).replace("@LEASE@", _LEASE_SECONDS)


def while_busy(script: str, limit: timedelta) -> str:
    """A command's script, which tells the guest timer that the instance isn't idle, for `limit` at most.

    Args:
        script: Shell text that doesn't replace the shell; its exit code stays.
        limit: After which the instance is idle in any case: whoever kills the command kills what would say so.
    """
    return _BUSY.replace("@LIMIT@", str(math.ceil(limit.total_seconds()))) + script + _IDLE_AGAIN


def extension_script(until: datetime) -> str:
    """The shell script, for SSM, that puts the guest timer off to `until`; an earlier instant changes nothing."""
    return _EXTENSION.replace("@AT@", _epoch_seconds(until))


def _epoch_seconds(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone")
    return str(math.ceil(instant.timestamp()))
