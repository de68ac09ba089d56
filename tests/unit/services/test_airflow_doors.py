"""How the command is let in by an Airflow: by password, by token, through MWAA; over a proxy, and with a private CA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from janitor.domain.errors import AirflowError, NotFoundError, SettingsError
from janitor.services.airflow.client import AirflowClient
from janitor.settings import Settings, load_settings
from tests.support.airflow_doors import Asked, listening, make_certificate

ROOT = Path(__file__).resolve().parents[3]
RUNS = {"dag_runs": [{"dag_run_id": "manual__1"}]}
PASSWORD, TOKEN = "a-password-of-airflow", "a-token-of-elsewhere"


def settings_of(**values: str) -> Settings:
    environ = {"JANITOR_BUCKET": "b", "JANITOR_DEPLOYMENT": "doors", **values}
    return load_settings("dev", environ=environ, project_root=ROOT)


def airflow(asked: Asked) -> tuple[int, Any]:
    """One that knows a password and the token that it makes of it, and another token."""
    if asked.path == "/auth/token":
        right = asked.body == {"username": "ann", "password": PASSWORD}
        return (201, {"access_token": "made"}) if right else (401, {"detail": "Invalid credentials"})
    if asked.headers.get("Authorization") not in ("Bearer made", f"Bearer {TOKEN}"):
        return 401, {"detail": "Not authenticated"}
    return (200, RUNS) if "/dagRuns?" in asked.path else (404, {"detail": "no such thing"})


def running(settings: Settings) -> list[str]:
    with AirflowClient(settings) as client:
        return client.running()


def test_a_password_makes_a_token() -> None:
    with listening(airflow) as server:
        login = {"JANITOR_AIRFLOW_URL": f"{server.url}/", "JANITOR_AIRFLOW_USERNAME": "ann"}
        assert running(settings_of(**login, JANITOR_AIRFLOW_PASSWORD=PASSWORD)) == ["manual__1"]
        assert [asked.path.split("?")[0] for asked in server.asked] == [
            "/auth/token",
            "/api/v2/dags/validate_workers/dagRuns",
        ]
        with pytest.raises(AirflowError, match=r"refused POST /auth/token \(401\): Invalid credentials") as refused:
            running(settings_of(**login, JANITOR_AIRFLOW_PASSWORD="another"))
        assert "JANITOR_AIRFLOW_TOKEN" in str(refused.value)
        assert "another" not in str(refused.value)


def test_a_token_is_sent_as_it_is() -> None:
    with listening(airflow) as server:
        right = {"JANITOR_AIRFLOW_URL": server.url, "JANITOR_AIRFLOW_TOKEN": TOKEN}
        assert running(settings_of(**right)) == ["manual__1"]
        assert [asked.path for asked in server.asked if "auth" in asked.path] == []
        assert TOKEN not in repr(settings_of(**right))
        with pytest.raises(AirflowError, match=r"\(401\): Not authenticated") as refused:
            running(settings_of(**{**right, "JANITOR_AIRFLOW_TOKEN": "outlived"}))
        assert "outlived" not in str(refused.value)
        with AirflowClient(settings_of(**right)) as client, pytest.raises(NotFoundError, match="no such thing"):
            client.state("manual__2")


def test_an_airflow_below_a_path() -> None:
    with listening(lambda asked: (200, RUNS)) as server:
        login = {"JANITOR_AIRFLOW_URL": f"{server.url}/team/deployment", "JANITOR_AIRFLOW_TOKEN": TOKEN}
        assert running(settings_of(**login)) == ["manual__1"]
        assert server.asked[-1].path.startswith("/team/deployment/api/v2/dags/")


def test_what_is_missing_depends_on_the_way_in() -> None:
    with pytest.raises(SettingsError, match="JANITOR_AIRFLOW_URL is not set") as none:
        _ = settings_of().airflow_entrance
    assert "or JANITOR_AIRFLOW_TOKEN" in str(none.value)
    with pytest.raises(SettingsError, match="JANITOR_AIRFLOW_URL is not set") as no_url:
        _ = settings_of(JANITOR_AIRFLOW_TOKEN=TOKEN).airflow_entrance
    assert "JANITOR_AIRFLOW_PASSWORD" not in str(no_url.value)


def test_a_page_in_airflows_place_is_told() -> None:
    with listening(lambda asked: (200, "a login page")) as server:
        login = {"JANITOR_AIRFLOW_URL": server.url, "JANITOR_AIRFLOW_USERNAME": "ann"}
        with pytest.raises(AirflowError, match=r"refused POST /auth/token \(200\)"):
            running(settings_of(**login, JANITOR_AIRFLOW_PASSWORD=PASSWORD))


def test_the_proxy_of_the_shell_counts_outside_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with listening(airflow) as proxy, listening(airflow) as near:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        far = "http://airflow.janitor.invalid"
        assert running(settings_of(JANITOR_AIRFLOW_URL=far, JANITOR_AIRFLOW_TOKEN=TOKEN)) == ["manual__1"]
        assert proxy.asked[-1].path.startswith(f"{far}/api/v2/")
        asked = len(proxy.asked)
        assert running(settings_of(JANITOR_AIRFLOW_URL=near.url, JANITOR_AIRFLOW_TOKEN=TOKEN)) == ["manual__1"]
        assert (len(proxy.asked), len(near.asked)) == (asked, 1)


def test_a_private_ca_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with listening(airflow, certificate) as server:
        settings = settings_of(JANITOR_AIRFLOW_URL=server.url, JANITOR_AIRFLOW_TOKEN=TOKEN)
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        with pytest.raises(AirflowError, match="can't be reached"):
            running(settings)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert running(settings) == ["manual__1"]


def mwaa(asked: Asked) -> tuple[int, Any]:
    """What MWAA answers: Airflow's status within its own, and an exception where that is no success."""
    if asked.path == "/restapi/gone":
        return 404, {"__type": "ResourceNotFoundException", "message": "no such environment"}
    if asked.body["Path"] == "/dags/validate_workers/dagRuns":
        return 200, {"RestApiStatusCode": 200, "RestApiResponse": RUNS}
    return 400, {
        "__type": "RestApiClientException",
        "RestApiStatusCode": 404,
        "RestApiResponse": {"detail": "no such run"},
    }


def test_mwaa_is_asked_by_awss_own_api() -> None:
    with listening(mwaa) as server:
        cloud = {
            "JANITOR_AWS_ENDPOINT_URL": server.url,
            "JANITOR_AWS_ACCESS_KEY_ID": "a",
            "JANITOR_AWS_SECRET_ACCESS_KEY": "s",
        }
        settings = settings_of(JANITOR_AIRFLOW_MWAA="gpu-checks", **cloud)
        assert running(settings) == ["manual__1"]
        (asked,) = server.asked
        assert (asked.method, asked.path) == ("POST", "/restapi/gpu-checks")
        assert asked.body == {
            "Method": "GET",
            "Path": "/dags/validate_workers/dagRuns",
            "QueryParameters": {"state": ["running", "queued"], "limit": "100"},
        }
        assert "/airflow/aws4_request" in asked.headers["Authorization"]
        with AirflowClient(settings) as client:
            with pytest.raises(NotFoundError, match=r"MWAA's gpu-checks doesn't know .*no such run"):
                client.state("manual__2")
            client.mark_failed("manual__2")  # a run that is gone is no trouble
            assert server.asked[-1].body["Body"] == {"state": "failed"}
        with pytest.raises(AirflowError, match=r"no such environment.*check JANITOR_AIRFLOW_MWAA"):
            running(settings_of(JANITOR_AIRFLOW_MWAA="gone", **cloud))
