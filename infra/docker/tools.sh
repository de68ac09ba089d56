#!/bin/sh
# Runs make's targets in the tools' container, as `make TOOLS=docker <target>...` asks for.
#
# The checkout is mounted, and what is written into it is yours; its virtual environment is one of the container's own
# (.local/tools/venv). Values reach it as variables, by name: none stands on a command line. Your AWS profiles can be
# read, not written. TOOLS_IMAGE names an image that is there already; TOOLS_BASE, TERRAFORM_IMAGE and PACKER_IMAGE are
# what it is built from otherwise.
set -eu
cd "$(dirname "$0")/../.."
without_docker="TOOLS=docker: the tools' container can't be run"
. infra/docker/docker_command.sh

image=${TOOLS_IMAGE:-}
if [ -z "$image" ]; then
    image=janitor-tools:latest
    # This script's own words would be mistaken for the target's output.
    DOCKER_BUILDKIT=1 "$docker" build --quiet --tag "$image" \
        ${TOOLS_BASE:+--build-arg "BASE=$TOOLS_BASE"} \
        ${TERRAFORM_IMAGE:+--build-arg "TERRAFORM=$TERRAFORM_IMAGE"} \
        ${PACKER_IMAGE:+--build-arg "PACKER=$PACKER_IMAGE"} \
        infra/docker/tools >&2
fi

# Docker would make folders that are missing as root's.
mkdir -p .local/tools/venv .venv

targets=$#
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
    AWS_PROFILE | AWS_REGION | AWS_DEFAULT_REGION | AWS_ACCESS_KEY_ID | AWS_SECRET_ACCESS_KEY | AWS_SESSION_TOKEN) ;;
    AWS_ENDPOINT_URL* | AWS_EC2_METADATA_DISABLED | ACCOUNT_ID | JANITOR_* | TF_VAR_* | PKR_VAR_* | PIP_INDEX_URL | UV_*) ;;
    ENV | CONFIG | REPO | REPOS_FILE | RUN_ID | TIMEOUT_MINUTES | FOLLOW | TO | YES | JOBS | ONLY | CI | NO_COLOR) ;;
    AMI | BASE | CUDA_IMAGE | TIDY | DRY_RUN | KILL) ;;
    HTTP_PROXY | HTTPS_PROXY | NO_PROXY | http_proxy | https_proxy | no_proxy) ;;
    *) continue ;;
    esac
    set -- --env "$name" "$@"
done
if [ -d "${HOME:-/nonexistent}/.aws" ]; then
    set -- --volume "$HOME/.aws:/tmp/home/.aws:ro" "$@"
fi
if [ -n "${SSL_CERT_FILE:-}" ]; then
    set -- --volume "$SSL_CERT_FILE:/run/ca.crt:ro" --env SSL_CERT_FILE=/run/ca.crt --env PIP_CERT=/run/ca.crt \
        --env REQUESTS_CA_BUNDLE=/run/ca.crt "$@"
fi
[ ! -t 0 ] || set -- --interactive --tty "$@"

# The options end where the targets begin: put the image's name and `make` between them.
options=$(($# - targets))
count=0
for word in "$@"; do
    shift
    if [ "$count" -eq "$options" ]; then
        set -- "$@" "$image" make TOOLS=
    fi
    set -- "$@" "$word"
    count=$((count + 1))
done

# The host's network: ENV=local asks the local cloud on this machine.
exec "$docker" run --rm --init --network host --user "$(id -u):$(id -g)" \
    --volume "$PWD:/work" --volume "$PWD/.local/tools/venv:/work/.venv" --workdir /work "$@"
