"""Asks a container registry which tags a repository has.

Only registries that are known are asked: a Dockerfile names any host, and this machine reaches more than the world.
Source: https://distribution.github.io/distribution/spec/api/, "Listing Image Tags", and .../spec/auth/token/.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from urllib.parse import parse_qsl, urljoin, urlsplit

from janitor.inspection.dockerfile.image_reference import ImageReference
from janitor.services.news.senders.bounded import bounded
from janitor.services.news.senders.sending import Answer, SendError, ask_http
from janitor.services.repair.world import UnknownError

KNOWN_REGISTRIES = frozenset(
    {
        *("registry-1.docker.io", "nvcr.io", "ghcr.io", "quay.io", "mcr.microsoft.com", "public.ecr.aws"),
        *("registry.gitlab.com", "gcr.io"),
    }
)
_WITHIN = timedelta(minutes=2)
_MOST_PAGES = 60
_PAGE = 1_000
_OK, _UNAUTHORIZED = 200, 401
_CHALLENGED = re.compile(r"(?i)\bbearer\s+(.*)")
_FIELD = re.compile(r'\b(\w{1,64})="([^"]*)"')
_NEXT = re.compile(r'<([^<>]{1,2000})>;\s*rel="?next"?')
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class RegistryTags:
    """The tags of repositories, asked without a login.

    Args:
        registries: Which are asked; those of this machine (`127.0.0.1:…`) without TLS.
        realms: Hosts beside the registry's own that may give its tokens.
        within: How long a list may take as a whole, whatever the registry does in between.
    """

    def __init__(
        self,
        registries: Collection[str] = KNOWN_REGISTRIES,
        *,
        realms: Collection[str] = ("auth.docker.io", "authn.nvidia.com", "gitlab.com"),
        within: timedelta = _WITHIN,
    ) -> None:
        self._registries, self._realms, self._within = registries, realms, within
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
                self._known[key] = tuple(bounded(lambda: self._listed(reference), within=self._within))
            except (SendError, ValueError) as exc:
                raise UnknownError(
                    f"{reference.registry} doesn't list the tags of {reference.repository}: {exc}"
                ) from exc
        return self._known[key]

    def _listed(self, reference: ImageReference) -> list[str]:
        scheme = "http" if reference.registry.startswith("127.0.0.1:") else "https"
        base = f"{scheme}://{reference.registry}"
        url = f"{base}/v2/{reference.repository}/tags/list?n={_PAGE}"
        headers: dict[str, str] = {}
        found: list[str] = []
        for _ in range(_MOST_PAGES):
            answer = _ask(url, headers)
            challenge = _CHALLENGED.search(answer.headers.get("www-authenticate", ""))
            if answer.status == _UNAUTHORIZED and challenge is not None and not headers:
                headers = {"Authorization": f"Bearer {self._token(challenge[1], reference)}"}
                answer = _ask(url, headers)
            if answer.status != _OK or not isinstance(answer.document, dict):
                raise ValueError(f"it answers with HTTP {answer.status}")
            tags = answer.document.get("tags") or []
            found += [tag for tag in tags if isinstance(tag, str) and _TAG.fullmatch(tag)]
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                return found
            url = urljoin(url, following[1])
            if not url.startswith(f"{base}/v2/"):
                raise ValueError("its next page is elsewhere")
        raise ValueError("it has more tags than are read")

    def _token(self, challenge: str, reference: ImageReference) -> str:
        fields = dict(_FIELD.findall(challenge))
        realm = urlsplit(fields.get("realm", ""))
        if realm.netloc not in {reference.registry, *self._realms}:
            raise ValueError(f"its tokens come from {realm.netloc or 'nowhere'}, which isn't asked")
        query = {"scope": f"repository:{reference.repository}:pull"}
        if "service" in fields:
            query["service"] = fields["service"]
        answer = _ask(fields["realm"], {}, query)
        document = answer.document if answer.status == _OK and isinstance(answer.document, dict) else {}
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]{1,16384}", token):
            raise ValueError(f"it gives no token: HTTP {answer.status}")
        return token


def _ask(url: str, headers: Mapping[str, str], query: Mapping[str, str] | None = None) -> Answer:
    """One request; what the address has of a query joins what is given."""
    parts = urlsplit(url)
    asked = {**dict(parse_qsl(parts.query)), **(query or {})}
    return ask_http(parts.netloc, "GET", parts._replace(query="").geturl(), headers=headers, query=asked)
