#!/bin/sh
# Finds the docker command for everything that builds, runs and pushes here, as $docker; read by the other scripts with
# `.`. By itself it prints it. Ends with 3 and the reason where there is none.

# A machine can have several docker commands, of which one lacks the part that builds.
docker=''
reason='docker is not installed (Debian: apt install docker.io)'
old_ifs=$IFS
IFS=:
for folder in $PATH; do
    candidate=$folder/docker
    [ -x "$candidate" ] || continue
    if ! versions=$("$candidate" version --format '{{.Client.Version}} {{.Server.Version}}' 2>&1); then
        reason=$versions
        continue
    fi
    case ${versions#* } in
    [0-9]*) ;;
    *) reason=$versions; continue ;;
    esac
    if [ "${versions%%.*}" -ge 23 ] && ! "$candidate" buildx version >/dev/null 2>&1; then
        reason="$candidate lacks its buildx component"
        continue
    fi
    docker=$candidate
    break
done
IFS=$old_ifs
if [ -z "$docker" ]; then
    echo "error: ${without_docker:-no Docker engine can be used}: $reason" >&2
    echo "Start a Docker engine whose command can build, or set DOCKER_HOST to one." >&2
    exit 3
fi
case $0 in
*docker_command.sh) echo "$docker" ;;
esac
