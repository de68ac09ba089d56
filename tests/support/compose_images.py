"""Images for the compose files, made on this machine: no registry may be reachable, so these keep the contracts.

Airflow      user 50000 of group 0, a virtual environment with Airflow and its providers, dumb-init, /entrypoint
PostgreSQL   POSTGRES_PASSWORD for the superuser `postgres`, data in /var/lib/postgresql/data
Redis        user `redis`, data in /data
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.docker_images import PYTHON_BASE, NoImageError

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW_BASE = "janitor-test/airflow-base:1"
POSTGRES = "janitor-test/postgres:1"
REDIS = "janitor-test/redis:1"
_BUILD_SECONDS = 1800

_AIRFLOW_DOCKERFILE = f"""\
FROM {PYTHON_BASE}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends curl dumb-init \\
    && useradd --uid 50000 --gid 0 --create-home --home-dir /home/airflow airflow \\
    && mkdir -p /opt/airflow/logs /opt/airflow/dags && chown -R 50000:0 /opt/airflow /home/airflow
COPY uv /usr/local/bin/uv
COPY entrypoint /entrypoint
USER 50000:0
ENV VIRTUAL_ENV=/home/airflow/.local PATH=/home/airflow/.local/bin:/usr/local/bin:/usr/bin:/bin \\
    AIRFLOW_HOME=/opt/airflow HOME=/home/airflow DUMB_INIT_SETSID=1
COPY requirements.txt requirements.lock /tmp/base/
ARG PIP_INDEX_URL
RUN --mount=type=secret,id=ca,target=/run/ca.crt,mode=0444 \\
    if [ -s /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi \\
    && uv venv --quiet --seed /home/airflow/.local \\
    && uv pip install --quiet --no-cache --compile-bytecode --constraint /tmp/base/requirements.lock \\
       --requirement /tmp/base/requirements.txt
WORKDIR /opt/airflow
ENTRYPOINT ["/usr/bin/dumb-init", "--", "/entrypoint"]
"""
_AIRFLOW_REQUIREMENTS = """\
apache-airflow==3.3.2
apache-airflow-providers-amazon[aiobotocore]
apache-airflow-providers-celery
apache-airflow-providers-fab
apache-airflow-providers-postgres
apache-airflow-providers-standard
celery<5.7
croniter
"""
_AIRFLOW_ENTRYPOINT = """\
#!/bin/bash
set -eu
case "${1:-}" in
bash | python) exec "$@" ;;
airflow) shift ;;
esac
exec airflow "$@"
"""
_POSTGRES_DOCKERFILE = f"""\
FROM {PYTHON_BASE}
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql \\
    && mkdir -p /var/lib/postgresql/data && chown postgres:postgres /var/lib/postgresql/data
COPY entrypoint /entrypoint
USER postgres
ENTRYPOINT ["/entrypoint"]
"""
_POSTGRES_ENTRYPOINT = """\
#!/bin/bash
set -eu
data=/var/lib/postgresql/data
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
if [ ! -s "$data/PG_VERSION" ]; then
    initdb --pgdata "$data" --username postgres --auth scram-sha-256 \\
        --pwfile <(printf '%s' "$POSTGRES_PASSWORD") >/dev/null
    echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
fi
exec postgres -D "$data" -c listen_addresses='*' -c max_connections=200
"""
_REDIS_DOCKERFILE = f"""\
FROM {PYTHON_BASE}
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server \\
    && mkdir /data && chown redis:redis /data
"""


def make_bases(docker: str, environment: Mapping[str, str]) -> None:
    """Make the three images; what is there already is kept. The Python base must be there.

    Raises:
        NoImageError: One can't be made.
    """
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{environment.get('PATH', '')}")
    if uv is None:
        raise NoImageError("uv is not here to install Airflow into a base image")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    _make(docker, environment, POSTGRES, _POSTGRES_DOCKERFILE, {"entrypoint": _POSTGRES_ENTRYPOINT})
    _make(docker, environment, REDIS, _REDIS_DOCKERFILE, {})
    _make(
        *(docker, environment, AIRFLOW_BASE, _AIRFLOW_DOCKERFILE),
        {
            "entrypoint": _AIRFLOW_ENTRYPOINT,
            "requirements.txt": _AIRFLOW_REQUIREMENTS,
            "requirements.lock": lock,
            "uv": Path(uv).resolve(),
        },
    )


def build_options(environment: Mapping[str, str]) -> list[str]:
    """What a build on this machine needs to reach its packages: the host's network, index and certificates."""
    options = ["--network=host"]
    if environment.get("PIP_INDEX_URL"):
        options += ["--build-arg", "PIP_INDEX_URL"]
    if environment.get("SSL_CERT_FILE"):
        options += ["--secret", f"id=ca,src={environment['SSL_CERT_FILE']}"]
    return options


def _make(
    docker: str, environment: Mapping[str, str], name: str, dockerfile: str, files: Mapping[str, str | Path]
) -> None:
    own = {**environment, "DOCKER_BUILDKIT": "1"}
    there = subprocess.run([docker, "image", "inspect", name], env=own, capture_output=True, timeout=60, check=False)
    if there.returncode == 0:
        return
    with tempfile.TemporaryDirectory(prefix="janitor-base-") as folder:
        context = Path(folder)
        (context / "Dockerfile").write_text(dockerfile)
        for file, content in files.items():
            if isinstance(content, Path):
                shutil.copy(content, context / file)
            else:
                (context / file).write_text(content)
        for file in ("entrypoint", "uv"):
            if (context / file).exists():
                os.chmod(context / file, 0o755)
        done = subprocess.run(
            [docker, "build", "--progress=plain", *build_options(environment), "--tag", name, folder],
            env=own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_BUILD_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        raise NoImageError(f"{name}: {done.stdout.strip()[-1500:]}")
