"""A server that answers what Airflow's REST API would about runs that a test names, for tests without an Airflow."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

from janitor.settings import Settings

_ENDED = ("success", "failed")


class _Handler(BaseHTTPRequestHandler):
    states: dict[str, str]
    knows_dag: bool

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        name = unquote(path.rpartition("/dagRuns")[2].lstrip("/"))
        if not self.knows_dag:
            self._answer(404, {"detail": "the DAG was not found"})
        elif not name:
            going_on = [{"dag_run_id": run} for run, state in self.states.items() if state not in _ENDED]
            limit = int(parse_qs(urlsplit(self.path).query).get("limit", ["100"])[0])
            self._answer(200, {"dag_runs": going_on[:limit]})
        elif name in self.states:
            self._answer(200, {"state": self.states[name]})
        else:
            self._answer(404, {"detail": "not found"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(201, {"access_token": "token"})

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.states[unquote(self.path.rpartition("/")[2])] = "failed"
        self._answer(200, {})

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def airflow_that_says(settings: Settings, states: dict[str, str], *, knows_dag: bool = True) -> Iterator[Settings]:
    """Settings whose Airflow knows exactly these runs: Airflow's id → state. The states may change meanwhile."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (_Handler,), {"states": states, "knows_dag": knows_dag})
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield settings.model_copy(
            update={
                "airflow_url": f"http://127.0.0.1:{server.server_port}",
                "airflow_username": "x",
                "airflow_password": SecretStr("x"),
            }
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
