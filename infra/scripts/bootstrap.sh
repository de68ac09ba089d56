#!/bin/bash
# Makes an instance of Janitor's machine image ready: its fast disk, the cache volume, Docker, and word that all is done.
#
#   bootstrap.sh disk          at boot, before Docker: the instance's own NVMe, where it has one, under Docker's data
#   bootstrap.sh ready         at boot, after Docker and before the SSM agent: writes the ready file, or says why not
#   bootstrap.sh cache VOLUME  for a sequential run, once its volume is attached: Docker's data lie on the cache volume
#   bootstrap.sh release       before the instance ends: Docker stopped, the cache volume written out and let go
#
# `cache` prints one line, `cache: attached …` or `cache: cold (why)`, and ends with 0 in both cases: a cache never
# prevents a run. It ends with 1 when no Docker answers in the end.
#
# Invariants: a volume that holds a file system, or a MiB of anything, is never formatted; whatever is killed at
# whatever instant, the same command can be given again and gets there. See docs/machine.md.
set -uo pipefail

data=${JANITOR_DATA:-/var/lib/janitor}
run=${JANITOR_RUN:-/run/janitor}
ready_file=${JANITOR_READY_FILE:-$run/ready}
devices=${JANITOR_DEVICES:-/dev/disk/by-id}
volume_seconds=${JANITOR_VOLUME_SECONDS:-60}
docker_seconds=${JANITOR_DOCKER_SECONDS:-30}

readonly scratch_label=janitor-scratch cache_label=janitor-cache
readonly mark='JANITOR IS FORMATTING THIS VOLUME'
readonly mib=1048576
# An older run whose mkfs still works holds the lock, and is waited for.
readonly lock_seconds=300 format_seconds=120 repair_seconds=300 answer_seconds=10
readonly docker_units=(docker.service docker.socket)

say() { printf 'janitor: %s\n' "$*" >&2; }

mounted_at() { findmnt --noheadings --mountpoint "$1" --output SOURCE; }

# --- volumes ---------------------------------------------------------------------------------------------------------

size_of() { blockdev --getsize64 "$1"; }

# Whether nothing is known to be on a device; a device that can't be read has no signature either, but is not empty.
has_no_signature() {
    local found status=0
    dd if="$1" of=/dev/null bs="$mib" count=1 status=none || return 1
    blkid --probe "$1" >/dev/null 2>&1 || status=$?
    [ "$status" -eq 2 ] || return 1
    found=$(wipefs --no-act --noheadings "$1" 2>/dev/null) || return 1
    [ -z "$found" ]
}

# Whether a device is blank wherever it is looked at: its first 4 MiB, its last MiB, and 64 KiB in each MiB between, so
# that no stretch of data of more than a MiB is overlooked. Once in a volume's life that takes half a minute for 50 GiB;
# to read the whole would take seven.
is_blank() {
    has_no_signature "$1" && timeout "$format_seconds" python3 -I - "$1" <<'PYTHON'
import os, sys
mib, look = 1 << 20, 1 << 16
device = os.open(sys.argv[1], os.O_RDONLY)
size = os.lseek(device, 0, os.SEEK_END)
places = [(0, 4 * mib), *((at, look) for at in range(4 * mib, size, mib)), (max(size - mib, 0), mib)]
for at, length in places:
    piece = os.pread(device, min(length, size - at), at)
    if not piece or piece.strip(b"\0"):
        sys.exit(1)
PYTHON
}

# The last MiB of the cache volume belongs to no file system. It says whether a format was begun and not finished: then
# the volume holds nothing of anybody's, though it isn't blank any more.
mark_at() { echo $(($(size_of "$1") / mib - 1)); }

is_marked() {
    local place
    place=$(mark_at "$1") || return 1
    [ "$(dd if="$1" bs="$mib" skip="$place" count=1 status=none | head --bytes=${#mark} | tr -d '\0')" = "$mark" ]
}

set_mark() {
    printf '%s' "$mark" | dd of="$1" bs="$mib" seek="$(mark_at "$1")" conv=notrunc,fsync status=none
}

clear_mark() {
    dd if=/dev/zero of="$1" bs="$mib" seek="$(mark_at "$1")" count=1 conv=notrunc,fsync status=none
}

