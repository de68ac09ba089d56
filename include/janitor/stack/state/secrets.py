"""Passwords and keys of one stack: random, made once, kept in the state folder."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from janitor.domain.errors import StackError
from janitor.stack.state.layout import Layout
from janitor.stack.state.private_files import write_private

AIRFLOW_USER = "admin"
_TOKEN_BYTES = 24
_SIGNING_BYTES = 64
"""Length of a key for HMAC-SHA512. Source: RFC 7518, section 3.2."""


def _token() -> str:
    return secrets.token_urlsafe(_TOKEN_BYTES)


def _signing_key() -> str:
    return secrets.token_urlsafe(_SIGNING_BYTES)


def _typeable() -> str:
    """Return a password that a person can type: letters and digits without look-alikes."""
    return "".join(secrets.choice("abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ23456789") for _ in range(16))


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _access_key_id() -> str:
    return "LKIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))


@dataclass(frozen=True)
class StackSecrets:
    """Everything random about a stack. All values are safe in URLs and configuration files as they are."""

    postgres_superuser: str = field(default_factory=_token, repr=False)
    postgres_airflow: str = field(default_factory=_token, repr=False)
    postgres_owner: str = field(default_factory=_token, repr=False)
    postgres_writer: str = field(default_factory=_token, repr=False)
    postgres_reader: str = field(default_factory=_token, repr=False)
    airflow_password: str = field(default_factory=_typeable, repr=False)
    airflow_fernet_key: str = field(default_factory=_fernet_key, repr=False)
    airflow_jwt_secret: str = field(default_factory=_signing_key, repr=False)
    airflow_api_secret: str = field(default_factory=_signing_key, repr=False)
    supervisor_password: str = field(default_factory=_token, repr=False)
    cloud_access_key_id: str = field(default_factory=_access_key_id, repr=False)
    cloud_secret_access_key: str = field(default_factory=_token, repr=False)


def secrets_file(layout: Layout) -> Path:
    """Return where the secrets of a stack are kept."""
    return layout.secrets / "stack.json"


def superuser_password_file(layout: Layout) -> Path:
    """Return the file that initdb reads the superuser's password from."""
    return layout.secrets / "postgres-superuser"


def cloud_key_file(layout: Layout) -> Path:
    """Return the file that hands the local cloud its key."""
    return layout.secrets / "cloud-key.json"


def airflow_passwords_file(layout: Layout) -> Path:
    """Return the file in which Airflow's SimpleAuthManager looks passwords up."""
    return layout.secrets / "airflow-passwords.json"


def ensure_secrets(layout: Layout) -> StackSecrets:
    """Return the stack's secrets; what is missing is made and kept.

    Raises:
        StackError: the file is damaged.
    """
    path = secrets_file(layout)
    known = _read(path) if path.exists() else {}
    result = StackSecrets(**known)
    if asdict(result) != known:
        write_private(path, json.dumps(asdict(result), indent=2) + "\n")
    write_private(superuser_password_file(layout), result.postgres_superuser + "\n")
    write_private(airflow_passwords_file(layout), json.dumps({AIRFLOW_USER: result.airflow_password}) + "\n")
    write_private(
        cloud_key_file(layout),
        json.dumps(
            {"access_key_id": result.cloud_access_key_id, "secret_access_key": result.cloud_secret_access_key}, indent=2
        )
        + "\n",
    )
    return result


def read_secrets(layout: Layout) -> StackSecrets | None:
    """Return the stack's secrets, or None where no stack was ever started.

    Raises:
        StackError: the file is damaged.
    """
    path = secrets_file(layout)
    return StackSecrets(**_read(path)) if path.exists() else None


def _read(path: Path) -> dict[str, str]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        known = {f.name for f in fields(StackSecrets)}
        if not isinstance(values, dict) or not all(isinstance(v, str) and v for v in values.values()):
            raise ValueError("not a mapping of names to texts")
    except (OSError, ValueError) as exc:
        raise StackError(
            f"{path} can't be read ({exc}). Restore it from a backup; or start over, which loses the local data: "
            f"`make down`, then remove {path.parent.parent}"
        ) from exc
    return {name: value for name, value in values.items() if name in known}
