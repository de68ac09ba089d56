"""A wheel that speaks as the SDK does, in its local mode and over its API, and needs no other package.

So that a repair is measured without a network, in seconds, and the same each time. What it prints and answers is what
`janitor.diagnosis.handler` knows of runpod 1.12.0; the accuracy of verdicts is measured with the SDK itself.
"""

from __future__ import annotations

from tests.support.package_index import Wheel

VERSION = "1.12.0"
_SERVERLESS = """\
import argparse
import asyncio
import inspect
import json
import os
import sys
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer


def _say(level, message, job=None):
    print(f"{level:<7}| " + (f"{job} | " if job else "") + message, flush=True)


def _run(handler, job):
    name = job["id"]
    _say("INFO", "Started.", name)
    try:
        output = handler(job)
        if inspect.iscoroutine(output):
            output = asyncio.run(output)
        if inspect.isgenerator(output):
            output = list(output)
        _say("DEBUG", f"Handler output: {output}", name)
        found = {"error": output["error"]} if isinstance(output, dict) and "error" in output else {"output": output}
    except Exception as exc:
        error = {
            "error_type": str(type(exc)),
            "error_message": str(exc),
            "error_traceback": traceback.format_exc(),
            "hostname": "unknown",
            "worker_id": "unknown",
            "runpod_version": "VERSION",
        }
        _say("ERROR", "Captured Handler Exception", name)
        _say("ERROR", json.dumps(error, indent=4))
        found = {"error": json.dumps(error)}
    _say("DEBUG", f"run_job return: {found}", name)
    return found


def _local(handler):
    if not os.path.exists("test_input.json"):
        _say("WARN", "test_input.json not found, exiting.")
        sys.exit(1)
    _say("INFO", "Using test_input.json as job input.")
    with open("test_input.json", encoding="UTF-8") as file:
        job = json.loads(file.read())
    if "input" not in job:
        _say("ERROR", "Job has no input parameter. Unable to run.")
        sys.exit(1)
    job["id"] = job.get("id", "local_test")
    _say("DEBUG", f"Retrieved local job: {job}")
    result = _run(handler, job)
    if "error" in result:
        _say("ERROR", f"Job {job['id']} failed with error: {result['error']}")
        sys.exit(1)
    _say("INFO", f"Job {job['id']} completed successfully.")
    _say("INFO", f"Job result: {result}")
    _say("INFO", "Local testing complete, exiting.")
    sys.exit(0)


def _serve(handler, host, port):
    class Api(BaseHTTPRequestHandler):
        def _answer(self, status, document):
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            if self.path == "/openapi.json":
                self._answer(200, {"openapi": "3.1.0", "paths": {"/runsync": {}, "/run": {}}})
            else:
                self._answer(404, {"detail": "Not Found"})

        def do_POST(self):
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                request = json.loads(content)
                wanted = request["input"]
            except (ValueError, KeyError, TypeError):
                self._answer(422, {"detail": [{"loc": ["body", "input"], "msg": "Field required", "type": "missing"}]})
                return
            name = f"test-{uuid.uuid4()}"
            result = _run(handler, {"id": name, "input": wanted})
            if "error" in result:
                self._answer(200, {"id": name, "status": "FAILED", "error": result["error"]})
            else:
                self._answer(200, {"id": name, "status": "COMPLETED", "output": result["output"]})

        def log_message(self, *_arguments):
            pass

    _say("INFO", "Starting API server.")
    HTTPServer((host, port), Api).serve_forever()


def start(config):
    print("--- Starting Serverless Worker |  Version VERSION ---", flush=True)
    parser = argparse.ArgumentParser()
    parser.add_argument("--test_input")
    parser.add_argument("--rp_log_level")
    parser.add_argument("--rp_serve_api", action="store_true")
    parser.add_argument("--rp_api_port", type=int, default=8000)
    parser.add_argument("--rp_api_host", default="localhost")
    options, _ = parser.parse_known_args()
    if options.rp_serve_api:
        _serve(config["handler"], options.rp_api_host, options.rp_api_port)
    else:
        _local(config["handler"])
"""

SDK = Wheel(
    name="runpod",
    version=VERSION,
    modules={
        "runpod/__init__.py": f'from . import serverless\n\n__version__ = "{VERSION}"\n',
        "runpod/serverless/__init__.py": _SERVERLESS.replace("VERSION", VERSION),
    },
)
