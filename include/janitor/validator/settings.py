"""The one place where the validator reads its environment.

What untrusted processes get is chosen here by name; everything else that the validator's own environment holds stays
with the validator.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

METADATA_URL = "http://169.254.169.254"
"""Source: EC2 user guide, "Use the Instance Metadata Service"."""
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy", "ALL_PROXY")
_INSTALLER_PREFIXES = ("UV_", "PIP_")
_DOCKER = (
    *("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
    *("CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"),
    # A rootless engine has its socket and its state there.
    *("CONTAINERS_REGISTRIES_CONF", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),
)
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the validator takes from the machine that it runs on."""

    path: str
    """Search path for programs."""
    home: Path
    """The validator's own home; processes of the repository get another."""
    temporary: Path
    """Where the workspace is made."""
    uv_cache: Path
    """Packages that uv keeps between validations."""
    pip_cache: Path
    """The same for pip."""
    uv_pythons: Path
    """Interpreters that uv has installed."""
    certificates: Mapping[str, str]
    """Names of certificate bundles, for every process that uses TLS."""
    proxies: Mapping[str, str]
    """Proxy settings, for git, the package installer and Docker; they can hold a password, so no handler gets them."""
    installer: Mapping[str, str]
    """UV_* and PIP_* settings such as the package index; for the package installer."""
    docker: Mapping[str, str]
    """How to reach the container engine; for its command."""
    private_hosts: frozenset[str] = frozenset()
    """Hosts of a private network that the network checks may ask, such as a registry's; others they leave alone."""
    build_limit: timedelta = timedelta(minutes=90)
    """How long an image may take to build; the spec's deadline may come before."""
    docker_wait: timedelta = timedelta(seconds=90)
    """How long a Docker engine that is demanded may take until it answers: it starts with its machine."""
    container_memory_bytes: int | None = None
    """Most memory for a worker's container; None leaves it nearly all that the machine has."""
    metadata_url: str = field(default=METADATA_URL, repr=False)
    """The instance metadata service, which has the credentials of the instance's role."""
    secrets_url: str | None = None
    """Of Secrets Manager, such as a VPC endpoint's; None is AWS's own."""
    pull_config: Path | None = None
    """The engine's command is configured by this folder, which has a login, in place of the machine's own; only it."""
    cuda_image: str | None = None
    """An image that is known to work with CUDA, with which the host is tried; None leaves that out."""

    github_workspace: Path | None = None
    """Where GitHub has checked out the repository whose pull request it annotates; None elsewhere."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings.

        Args:
            environ: Instead of the process's environment.
        """
        env = os.environ if environ is None else environ
        # A command of an instance agent may have no HOME; the user database knows it.
        home = Path(env.get("HOME") or os.path.expanduser("~"))
        return cls(
            path=env.get("PATH") or _DEFAULT_PATH,
            home=home,
            temporary=Path(env.get("TMPDIR") or "/tmp"),  # noqa: S108  # a folder of our own is made in it
            # Not the user's own cache: packages that an untrusted worker has used stay out of it.
            uv_cache=Path(env.get("UV_CACHE_DIR") or home / ".cache" / "janitor" / "uv"),
            pip_cache=Path(env.get("PIP_CACHE_DIR") or home / ".cache" / "janitor" / "pip"),
            uv_pythons=Path(env.get("UV_PYTHON_INSTALL_DIR") or home / ".local" / "share" / "uv" / "python"),
            certificates=_named(env, _CERTIFICATES),
            proxies=_named(env, _PROXIES),
            installer={name: value for name, value in env.items() if name.startswith(_INSTALLER_PREFIXES)},
            docker=_named(env, _DOCKER),
            build_limit=_minutes(env.get("JANITOR_BUILD_LIMIT_MINUTES"), cls.build_limit),
            docker_wait=_seconds(env.get("JANITOR_DOCKER_WAIT_SECONDS"), cls.docker_wait),
            container_memory_bytes=_mebibytes(env.get("JANITOR_CONTAINER_MEMORY_MIB")),
            metadata_url=env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or METADATA_URL,
            secrets_url=env.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or None,
            cuda_image=env.get("JANITOR_CUDA_IMAGE") or None,
            github_workspace=Path(env["GITHUB_WORKSPACE"]) if env.get("GITHUB_WORKSPACE") else None,
            private_hosts=frozenset(env.get("JANITOR_PRIVATE_HOSTS", "").replace(",", " ").lower().split()),
        )


def _minutes(text: str | None, default: timedelta) -> timedelta:
    """A positive number of minutes; anything else leaves the default, for a box has nobody to correct it."""
    try:
        minutes = float(text or "")
    except ValueError:
        return default
    return timedelta(minutes=minutes) if 0 < minutes < 60 * 24 else default


def _seconds(text: str | None, default: timedelta) -> timedelta:
    """A number of seconds, none included; anything else leaves the default."""
    try:
        seconds = float(text or "")
    except ValueError:
        return default
    return timedelta(seconds=seconds) if 0 <= seconds < 60 * 60 else default


def _mebibytes(text: str | None) -> int | None:
    """A whole number of MiB in bytes; anything else is no limit."""
    return int(text) * 1024**2 if text is not None and text.isdecimal() and int(text) else None


def _named(env: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: env[name] for name in names if name in env}
