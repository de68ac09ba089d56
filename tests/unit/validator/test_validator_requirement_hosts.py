"""Indexes that a repository names, judged before an installer asks them."""

from __future__ import annotations

import pytest

from janitor.validator.checks.static.python.requirement_hosts import why_unasked
from janitor.validator.settings import Settings
from tests.corpus.case import Answer
from tests.corpus.web import web_server


def unasked(*addresses: str, private: str = "127.0.0.1") -> tuple[str, str] | None:
    settings = Settings.from_environment(
        {"HOME": "/nonexistent", "JANITOR_PRIVATE_HOSTS": private, "no_proxy": "127.0.0.1"}
    )
    return why_unasked(settings, addresses)


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest/meta-data/", "https://10.0.0.1/simple", "http://localhost:1/simple"]
)
def test_index_that_redirects_to_a_private_host_is_not_asked(location):
    with web_server({"/simple": Answer(status=302, headers={"Location": location})}) as address:
        found = unasked(f"http://{address}/simple")
    assert found is not None
    assert found[0] == "host_refused"


def test_index_that_answers_is_asked_by_the_resolution():
    with web_server({"/simple": Answer(body="x")}) as address:
        assert unasked(f"http://{address}/simple", f"http://{address}/gone") is None
        assert unasked(f"http://{address}/simple", private="") is not None


@pytest.mark.parametrize(
    "address",
    [
        "http://192.88.99.1/simple",
        "https://127.0.0.1/simple",
        "https://169.254.169.254/",
        "https://[::1]/",
        "https://[::1",
    ],
)
def test_index_without_tls_or_in_a_private_network_is_not_asked(address):
    assert unasked(address, private="") is not None


def test_index_that_is_not_there_is_the_resolutions_to_tell():
    assert unasked("http://127.0.0.1:9/simple") is None
