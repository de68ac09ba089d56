"""Submodules of a hostile repository: which transport, host and key git is ever given."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from janitor.validator.checkout.git import _SSH, Git, GitError
from janitor.validator.checkout.submodules import (
    Submodule,
    SubmoduleError,
    SubmoduleSources,
    named_submodules,
    transport_of,
)
from janitor.validator.settings import Settings

FAULT, OURS = True, False


def git(folder: Path, *words: str) -> str:
    argv = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "protocol.file.allow=always", *words]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(argv, cwd=folder, env=env, check=True, capture_output=True, timeout=60, text=True).stdout


def repository(folder: Path, gitmodules: str | None = None, links: dict[str, str] | None = None) -> Path:
    """A repository, with a .gitmodules and links to commits."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "lib.py").write_text("x = 1\n")
    if gitmodules is not None:
        (folder / ".gitmodules").write_text(gitmodules)
    git(folder, "add", "--all")
    for path, sha in (links or {}).items():
        git(folder, "update-index", "--add", "--cacheinfo", f"160000,{sha},{path}")
    git(folder, "commit", "--quiet", "--message", "state")
    return folder


def section(url: str, *, name: str = "x", path: str = "x", more: str = "") -> str:
    return f'[submodule "{name}"]\n\tpath = {path}\n\turl = "{url}"\n{more}'


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


@pytest.fixture
def fetched(tmp_path: Path, mark: Path) -> Callable[..., tuple[str, bool, str] | None]:
    """Checks a repository out where ssh leaves a mark; returns the trouble, or None where there is none."""
    programs = tmp_path / "bin"
    programs.mkdir()
    denied = "git@127.0.0.1: Permission denied (publickey)."
    (programs / "ssh").write_text(f'#!/bin/sh\necho "$*" >> {mark}\necho "{denied}" >&2\nexit 255\n')
    (programs / "ssh").chmod(0o755)

    def fetch(url: str, **environment: str) -> tuple[str, bool, str] | None:
        neutral = tmp_path / "neutral"
        neutral.mkdir(exist_ok=True)
        settings = Settings.from_environment(
            {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path), "TMPDIR": str(tmp_path), **environment}
        )
        try:
            Git(settings, neutral).checkout(url, None, tmp_path / "checkout")
        except GitError as exc:
            return exc.trouble.code, exc.trouble.repository_at_fault, exc.trouble.reason
        return None

    return fetch


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A private server, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_arguments: object) -> None:
            pass

    with served(Handler) as address:
        yield address, asked


@contextlib.contextmanager
def served(handler: Any, context: ssl.SSLContext | None = None) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


HOSTILE = [
    ("ssh://git@127.0.0.1:1/victim/private.git", "transport_refused", FAULT),
    ("ssh://-oProxyCommand=touch%20{mark}/x", "transport_refused", FAULT),
    ("git@127.0.0.1:victim/private.git", "transport_refused", FAULT),
    ("127.0.0.1:victim/private.git", "transport_refused", FAULT),
    ("git+ssh://git@127.0.0.1/x", "transport_refused", FAULT),
    ("ext::sh -c touch% {mark}", "transport_refused", FAULT),
    ("fd::17", "transport_refused", FAULT),
    ("git://127.0.0.1/x", "transport_refused", FAULT),
    ("ftp://127.0.0.1/x", "transport_refused", FAULT),
    ("file://{elsewhere}", "transport_refused", FAULT),
    ("{elsewhere}", "transport_refused", FAULT),
    ("../../elsewhere/private", "transport_refused", FAULT),
    ("file://127.0.0.1{elsewhere}", "transport_refused", FAULT),
    ("http://{web}/x", "transport_refused", FAULT),
    ("http://169.254.169.254/latest", "transport_refused", FAULT),
    ("https://169.254.169.254/latest", "host_refused", OURS),
    ("https://{web}/x", "host_refused", OURS),
    ("https://localhost:1/x", "host_refused", OURS),
    ("https://10.1.2.3/x", "host_refused", OURS),
    ("https://0x7f.1/x", "host_refused", OURS),
    ("https://user:hunter2hunter2@127.0.0.1:1/x", "host_refused", OURS),
    ("HTTPS://127.0.0.1:1/x", "transport_refused", FAULT),
    ("https://127.0.0.1:1/x\\ny", "transport_refused", FAULT),
    ("--upload-pack=touch {mark}", "transport_refused", FAULT),
    ("-u./payload", "transport_refused", FAULT),
    ("", "transport_refused", FAULT),
]