format() { # DEVICE LABEL: the last MiB stays free for the mark
    local blocks=$((($(size_of "$1") / mib - 1) * 256))
    say "formatting $1 as $2"
    timeout "$format_seconds" mkfs.ext4 -q -F -b 4096 -E nodiscard,lazy_itable_init=1,lazy_journal_init=1 \
        -m 0 -L "$2" "$1" "$blocks" </dev/null && sync "$1"
}

label_of() { blkid --probe --match-tag LABEL --output value "$1" 2>/dev/null; }

is_ours() { # DEVICE LABEL
    [ "$(blkid --probe --match-tag TYPE --output value "$1" 2>/dev/null)" = ext4 ] && [ "$(label_of "$1")" = "$2" ]
}

# Whether it is mounted, also where this process doesn't see it: a container can hold a mount that is gone here.
is_in_use() { ! python3 -I -c 'import os, sys; os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)' "$1" 2>/dev/null; }

repair() { # DEVICE: what the journal can't mend, e2fsck may; 1 and 2 are "mended"
    local status=0
    if is_in_use "$1"; then
        say "$1 is in use, its file system is not checked"
        return 0
    fi
    timeout "$repair_seconds" e2fsck -p "$1" >&2 || status=$?
    [ "$status" -le 2 ] && return 0
    status=0
    say "the file system of $1 is damaged, mending it"
    timeout "$repair_seconds" e2fsck -f -y "$1" >&2 || status=$?
    [ "$status" -le 2 ]
}

mount_on() { # DEVICE FOLDER
    local there
    mkdir -p "$2" || return 1
    if there=$(mounted_at "$2"); then
        [ "$there" = "$1" ]
        return
    fi
    mount -t ext4 -o noatime "$1" "$2"
}

# --- Docker ----------------------------------------------------------------------------------------------------------

docker_answers() {
    timeout "$answer_seconds" docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

wait_for_docker() {
    local ends_at=$((SECONDS + docker_seconds))
    until docker_answers; do
        [ "$SECONDS" -lt "$ends_at" ] || return 1
        sleep 0.5
    done
}

start_docker() {
    # Not with the lock: nothing that stays may hold it.
    systemctl start docker.service 9>&- && wait_for_docker
}

stop_docker() { systemctl stop "${docker_units[@]}" 9>&-; }

# --- at boot ---------------------------------------------------------------------------------------------------------

# The largest of the instance's own NVMe disks; none on types that have none.
scratch_device() {
    local link device size largest=0 found=
    for link in "$devices"/nvme-Amazon_EC2_NVMe_Instance_Storage_*; do
        case $link in *-part[0-9]*) continue ;; esac
        device=$(readlink -e "$link") || continue
        size=$(size_of "$device" 2>/dev/null) || continue
        if [ "$size" -gt "$largest" ]; then largest=$size found=$device; fi
    done
    [ -n "$found" ] && echo "$found"
}

# The scratch disk lives no longer than its instance: what it holds of ours may be formatted, what isn't ours may not.
prepare_scratch() {
    if is_ours "$1" "$scratch_label"; then
        repair "$1" || format "$1" "$scratch_label"
    elif has_no_signature "$1"; then
        format "$1" "$scratch_label"
    else
        say "$1 holds something that isn't Janitor's and is left alone"
        return 1
    fi
}

make_folders() {
    mkdir -p "$data/docker" "$data/containerd" "$data/tmp" "$run" && chmod 0711 "$data" "$data/docker" &&
        chmod 1777 "$data/tmp"
}

disk() {
    local device where='the root volume'
    rm -f "$ready_file" "$ready_file.failed"
    udevadm settle --timeout=10 || true
    if device=$(scratch_device); then
        if [ "$(mounted_at "$data")" = "$device" ] || { prepare_scratch "$device" && mount_on "$device" "$data"; }; then
            where=$device
        else
            say "$device can't be used"
        fi
    fi
    make_folders || return 1
    say "Docker's data lie on $where"
}

ready() {
    rm -f "$ready_file" "$ready_file.failed"
    mkdir -p "$(dirname "$ready_file")" || return 1
    if wait_for_docker; then
        date -u +%FT%TZ >"$ready_file.new" && mv -f "$ready_file.new" "$ready_file" && say "ready"
    else
        say "Docker does not answer"
        docker version 2>&1 | tail -n 1 | head --bytes=300 | sed "s/^/Docker doesn't answer: /" >"$ready_file.failed"
        return 1
    fi
}

