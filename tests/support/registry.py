"""A registry as ECR is one to `docker push` and `docker pull`, under ECR's own name and with its kind of password.

The engine reaches it as it would ECR, by HTTPS to the account's host: HTTPS_PROXY of the engine names this server,
which takes connections to that host alone and ends their TLS itself, with a certificate of an authority made here.
Like ECR it makes no repository by itself and doesn't let a tag be moved. OCI distribution specification 1.1, "Push".
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.answering import LoopbackServer

_UPLOADS = re.compile(r"^/v2/(?P<name>[a-z0-9._/-]+)/blobs/uploads/(?P<id>[\w-]*)$")
_BLOB = re.compile(r"^/v2/(?P<name>[a-z0-9._/-]+)/blobs/(?P<digest>sha256:[0-9a-f]{64})$")
_MANIFEST = re.compile(r"^/v2/(?P<name>[a-z0-9._/-]+)/manifests/(?P<reference>[\w.:-]+)$")
_REQUEST_SECONDS = 120


@dataclass
class Repository:
    """What was pushed."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Type and content by digest."""
    tags: dict[str, str] = field(default_factory=dict)


class Registry(LoopbackServer):
    """The registry of one account, while the block lasts.

    Args:
        folder: For the certificates.
        host: Its name, as docker writes it.
        authorization: The one password that it takes, as ECR's `authorizationToken` has it.
    """

    def __init__(self, folder: Path, host: str, authorization: str) -> None:
        self.host = host
        self.repositories: dict[str, Repository] = {}
        self.refused: list[str] = []
        """Requests without the password."""
        self.authorization = authorization
        self.authority = folder / "authority.pem"
        self._uploads: dict[str, bytearray] = {}
        self._lock = threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(folder, host, self.authority))
        registry = self

        class Handler(_Handler):
            of = registry
            tls = context

        super().__init__(Handler)

    def environment(self) -> dict[str, str]:
        """What an engine needs to reach it: every HTTPS connection goes here, and other hosts are refused."""
        address = f"http://{self.address}"
        return {"HTTPS_PROXY": address, "HTTP_PROXY": address, "NO_PROXY": "", "SSL_CERT_FILE": str(self.authority)}

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for one request."""
        parts = urlsplit(path)
        if headers.get("Authorization") != f"Basic {self.authorization}":
            self.refused.append(f"{method} {parts.path}")
            return 401, {"WWW-Authenticate": f'Basic realm="https://{self.host}/",service="ecr.amazonaws.com"'}, b""
        if parts.path == "/v2/":
            return 200, {}, b"{}"
        with self._lock:
            for pattern, answer in ((_UPLOADS, self._upload), (_BLOB, self._blob), (_MANIFEST, self._manifest)):
                if match := pattern.match(parts.path):
                    repository = self.repositories.get(match["name"])
                    if repository is None:
                        return _error(404, "NAME_UNKNOWN", f"The repository with name '{match['name']}' does not exist")
                    return answer(method, repository, match, parse_qs(parts.query), headers, body)
        return _error(404, "UNSUPPORTED", f"{method} {parts.path}")

    def _upload(
        self, method: str, repository: Repository, match: re.Match[str], query: Any, _headers: Any, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        name, upload = match["name"], match["id"] or str(uuid4())
        content = self._uploads.setdefault(upload, bytearray())
        content += body
        where = {"Location": f"/v2/{name}/blobs/uploads/{upload}", "Docker-Upload-UUID": upload}
        if method in ("POST", "PATCH"):
            return 202, {**where, "Range": f"0-{max(len(content) - 1, 0)}"}, b""
        if method != "PUT":
            return _error(405, "UNSUPPORTED", method)
        digest = query.get("digest", [""])[0]
        found = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if digest != found:
            return _error(400, "DIGEST_INVALID", f"{digest} is {found}")
        repository.blobs[digest] = bytes(self._uploads.pop(upload))
        return 201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest}, b""

    def _blob(
        self, method: str, repository: Repository, match: re.Match[str], _query: Any, _headers: Any, _body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        content = repository.blobs.get(match["digest"])
        if method not in ("GET", "HEAD"):
            return _error(405, "UNSUPPORTED", method)
        if content is None:
            return _error(404, "BLOB_UNKNOWN", match["digest"])
        return 200, {"Content-Type": "application/octet-stream", "Docker-Content-Digest": match["digest"]}, content

    def _manifest(
        self, method: str, repository: Repository, match: re.Match[str], _query: Any, headers: Any, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        reference = match["reference"]
        known = reference if reference in repository.manifests else repository.tags.get(reference)
        if method in ("GET", "HEAD"):
            if known is None:
                return _error(404, "MANIFEST_UNKNOWN", reference)
            kind, content = repository.manifests[known]
            return 200, {"Content-Type": kind, "Docker-Content-Digest": known}, content
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if known not in (None, digest):
            said = f"The image tag '{reference}' already exists and cannot be overwritten: the repository is immutable"
            return _error(400, "TAG_INVALID", said)
        manifest = json.loads(body)
        for part in (manifest["config"], *manifest["layers"]):
            if part["digest"] not in repository.blobs:
                return _error(400, "MANIFEST_BLOB_UNKNOWN", part["digest"])
        repository.manifests[digest] = (headers["Content-Type"], body)
        if not reference.startswith("sha256:"):
            repository.tags[reference] = digest
        return 201, {"Location": f"/v2/{match['name']}/manifests/{digest}", "Docker-Content-Digest": digest}, b""


class _Handler(BaseHTTPRequestHandler):
    """One connection: CONNECT in plain text, then the registry's requests over TLS."""

    protocol_version = "HTTP/1.1"
    timeout = _REQUEST_SECONDS
    of: Registry
    tls: ssl.SSLContext

    def do_CONNECT(self) -> None:
        if self.path != f"{self.of.host}:443":
            self.send_error(502, f"this is the way to {self.of.host} alone")
            return
        self.send_response(200)
        self.end_headers()
        self.connection = self.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def _any(self) -> None:
        status, headers, content = self.of.answer(self.command, self.path, self.headers, self._body())
        self.send_response(status)
        own = {"Docker-Distribution-API-Version": "registry/2.0", "Content-Length": str(len(content))}
        for name, value in (own | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = _any

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def log_message(self, *_arguments: object) -> None:
        """Tests read what was asked from the registry."""


def _error(status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return status, {"Content-Type": "application/json"}, body


def _certificate(folder: Path, host: str, authority: Path) -> Path:
    """The host's certificate with its key, of an authority made for it."""
    own_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Janitor's tests")])
    now = datetime.now(timezone.utc)

    def builder(subject: x509.Name) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))

    ca = builder(issuer).public_key(own_key.public_key())
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    authority.write_bytes(ca.sign(own_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    # A name of more than 64 characters has no place in the subject; what counts is the alternative name.
    leaf = builder(x509.Name([])).public_key(key.public_key())
    leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
    file = folder / "registry.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(leaf.sign(own_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + private)
    return file
