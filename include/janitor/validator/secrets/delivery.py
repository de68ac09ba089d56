"""Reads the secrets that a spec names from AWS Secrets Manager, before anything of the repository runs.

Whatever goes wrong is the config's or this infrastructure's fault, never the repository's; it is told by the name of
the secret, where it was looked for and what to do, in this order: messages are cut where they are shown. No message
holds a value. `protocol.text.signature` takes the names out, which stand first, and what follows the first `;`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from janitor.guest.redaction import SHORTEST_LITERAL
from janitor.protocol.order.spec import SecretStore, ValidationSpec
from janitor.validator.secrets.delivered import DeliveredSecrets
from janitor.validator.secrets.instance_role import (
    Credentials,
    NoRedirect,
    RoleError,
    role_credentials,
    signed_headers,
)
from janitor.validator.settings import Settings

PATIENCE = timedelta(seconds=60)
"""For all secrets of a validation together, tried again while AWS is in trouble."""
LONGEST_VALUE = 32_768
"""Characters, as of any variable."""
_ANSWER = timedelta(seconds=10)
_PAUSE = timedelta(seconds=1)
_MOST_BYTES = 256 * 1024
"""Source: Secrets Manager's quotas, 65,536 bytes for a value; JSON may take four times that."""
_LATER = "run the validation again later"
_ADVICE = {
    "ResourceNotFoundException": ("isn't in", "create it there, or correct its name under `secrets` in the config"),
    "AccessDeniedException": (
        "may not be read by this instance's role from",
        "let the role read it, as infra/policies/instance.json does",
    ),
    # Its message alone says what: the secret is being deleted, or the local stack's file can't be trusted.
    "InvalidRequestException": ("is refused by", "{}; put this right, then run the validation again"),
}
"""What is said of AWS's code, and what to do; `{}` is where AWS's message stands, else it follows."""
_MOST_TROUBLE = 100
_LOGIN = re.compile(r"[^\s:]{1,255}:\S{6,}")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _UnresolvedError(Exception):
    """A secret can't be had; the message says why, and what to do."""


def deliver_secrets(
    spec: ValidationSpec, settings: Settings, *, within: timedelta = PATIENCE, pause: timedelta = _PAUSE
) -> DeliveredSecrets:
    """Read every secret that the repository is to get; nothing is asked where it is to get none.

    Args:
        spec: Names them.
        settings: Where this machine is told to ask.
        within: Longest time for all of them.
        pause: Before another try, where AWS was in trouble.
    """
    named, store, login = spec.repository.secrets, spec.secret_store, spec.registry_secret
    if store is None or not (named or login):
        return DeliveredSecrets()
    give_up_at = time.monotonic() + within.total_seconds()
    values: dict[str, str] = {}
    problems: list[str] = []
    registry = DeliveredSecrets()
    try:
        url = _url(settings.secrets_url, store)
        credentials = role_credentials(settings.metadata_url, _ANSWER)
        for variable, name in named.items():
            try:
                answer = _asked(url, store, credentials, name, give_up_at=give_up_at, pause=pause)
                values[variable] = _value(answer)
            except _UnresolvedError as exc:
                problems.append(f"the secret {store.prefix}{name} (for {variable}) {exc}")
        if login is not None:
            registry = _registry_login(
                lambda: _asked(url, store, credentials, login, give_up_at=give_up_at, pause=pause)
            )
    except RoleError as exc:
        registry = DeliveredSecrets(registry_problem=str(exc) if login is not None else None)
        todo = "give it an instance profile whose role may read them (docs/notes/secrets.md)"
        if named:
            problems.append(f"the secrets for {', '.join(named)} can't be asked for by this instance: {exc}; {todo}")
    if problems:
        return replace(registry, problem="; ".join(problems))
    return replace(registry, values=values)


