"""A registry that tells its tags to whoever has fetched a token, a page at a time. OCI distribution specification."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from tests.support.answering import Answer, AnsweringServer

_PAGE = 2


class TagRegistry(AnsweringServer):
    """Serves the tags of repositories, and their manifests, while the block lasts.

    Args:
        tags: By repository.
        needs_token: Whether it gives nothing without one.
        realm: Where its tokens are said to be; None: its own.
    """

    def __init__(
        self, tags: Mapping[str, Sequence[str]], *, needs_token: bool = True, realm: str | None = None
    ) -> None:
        self.tags, self.needs_token, self._realm = dict(tags), needs_token, realm
        self.asked: list[str] = []
        super().__init__()

    @property
    def host(self) -> str:
        """As an image's name begins."""
        return self.address

    def answer_to(self, path: str, authorization: str | None) -> Answer:
        """See `AnsweringServer`."""
        self.asked.append(path)
        return self.answer(path, authorization)

    def answer(self, path: str, authorization: str | None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for one request."""
        parts = urlsplit(path)
        if parts.path == "/token":
            return 200, {}, json.dumps({"token": "a-token"}).encode()
        if self.needs_token and authorization != "Bearer a-token":
            realm = self._realm or f"http://{self.host}/token"
            return 401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="tests"'}, b"{}"
        name, _, rest = parts.path.removeprefix("/v2/").rpartition("/")
        if name.endswith("/manifests"):
            return self._manifest(name.removesuffix("/manifests"), rest)
        repository = name.removesuffix("/tags")
        if rest != "list" or repository not in self.tags:
            return 404, {}, b'{"errors": [{"code": "NAME_UNKNOWN"}]}'
        query = parse_qs(parts.query)
        tags = list(self.tags[repository])
        begin = tags.index(query["last"][0]) + 1 if "last" in query else 0
        page = tags[begin : begin + _PAGE]
        more = begin + _PAGE < len(tags)
        link = {"Link": f'</v2/{repository}/tags/list?n={_PAGE}&last={page[-1]}>; rel="next"'} if more else {}
        return 200, link, json.dumps({"name": repository, "tags": page}).encode()

    def _manifest(self, repository: str, tag: str) -> tuple[int, dict[str, str], bytes]:
        if tag not in self.tags.get(repository, ()):
            return 404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'
        index = {"manifests": [{"platform": {"os": "linux", "architecture": "amd64"}}]}
        return 200, {"Docker-Content-Digest": "sha256:" + "1" * 64}, json.dumps(index).encode()