@pytest.mark.parametrize("nested", [False, True], ids=["own", "nested"])
@pytest.mark.parametrize(("url", "code", "at_fault"), HOSTILE, ids=[url for url, _, _ in HOSTILE])
def test_hostile_address_is_refused_before_git_is_asked(fetched, tmp_path, mark, listener, url, code, at_fault, nested):
    web, asked = listener
    elsewhere = repository(tmp_path / "elsewhere" / "private")
    url = url.format(mark=mark, web=web, elsewhere=elsewhere)
    folder = repository(tmp_path / "group" / "worker", section(url), {"x": git(elsewhere, "rev-parse", "HEAD").strip()})
    if nested:
        sha = git(folder, "rev-parse", "HEAD").strip()
        folder = repository(tmp_path / "group" / "outer", section("../worker", path="inner"), {"inner": sha})
    found = fetched(folder.as_uri())
    assert found is not None
    assert found[:2] == (code, at_fault), found
    assert "the submodule x" in found[2]
    assert "hunter2" not in found[2]
    assert not mark.exists()
    assert asked == []
    assert not (tmp_path / "checkout" / "x" / "lib.py").exists()


@pytest.mark.parametrize(
    ("text", "path", "code"),
    [
        (section("../lib", more="\tupdate = !touch {mark}\n"), "x", "submodule_invalid"),
        (section("../lib", name="../../x"), "x", "submodule_invalid"),
        (section("../lib", name="-x"), "x", "submodule_invalid"),
        (section("../lib", path="-x"), "-x", "submodule_invalid"),
        (section("../lib", path="other"), "x", "submodule_unmapped"),
        ('[submodule "x"]\n\tpath = x\n', "x", "submodule_unmapped"),
        ("[submodule", "x", "submodule_invalid"),
        ('[include]\n\tpath = ../evil\n[submodule "x"]\n\tpath = x\n\turl = ssh://h/x\n', "x", "transport_refused"),
    ],
    ids=[
        "command",
        "name that leads out",
        "name as option",
        "path as option",
        "unmapped",
        "no url",
        "broken",
        "include",
    ],
)
def test_hostile_gitmodules_is_refused(fetched, tmp_path, mark, text, path, code):
    lib = repository(tmp_path / "group" / "lib")
    sha = git(lib, "rev-parse", "HEAD").strip()
    folder = repository(
        tmp_path / "group" / "worker", text.format(mark=mark) if "{mark}" in text else text, {path: sha}
    )
    found = fetched(folder.as_uri())
    assert found is not None
    assert found[:2] == (code, FAULT), found
    assert not mark.exists()


def test_submodule_that_is_not_wanted_is_left_out(fetched, tmp_path):
    folder = repository(tmp_path / "worker", section("ssh://h/x", more="\tupdate = none\n"), {"x": "1" * 40})
    assert fetched(folder.as_uri()) is None


def test_own_ssh_uses_no_key_of_the_machine(fetched, mark):
    found = fetched("ssh://git@127.0.0.1/x.git")
    assert found is not None
    assert found[:2] == ("needs_credentials", FAULT)
    assert "no key of this machine is used; give the repository's https address" in found[2]
    words = mark.read_text().splitlines()[0].split()
    assert words[:2] == ["-F", "/dev/null"]
    for option in ("IdentityFile=none", "IdentitiesOnly=yes", "IdentityAgent=none", "PubkeyAuthentication=no"):
        assert f"-o{option}" in words
    known = next(word for word in words if word.startswith("-oUserKnownHostsFile="))
    assert known.endswith("/neutral/known_hosts")


@pytest.mark.skipif(shutil.which("ssh") is None, reason="this machine has no ssh")
def test_real_ssh_knows_no_key_file(tmp_path):
    done = subprocess.run(
        [*_SSH, "-G", "example.org"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    settings = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert [value for key, value in settings if key == "identityfile"] == ["none"]
    assert ["identityagent", "none"] in settings
    assert ["pubkeyauthentication", "false"] in settings or ["pubkeyauthentication", "no"] in settings


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("https://h/x", "https"),
        ("http://h/x", "http"),
        ("ssh://h/x", "ssh"),
        ("git@h:x", "ssh"),
        ("file:///x", "file"),
        ("/x", "file"),
        ("ext::sh -c x", "none"),
        ("git://h/x", "none"),
        ("x", "none"),
        ("https::h", "none"),
        ("a@h::x", "none"),
    ],
)
def test_transports(url, transport):
    assert transport_of(url) == transport


def sources(own: str, **environment: str) -> SubmoduleSources:
    return SubmoduleSources(Settings.from_environment({"HOME": "/nonexistent", **environment}), own)


