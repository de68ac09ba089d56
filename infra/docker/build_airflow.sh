#!/bin/sh
# Builds the `janitor-airflow` image (make image). Arguments go to `docker build`, such as --network=host.
# AIRFLOW_IMAGE names it, AIRFLOW_BASE is what it is built on; PIP_INDEX_URL and SSL_CERT_FILE are used where they are set.
set -eu
cd "$(dirname "$0")/../.."
without_docker="the image of Airflow can't be built"
. infra/docker/docker_command.sh

image=${AIRFLOW_IMAGE:-janitor-airflow:latest}
[ -z "${AIRFLOW_BASE:-}" ] || set -- "$@" --build-arg "BASE=$AIRFLOW_BASE"
[ -z "${PIP_INDEX_URL:-}" ] || set -- "$@" --build-arg PIP_INDEX_URL
[ -z "${SSL_CERT_FILE:-}" ] || set -- "$@" --secret "id=ca,src=$SSL_CERT_FILE"
DOCKER_BUILDKIT=1 "$docker" build --tag "$image" --file infra/docker/airflow/Dockerfile "$@" .
"$docker" image inspect --format '{{index .RepoTags 0}}: {{.Size}} bytes, {{.Id}}' "$image"
