"""Secrets Manager, for the few secrets that the control plane itself needs."""

from __future__ import annotations

from janitor.cloud.asking import asking
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError


def secret_value(access: CloudAccess, name: str) -> str:
    """The text of a secret.

    Raises:
        NotAllowedError, NoLoginError, CloudError: It can't be read, or isn't there. No message has a value.
    """
    with asking(f"GetSecretValue {name}"):
        answer = access.client("secretsmanager").get_secret_value(SecretId=name)
    text: str = answer.get("SecretString") or ""
    if not text.strip():
        raise CloudError(f"GetSecretValue {name}: it has no text")
    return text.strip()