@pytest.mark.parametrize(
    ("own", "url"),
    [
        ("https://example.org/group/worker", "file:///etc"),
        ("https://example.org/group/worker", "/etc"),
        ("https://example.org/group/worker", "http://example.org/x"),
        ("https://example.org/group/worker", "../../../x"),
        ("git@example.org:group/worker", "../x"),
        ("ssh://example.org/group/worker", "../x"),
        ("file:///worker", "file:///other"),
        ("file:///srv/group/worker", "../../other"),
    ],
)
def test_repository_of_the_network_reaches_no_file_and_no_ssh(own, url):
    with pytest.raises(SubmoduleError) as caught:
        sources(own).source(Submodule(name="x", path="x", url=url), parent=own)
    assert caught.value.trouble.code in ("transport_refused", "submodule_invalid")
    assert caught.value.trouble.repository_at_fault


def test_submodule_of_the_network_reaches_no_file_beside_the_repository(tmp_path):
    judge = sources((tmp_path / "worker").as_uri())
    module = Submodule(name="x", path="x", url=(tmp_path / "other").as_uri())
    assert judge.source(module, parent=(tmp_path / "worker").as_uri()).transport == "file"
    with pytest.raises(SubmoduleError):
        judge.source(module, parent="https://github.com/a/b")


def test_last_of_two_settings_counts_as_git_has_it():
    pairs = [("submodule.a.path", "x"), ("submodule.a.url", "https://one/"), ("submodule.a.url", "https://two/")]
    assert [each.url for each in named_submodules(pairs, ["x"])] == ["https://two/"]


# -- over TLS


class GitHandler(http.server.BaseHTTPRequestHandler):
    """git's own server program behind /git/; /moved/ redirects there, /out/ to a private host, /plain/ out of TLS."""

    root: Path
    away = "1"
    asked: list[str]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.asked.append(self.path)
        _, first, rest = self.path.split("/", 2)
        if first != "git":
            place = {
                "moved": "/git",
                "out": f"https://10.1.2.3:{self.away}",
                "plain": f"http://127.0.0.1:{self.away}/git",
            }
            self.send_response(301)
            self.send_header("Location", f"{place[first]}/{rest}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = rest.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{path}",
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", "http-backend"],
            input=body,
            env=environment,
            capture_output=True,
            timeout=30,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in {**fields, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[str, Path, Path, list[str]]]:
    """Address of a server of repositories, the folder that they lie in, its certificate, and what it was asked."""
    if shutil.which("openssl") is None:
        pytest.skip("this machine has no openssl")
    certificate, key, root = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "served"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    root.mkdir()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked: list[str] = []
    handler = type("Handler", (GitHandler,), {"root": root, "asked": asked})
    with served(functools.partial(handler), context) as address:
        yield address, root, certificate, asked


def environment_of(certificate: Path, hosts: str = "127.0.0.1,localhost") -> dict[str, str]:
    return {
        "JANITOR_PRIVATE_HOSTS": hosts,
        "SSL_CERT_FILE": str(certificate),
        "GIT_SSL_CAINFO": str(certificate),
        "no_proxy": "127.0.0.1,localhost",
    }


@pytest.mark.parametrize("kind", ["git", "moved"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_submodules_come_by_https_through_judged_redirects(fetched, tmp_path, tls, kind, host):
    address, root, certificate, _ = tls
    inner = repository(root / "inner")
    link = {"inner": git(inner, "rev-parse", "HEAD").strip()}
    middle = repository(root / "middle", section("../inner", path="inner"), link)
    url = f"https://{address.replace('127.0.0.1', host)}/{kind}/middle"
    folder = repository(tmp_path / "worker", section(url), {"x": git(middle, "rev-parse", "HEAD").strip()})
    assert fetched(folder.as_uri(), **environment_of(certificate)) is None
    assert (tmp_path / "checkout" / "x" / "inner" / "lib.py").read_text() == "x = 1\n"


@pytest.mark.parametrize(
    ("kind", "hosts", "code"),
    [
        ("git", "", "host_refused"),
        ("out", "127.0.0.1", "host_refused"),
        ("plain", "127.0.0.1", "transport_refused"),
    ],
)
def test_server_cannot_lead_git_on(fetched, tmp_path, tls, monkeypatch, kind, hosts, code):
    address, root, certificate, asked = tls
    inner = repository(root / "inner")
    sha = git(inner, "rev-parse", "HEAD").strip()
    folder = repository(tmp_path / "worker", section(f"https://{address}/{kind}/inner"), {"x": sha})
    without_tls: list[str] = []
    with served(type("Plain", (GitHandler,), {"root": root, "asked": without_tls})) as plain:
        monkeypatch.setattr(GitHandler, "away", plain.rpartition(":")[2])
        found = fetched(folder.as_uri(), **environment_of(certificate, hosts))
    assert found is not None
    assert found[0] == code, found
    assert all(path.startswith(f"/{kind}/") for path in asked)
    # The one question is our own, to a host that this machine's owner has named.
    assert len(without_tls) == (1 if kind == "plain" else 0)
