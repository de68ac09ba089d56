#!/bin/sh
# Builds the `janitor` image (make image). Arguments go to `docker build`, such as --network=host.
# IMAGE names it, BASE is what it is built on; PIP_INDEX_URL and SSL_CERT_FILE are used where they are set.
set -eu
cd "$(dirname "$0")/../.."
without_docker="the image can't be built"
. infra/docker/docker_command.sh

set -- "$@" --build-arg "BASE=${BASE:-python:3.11-slim}"
[ -z "${PIP_INDEX_URL:-}" ] || set -- "$@" --build-arg PIP_INDEX_URL
[ -z "${SSL_CERT_FILE:-}" ] || set -- "$@" --secret "id=ca,src=$SSL_CERT_FILE"
DOCKER_BUILDKIT=1 "$docker" build --tag "${IMAGE:-janitor:latest}" --file infra/docker/Dockerfile "$@" .
"$docker" image inspect --format '{{index .RepoTags 0}}: {{.Size}} bytes, {{.Id}}' "${IMAGE:-janitor:latest}"
