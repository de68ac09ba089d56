"""The ways to an Airflow: by a password, by a token that somebody else made, or through Amazon MWAA.

Each is one object that takes a request and gives Airflow's answer, whatever its status.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import httpx

from janitor.cloud.mwaa import invoke_rest_api
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import AirflowError, AirflowUnaskedError, CloudError
from janitor.domain.watch.waits import waiting
from janitor.settings import Settings, StackKind
from janitor.settings.parts.airflow import AirflowLogin, MwaaLogin, PasswordLogin, TokenLogin

_TIMEOUT = timedelta(seconds=30)
_API = "/api/v2"
_UNAUTHORIZED = 401
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
"""There was no connection that a request could go over."""


@dataclass(frozen=True, kw_only=True)
class AirflowAnswer:
    """What Airflow answered."""

    status: int
    document: Any
    """Its JSON; None where it isn't any."""
    text: str

    @property
    def is_success(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300


class AirflowDoor(Protocol):
    """A way to one Airflow."""

    place: str
    """How messages call it."""

    def ask(self, method: str, path: str, body: Any) -> AirflowAnswer:
        """Send one request. Raises AirflowError when no answer of Airflow comes, AirflowUnaskedError when none can."""

    def close(self) -> None:
        """Let go of connections."""


def door_of(settings: Settings) -> AirflowDoor:
    """The way that the environment's settings describe, logged in where it takes a login.

    Raises:
        SettingsError: They describe none.
        AirflowError: The login was refused, or nobody answers.
    """
    login: AirflowLogin = settings.airflow_entrance
    if isinstance(login, MwaaLogin):
        return MwaaDoor(CloudAccess.of(settings), login.environment)
    door = _http_door(settings, login.url)
    try:
        door.log_in(login)
    except BaseException:
        door.close()
        raise
    return door


def front_door_of(settings: Settings) -> HttpDoor:
    """The way to Airflow's own address without a login. Raises SettingsError when there is no address."""
    return _http_door(settings, settings.airflow_address)


def _http_door(settings: Settings, url: str) -> HttpDoor:
    # A stack of this machine is asked directly; elsewhere the proxy and the CA of whoever asks count.
    is_external = settings.stack is StackKind.EXTERNAL
    return HttpDoor(url, by_proxy=is_external and not _is_loopback(url), by_own_ca=is_external)


class HttpDoor:
    """Airflow by its own address."""

    def __init__(self, url: str, *, by_proxy: bool, by_own_ca: bool) -> None:
        """Open nothing yet.

        Args:
            url: Of Airflow's web UI.
            by_proxy: Whether HTTPS_PROXY and its like count.
            by_own_ca: Whether SSL_CERT_FILE and SSL_CERT_DIR count.
        """
        self.place = f"Airflow at {url}"
        self._hint = ""
        self._http = httpx.Client(
            base_url=url,
            timeout=_TIMEOUT.total_seconds(),
            trust_env=by_proxy,
            verify=httpx.create_ssl_context(trust_env=by_own_ca),
        )

    def log_in(self, login: PasswordLogin | TokenLogin) -> None:
        """Take the token, or have one made for a user's password."""
        if isinstance(login, TokenLogin):
            token = login.token.get_secret_value()
            self._hint = "; is JANITOR_AIRFLOW_TOKEN of this Airflow, and still valid?"
        else:
            body = {"username": login.username, "password": login.password.get_secret_value()}
            answer = self.ask("POST", "/auth/token", body)
            if not answer.is_success or not isinstance(answer.document, dict):
                raise AirflowError(
                    f"Airflow refused POST /auth/token ({answer.status}): {detail_of(answer)}; where it knows no"
                    " passwords, give JANITOR_AIRFLOW_TOKEN"
                )
            token = str(answer.document.get("access_token", ""))
        self._http.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, body: Any) -> AirflowAnswer:
        """Send one request."""
        try:
            with waiting(f"waiting for {self.place}", _TIMEOUT):
                answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as exc:
            raise (AirflowUnaskedError if isinstance(exc, _UNSENT) else AirflowError)(
                f"{self.place} can't be reached ({type(exc).__name__}); is the stack up? Try `make status`"
            ) from exc
        try:
            document = answer.json() if answer.content else {}
        except ValueError:
            document = None
        text = answer.text + (self._hint if answer.status_code == _UNAUTHORIZED else "")
        return AirflowAnswer(status=answer.status_code, document=document, text=text)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()


class MwaaDoor:
    """Airflow through Amazon MWAA, which signs every request and knows no address of Airflow's API."""

    def __init__(self, access: CloudAccess, environment: str) -> None:
        self.place = f"the Airflow of MWAA's {environment}"
        self._access = access
        self._environment = environment

    def ask(self, method: str, path: str, body: Any) -> AirflowAnswer:
        """Send one request."""
        parts = urlsplit(path)
        query = {name: found[0] if len(found) == 1 else found for name, found in parse_qs(parts.query).items()}
        try:
            status, document = invoke_rest_api(
                self._access,
                environment=self._environment,
                method=method,
                path=parts.path.removeprefix(_API),
                query=query,
                body=body,
            )
        except CloudError as exc:
            raise AirflowError(f"{self.place} can't be asked: {exc}; check JANITOR_AIRFLOW_MWAA") from exc
        return AirflowAnswer(status=status, document=document, text=str(document))

    def close(self) -> None:
        """Nothing is held: boto3's clients are shared."""


def detail_of(answer: AirflowAnswer) -> str:
    """What Airflow says about its answer."""
    document = answer.document
    detail = document.get("detail") if isinstance(document, dict) else None
    return str(answer.text if detail is None else detail)[:500]


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
