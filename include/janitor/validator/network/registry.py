"""Asks a container registry for an image: is it there, for x86-64, and under which digest.

Source: https://distribution.github.io/distribution/spec/api/ and https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from janitor.inspection.dockerfile.image_reference import ImageReference
from janitor.validator.network.web import Web, WebAnswer

_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_CHALLENGED = re.compile(r"(?i)\bbearer\s+(.*)")
_FIELD = re.compile(r'\b(\w{1,64})="([^"]*)"')
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+)(?::\d+)?")


@dataclass(frozen=True, kw_only=True)
class ImageAnswer:
    """What a registry says about an image."""

    status: int
    """HTTP status of the manifest."""
    digest: str | None
    platforms: tuple[str, ...]
    """`os/architecture` of each; empty where the registry doesn't say."""
    said: str
    """The body of a refusal, shortened."""


def ask_for_image(web: Web, reference: ImageReference) -> ImageAnswer:
    """Ask for an image's manifest.

    Raises:
        WebError: There is no answer.
    """
    # As docker does: a registry on the machine itself needs no TLS.
    scheme = "http" if _LOOPBACK.fullmatch(reference.registry) else "https"
    base = f"{scheme}://{reference.registry}/v2/{reference.repository}"
    manifest = f"{base}/manifests/{reference.version}"
    headers = {"Accept": _ACCEPT}
    # HEAD isn't counted against Docker Hub's limit of pulls.
    answer = web.ask(manifest, headers=headers)
    if answer.status == 401 and (challenge := _CHALLENGED.search(answer.headers.get("www-authenticate", ""))):
        token = _token(web, challenge.group(1), reference)
        if isinstance(token, ImageAnswer):
            return token
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
            answer = web.ask(manifest, headers=headers)
    digest = answer.headers.get("docker-content-digest")
    # Some registries take no HEAD, and none says why it refuses one: the answer to GET is the one that counts.
    listing = web.ask(manifest, method="GET", headers=headers)
    if answer.status != 200:
        answer = listing
        digest = digest or listing.headers.get("docker-content-digest")
    if answer.status != 200:
        return ImageAnswer(status=answer.status, digest=None, platforms=(), said=_text(answer.body))
    platforms = _platforms(web, base, headers, listing) if listing.status == 200 else ()
    return ImageAnswer(status=200, digest=digest, platforms=platforms, said="")


def _token(web: Web, challenge: str, reference: ImageReference) -> str | ImageAnswer | None:
    """A token for anybody; None where the registry gives none, an answer where the place that gives them is in trouble.

    Args:
        web: Makes the request.
        challenge: The fields of `WWW-Authenticate: Bearer`.
        reference: The image.
    """
    fields = dict(_FIELD.findall(challenge))
    realm = fields.get("realm", "")
    if not realm.startswith("http"):
        return None
    scope = fields.get("scope") or f"repository:{reference.repository}:pull"
    query = {"scope": scope, **({"service": fields["service"]} if "service" in fields else {})}
    separator = "&" if "?" in realm else "?"
    answer = web.ask(f"{realm}{separator}{urllib.parse.urlencode(query)}", method="GET")
    if answer.status == 429 or answer.status >= 500:
        return ImageAnswer(status=answer.status, digest=None, platforms=(), said=_text(answer.body))
    document = _json(answer.body)
    token = document.get("token") or document.get("access_token")
    # What could not be the value of a header is no token.
    return token if answer.status == 200 and isinstance(token, str) and _TOKEN.fullmatch(token) else None


def _platforms(web: Web, base: str, headers: Mapping[str, str], listing: WebAnswer) -> tuple[str, ...]:
    document = _json(listing.body)
    if isinstance(members := document.get("manifests"), list):
        found = [_platform(member.get("platform")) for member in members if isinstance(member, dict)]
        # An index with a member that doesn't say what it is for may hold anything.
        return () if None in found else tuple(each for each in found if each is not None)
    config = document.get("config")
    digest = config.get("digest") if isinstance(config, dict) else None
    if not isinstance(digest, str):
        return ()
    answer = web.ask(f"{base}/blobs/{digest}", method="GET", headers=headers)
    platform = _platform(_json(answer.body)) if answer.status == 200 else None
    return () if platform is None else (platform,)


def _platform(document: Any) -> str | None:
    """`os/architecture`; None where the document doesn't say."""
    if not isinstance(document, dict) or not isinstance(architecture := document.get("architecture"), str):
        return None
    return f"{document.get('os') or 'linux'}/{architecture}" if architecture else None


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text(body: bytes) -> str:
    return " ".join(body[:2_000].decode("utf-8", errors="replace").split())[:200]