def _registry_login(ask: Callable[[], dict[str, Any]]) -> DeliveredSecrets:
    """The machine's login. Without it a validation goes on: most pulls need none."""
    try:
        login = _value(ask())
    except _UnresolvedError as exc:
        return DeliveredSecrets(registry_problem=str(exc))
    if _LOGIN.fullmatch(login) is None:
        return DeliveredSecrets(registry_problem="is no login of the form user:token")
    return DeliveredSecrets(registry_login=login)


def _url(own: str | None, store: SecretStore) -> str:
    suffix = ".cn" if store.region.startswith("cn-") else ""
    url = own or f"https://secretsmanager.{store.region}.amazonaws.com{suffix}"
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise RoleError(f"AWS_ENDPOINT_URL_SECRETS_MANAGER is {url}, to which no secret is sent; it must be https")
    return url.rstrip("/") + "/"


def _asked(
    url: str,
    store: SecretStore,
    credentials: Credentials,
    name: str,
    *,
    give_up_at: float,
    pause: timedelta,
) -> dict[str, Any]:
    """The answer of Secrets Manager; asked again where it is in trouble."""
    while True:
        try:
            return _ask(url, store, credentials, f"{store.prefix}{name}")
        except HTTPError as exc:
            code, message = _told(exc)
            final = exc.code < 500 and "Throttl" not in code
        except (OSError, ValueError) as exc:
            code, message = (str(getattr(exc, "reason", exc)) or type(exc).__name__)[:_MOST_TROUBLE], ""
            final = isinstance(exc, ValueError)
        if final or time.monotonic() + pause.total_seconds() > give_up_at:
            said, todo = _ADVICE.get(code, ("could not be read from", _LATER))
            told = todo.replace("{}", message) if "{}" in todo or not message else f"{todo} ({message})"
            raise _UnresolvedError(f"{said} AWS Secrets Manager in {store.region} ({code}); {told}")
        time.sleep(pause.total_seconds())


def _ask(url: str, store: SecretStore, credentials: Credentials, name: str) -> dict[str, Any]:
    body, parts = json.dumps({"SecretId": name}).encode(), urlsplit(url)
    headers = signed_headers(
        credentials,
        service="secretsmanager",
        region=store.region,
        host=parts.netloc,
        target="secretsmanager.GetSecretValue",
        body=body,
        now=datetime.now(timezone.utc),
    )
    # A proxy carries TLS unread; what isn't TLS is on this machine, where there is none to ask.
    handlers = [NoRedirect()] if parts.scheme == "https" else [NoRedirect(), ProxyHandler({})]
    request = Request(url, data=body, headers=headers, method="POST")  # noqa: S310  # https, or this machine
    with build_opener(*handlers).open(request, timeout=_ANSWER.total_seconds()) as answer:
        document = json.loads(answer.read(_MOST_BYTES))
    if not isinstance(document, dict):
        raise ValueError("the answer is no object")
    return document


def _told(error: HTTPError) -> tuple[str, str]:
    """AWS's code and message."""
    with error:
        try:
            document = json.loads(error.read(_MOST_BYTES))
            code = str(document.get("__type") or "").rpartition("#")[2]
            message = str(document.get("message") or document.get("Message") or "")
        except (OSError, ValueError, AttributeError):
            code, message = "", ""
    return code or f"HTTP {error.code}", " ".join(message.split())[:500]


def _value(answer: Mapping[str, Any]) -> str:
    """The value as a variable takes it: without the line's end that it may have been stored with."""
    value = answer.get("SecretString")
    if not isinstance(value, str):
        raise _UnresolvedError("is binary; store it as text")
    value = value.rstrip("\r\n")
    if len(value) < SHORTEST_LITERAL:
        what = f"has fewer than {SHORTEST_LITERAL} characters, too few to be masked in what is shown"
        raise _UnresolvedError(f"{what}; use a value of at least {SHORTEST_LITERAL} characters")
    if len(value) > LONGEST_VALUE or "\x00" in value:
        raise _UnresolvedError(f"is no text of at most {LONGEST_VALUE:,} characters without NUL; store one that is")
    return value
