"""`stack.env`: what the stack found out and chose, as settings for everyone who works with it."""

from __future__ import annotations

from dotenv import dotenv_values

from janitor.settings import Settings
from janitor.stack.state.layout import Layout
from janitor.stack.state.ports import LOOPBACK, Ports
from janitor.stack.state.private_files import write_private
from janitor.stack.state.secrets import AIRFLOW_USER, StackSecrets

JANITOR_DATABASE = "janitor"
AIRFLOW_DATABASE = "airflow"
OWNER_ROLE = "janitor_owner"
WRITER_ROLE = "janitor_writer"
READER_ROLE = "janitor_reader"
AIRFLOW_ROLE = "airflow"

_PORT_PREFIX = "STACK_PORT_"
_HEADER = """\
# Written by `make up`; don't edit, don't commit: it holds passwords. Settings of ENV={environment} read it before
# infra/env/{environment}.env. Without it the stack chooses new ports.
"""


def web_url(ports: Ports) -> str:
    """Return the address of Airflow's web UI."""
    return f"http://{LOOPBACK}:{ports.web}"


def cloud_url(ports: Ports) -> str:
    """Return the endpoint of the local cloud."""
    return f"http://{LOOPBACK}:{ports.cloud}"


def database_url(role: str, password: str, database: str, ports: Ports) -> str:
    """Return the URL of one database for one role."""
    return f"postgresql://{role}:{password}@{LOOPBACK}:{ports.postgres}/{database}"


def write_stack_env(layout: Layout, settings: Settings, ports: Ports, secrets: StackSecrets) -> None:
    """Write the file."""

    def url(role: str, password: str) -> str:
        return database_url(role, password, JANITOR_DATABASE, ports)

    values = {
        "JANITOR_DEPLOYMENT": settings.deployment,
        "JANITOR_DATABASE_URL": url(WRITER_ROLE, secrets.postgres_writer),
        "JANITOR_READER_DATABASE_URL": url(READER_ROLE, secrets.postgres_reader),
        "JANITOR_OWNER_DATABASE_URL": url(OWNER_ROLE, secrets.postgres_owner),
        "JANITOR_AIRFLOW_URL": web_url(ports),
        "JANITOR_AIRFLOW_USERNAME": AIRFLOW_USER,
        "JANITOR_AIRFLOW_PASSWORD": secrets.airflow_password,
        "AWS_ENDPOINT_URL": cloud_url(ports),
        "AWS_ACCESS_KEY_ID": secrets.cloud_access_key_id,
        "AWS_SECRET_ACCESS_KEY": secrets.cloud_secret_access_key,
        "AWS_REGION": settings.region,
        **{f"{_PORT_PREFIX}{name.upper()}": str(port) for name, port in ports.as_dict().items()},
    }
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    write_private(layout.stack_env, _HEADER.format(environment=settings.environment) + lines)


def kept_ports(layout: Layout) -> dict[str, int]:
    """Return the ports of the last start by name; empty where there was none."""
    if not layout.stack_env.exists():
        return {}
    values = dotenv_values(layout.stack_env, interpolate=False)
    return {
        name.removeprefix(_PORT_PREFIX).lower(): int(value)
        for name, value in values.items()
        if name.startswith(_PORT_PREFIX) and value and value.isdigit()
    }


def current_ports(layout: Layout) -> Ports | None:
    """Return the ports of the stack that was started last, or None where there was none."""
    kept = kept_ports(layout)
    try:
        return Ports(web=kept["web"], postgres=kept["postgres"], cloud=kept["cloud"], supervisor=kept["supervisor"])
    except KeyError:
        return None
