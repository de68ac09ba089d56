#!/bin/sh
# Builds the `janitor` image (make image). Arguments go to `docker build`, such as --network=host.
# IMAGE names it, BASE is what it is built on; PIP_INDEX_URL and SSL_CERT_FILE are used where they are set.
set -eu
cd "$(dirname "$0")/../.."

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
    echo "error: the image can't be built: $reason" >&2
    echo "Start a Docker engine whose command can build, or set DOCKER_HOST to one." >&2
    exit 3
fi

set -- "$@" --build-arg "BASE=${BASE:-python:3.11-slim}"
[ -z "${PIP_INDEX_URL:-}" ] || set -- "$@" --build-arg PIP_INDEX_URL
[ -z "${SSL_CERT_FILE:-}" ] || set -- "$@" --secret "id=ca,src=$SSL_CERT_FILE"
DOCKER_BUILDKIT=1 "$docker" build --tag "${IMAGE:-janitor:latest}" --file infra/docker/Dockerfile "$@" .
"$docker" image inspect --format '{{index .RepoTags 0}}: {{.Size}} bytes, {{.Id}}' "${IMAGE:-janitor:latest}"
