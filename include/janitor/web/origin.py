"""What a request that writes must be like: JSON, and sent by a page of this very server.

A browser sends a form, or a request without a body of its own type, from any page on the web, with the login's cookie
where SameSite lets it. It asks before it sends JSON elsewhere, and it always says where a request comes from.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import HTTPException, Request


def require_own_page(request: Request) -> None:
    """Let a request pass that this server's pages, or no browser at all, have sent.

    Raises:
        HTTPException: 415 for what isn't JSON, 403 for another page's.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "send JSON")
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        # What the browser has worked out itself; a proxy may have changed the host that the request names.
        is_own = site in ("same-origin", "none")
    else:
        is_own = origin is None or urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    if not is_own:
        raise HTTPException(403, "another site's page may not do this")
