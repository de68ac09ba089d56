"""Asks a container registry which tags a repository has.

Only registries that are known are asked: a Dockerfile names any host, and this machine reaches more than the world.
Source: https://distribution.github.io/distribution/spec/api/, "Listing Image Tags", and .../spec/auth/token/.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import timedelta
from urllib.parse import urljoin, urlsplit

import httpx

from janitor.inspection.dockerfile.image_reference import ImageReference
from janitor.services.repair.world import UnknownError

KNOWN_REGISTRIES = frozenset(
    {
        *("registry-1.docker.io", "nvcr.io", "ghcr.io", "quay.io", "mcr.microsoft.com", "public.ecr.aws"),
        *("registry.gitlab.com", "gcr.io"),
    }
)
_LIMIT = timedelta(seconds=20)
_MOST_PAGES = 60
_PAGE = 1_000
_MOST_BYTES = 4 * 1024 * 1024
_CHALLENGED = re.compile(r"(?i)\bbearer\s+(.*)")
_FIELD = re.compile(r'\b(\w{1,64})="([^"]*)"')
_NEXT = re.compile(r'<([^<>]{1,2000})>;\s*rel="?next"?')
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class RegistryTags:
    """The tags of repositories, asked without a login.

    Args:
        registries: Which are asked; those of this machine (`127.0.0.1:…`) without TLS.
        realms: Hosts beside the registry's own that may give its tokens.
    """

    def __init__(
        self,
        registries: Collection[str] = KNOWN_REGISTRIES,
        *,
        realms: Collection[str] = ("auth.docker.io", "authn.nvidia.com", "gitlab.com"),
    ) -> None:
        self._registries, self._realms = registries, realms
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}

    def __call__(self, reference: ImageReference) -> tuple[str, ...]:
        """All tags of an image's repository.

        Raises:
            UnknownError: The registry isn't asked, or doesn't tell.
        """
        if reference.registry not in self._registries:
            raise UnknownError(f"{reference.registry} is no registry that is asked from here")
        key = (reference.registry, reference.repository)
        if key not in self._known:
            try:
                with httpx.Client(timeout=_LIMIT.total_seconds(), follow_redirects=False) as client:
                    self._known[key] = tuple(self._listed(client, reference))
            except (httpx.HTTPError, ValueError) as exc:
                raise UnknownError(
                    f"{reference.registry} doesn't list the tags of {reference.repository}: {exc}"
                ) from exc
        return self._known[key]

    def _listed(self, client: httpx.Client, reference: ImageReference) -> list[str]:
        scheme = "http" if reference.registry.startswith("127.0.0.1:") else "https"
        base = f"{scheme}://{reference.registry}"
        url = f"{base}/v2/{reference.repository}/tags/list?n={_PAGE}"
        headers: dict[str, str] = {}
        found: list[str] = []
        for _ in range(_MOST_PAGES):
            answer = client.get(url, headers=headers)
            challenge = _CHALLENGED.search(answer.headers.get("www-authenticate", ""))
            if answer.status_code == httpx.codes.UNAUTHORIZED and challenge is not None and not headers:
                headers = {"Authorization": f"Bearer {self._token(client, challenge[1], reference)}"}
                answer = client.get(url, headers=headers)
            if answer.status_code != httpx.codes.OK or len(answer.content) > _MOST_BYTES:
                raise ValueError(f"it answers with HTTP {answer.status_code}")
            tags = answer.json().get("tags") or []
            found += [tag for tag in tags if isinstance(tag, str) and _TAG.fullmatch(tag)]
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                return found
            url = urljoin(url, following[1])
            if not url.startswith(f"{base}/v2/"):
                raise ValueError("its next page is elsewhere")
        raise ValueError("it has more tags than are read")

    def _token(self, client: httpx.Client, challenge: str, reference: ImageReference) -> str:
        fields = dict(_FIELD.findall(challenge))
        realm = urlsplit(fields.get("realm", ""))
        if realm.netloc not in {reference.registry, *self._realms}:
            raise ValueError(f"its tokens come from {realm.netloc or 'nowhere'}, which isn't asked")
        query = {"scope": f"repository:{reference.repository}:pull"}
        if "service" in fields:
            query["service"] = fields["service"]
        answer = client.get(fields["realm"], params=query)
        document = answer.json() if answer.status_code == httpx.codes.OK else {}
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]{1,16384}", token):
            raise ValueError(f"it gives no token: HTTP {answer.status_code}")
        return token