# --- the cache volume ------------------------------------------------------------------------------------------------

cold() { say "no cache: $*"; echo "cache: cold ($*)"; }

volume_device() { # VOLUME: by its id without the dash, as the kernel shows an EBS volume's serial number
    local link=$devices/nvme-Amazon_Elastic_Block_Store_${1/-/} ends_at=$((SECONDS + volume_seconds)) device
    until device=$(readlink -e "$link") && [ -b "$device" ]; do
        [ "$SECONDS" -lt "$ends_at" ] || return 1
        sleep 0.5
    done
    echo "$device"
}

# Sets `why` where the volume can't be used.
prepare_cache() {
    if is_marked "$1" || is_blank "$1"; then
        if ! { set_mark "$1" && format "$1" "$cache_label" && clear_mark "$1"; }; then why='it can not be formatted'; fi
    elif ! is_ours "$1" "$cache_label"; then
        why="it holds something that isn't Janitor's, or can't be read, and is left alone"
    elif ! repair "$1"; then
        why='its file system is damaged'
    fi
    [ -z "$why" ]
}

grow() { # DEVICE: a volume that was made larger; the mark's MiB stays free
    resize2fs "$1" "$(($(size_of "$1") / mib - 1))M" >/dev/null 2>&1 || say "the file system of $1 keeps its size"
}

use_tree() { # puts the volume's tree where Docker's data are
    mkdir -p "$data/cache/docker" && chmod 0711 "$data/cache/docker" || return 1
    mounted_at "$data/docker" >/dev/null || mount --bind "$data/cache/docker" "$data/docker"
}

leave_tree() {
    if mounted_at "$data/docker" >/dev/null; then umount "$data/docker"; fi
}

move_aside() {
    stop_docker
    leave_tree && mv "$data/cache/docker" "$data/cache/aside-$(date +%s)-$$" && use_tree
}

remove_asides() { # in the background: it takes minutes, and nobody waits for it
    local asides=("$data"/cache/aside-*)
    [ -e "${asides[0]}" ] || return 0
    nohup nice -n 19 rm -rf --one-file-system "${asides[@]}" </dev/null >/dev/null 2>&1 9>&- &
    echo "$!" >"$run/removing"
}

stop_removing() {
    local pid
    pid=$(cat "$run/removing" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null && sleep 0.5
    rm -f "$run/removing"
}

on_volume() { # Docker on the tree, on an empty one if it won't start; sets `how` or `why`
    stop_docker
    use_tree || { why='it can not be put under Docker'; return 1; }
    if start_docker; then
        how='as it was'
        return 0
    fi
    say "Docker doesn't start on what the volume holds: it begins with nothing"
    if move_aside && start_docker; then
        how='emptied, Docker did not start on what it held'
        return 0
    fi
    why='Docker starts on no tree of it'
    return 1
}

cache() {
    local device how='' why=''
    [[ ${1:-} =~ ^vol-[0-9a-f]+$ ]] || { echo "usage: bootstrap.sh cache vol-0123456789abcdef0" >&2; return 2; }
    make_folders || return 1
    if ! device=$(volume_device "$1"); then
        cold "the volume $1 did not appear within $volume_seconds s"
    elif [ "$(mounted_at "$data/cache")" != "$device" ] && ! prepare_cache "$device"; then
        cold "the volume $1: $why"
    elif ! mount_on "$device" "$data/cache"; then
        cold "the volume $1 can not be mounted"
    else
        grow "$device"
        if on_volume; then
            remove_asides
            echo "cache: attached ($1, $how)"
            return 0
        fi
        stop_docker
        leave_tree
        cold "the volume $1: $why"
    fi
    docker_answers || start_docker || { say "Docker does not answer"; return 1; }
}

release() {
    sync
    stop_docker
    stop_removing
    leave_tree
    if mounted_at "$data/cache" >/dev/null; then umount "$data/cache" || return 1; fi
    echo "cache: released"
}

main() {
    local command=${1:-}
    case $command in disk | ready | cache | release) ;; *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; return 2 ;; esac
    mkdir -p "$run" || return 1
    exec 9>"$run/lock"
    flock --wait "$lock_seconds" 9 || { say "another bootstrap has worked for $lock_seconds s"; return 1; }
    shift
    "$command" "$@"
}

main "$@"
