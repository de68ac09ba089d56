"""Patterns that public workers have: programs beside the handler, and versions that never reach the installer."""

from __future__ import annotations

import json

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Kind, fails, passes, skips
from tests.corpus.static_dockerfiles import APP, START, refused
from tests.corpus.static_dockerfiles import works as dockerfile_works
from tests.corpus.static_pins import works as pins_work
from tests.corpus.static_python import broken, works
from tests.corpus.workers import COPY_ALL, DOCKERFILE, GPU_HUB, HEALTHY, hub

WORKER = f"COPY handler.py .\n{START}"
APPLICATION = "print('a page for people')\n"
STARTS_APP = COPY_ALL.replace("handler.py", "app.py")
BESIDE = (
    broken(
        "start_in_a_file_that_is_never_started",
        "start_call_missing",
        "a handler in order beside the program that the container starts",
        HEALTHY,
        **{"Dockerfile": STARTS_APP, "app.py": APPLICATION},
    ),
    broken(
        "start_beside_a_shell_form",
        "start_call_missing",
        "the same, with the shell form",
        HEALTHY,
        **{"Dockerfile": STARTS_APP.replace('["python", "-u", "app.py"]', "python app.py"), "app.py": APPLICATION},
    ),
    works(
        "started_by_a_script_too",
        "a script that starts the handler, and a page for people after it",
        HEALTHY,
        **{
            "Dockerfile": COPY_ALL.replace('["python", "-u", "handler.py"]', '["bash", "start.sh"]'),
            "start.sh": "python -u handler.py &\npython app.py\n",
            "app.py": APPLICATION,
        },
    ),
    works(
        "started_by_the_base_image",
        "a base image whose own ENTRYPOINT may start the handler",
        HEALTHY,
        **{"Dockerfile": STARTS_APP.replace("python:3.11-slim", "acme/worker-base:1"), "app.py": APPLICATION},
    ),
    works(
        "started_by_a_child",
        "a program that starts the handler as another process",
        HEALTHY,
        **{
            "Dockerfile": STARTS_APP,
            "app.py": "import subprocess\nsubprocess.run(['python', 'handler.py'], check=True)\n",
        },
    ),
    works(
        "started_by_a_test_case",
        "a test case whose own command starts the handler",
        HEALTHY,
        **{
            "Dockerfile": STARTS_APP,
            "app.py": APPLICATION,
            ".github/tests.json": json.dumps(
                [{"input": {"text": "one"}, "templateConfig": {"dockerArgs": "python -u handler.py"}}]
            ),
        },
    ),
)

REDIRECTED = (
    refused(
        "version_below_without_quotes",
        "shell_redirection",
        "a version that the shell takes for a file to read",
        f"{APP}RUN pip install runpod==1.12.0 && pip install --no-cache-dir numpy<2\n{WORKER}",
    ),
    refused(
        "version_range_without_quotes",
        "shell_redirection",
        "a range whose upper end the shell takes for a file to read",
        f"{APP}RUN pip install runpod==1.12.0 numpy>=1.26,<2.0\n{WORKER}",
    ),
    dockerfile_works(
        "version_above_without_quotes",
        "a version that is lost to the shell, which stops nothing",
        f"{APP}RUN pip install runpod>=1.7.0 six>=1.16\n{WORKER}",
    ),
    dockerfile_works(
        "version_in_quotes",
        "a version below another, in quotes",
        f"{APP}RUN pip install runpod==1.12.0 'numpy<2' \"six<2\" idna\\<4\n{WORKER}",
    ),
    dockerfile_works(
        "version_lost_and_passed_over",
        "a command that may fail, and does",
        f"{APP}RUN pip install runpod==1.12.0\nRUN pip install numpy<2 || true\n{WORKER}",
    ),
    dockerfile_works(
        "version_lost_before_another_command",
        "a command that fails where the shell goes on",
        f"{APP}RUN pip install runpod==1.12.0\nRUN pip install numpy<2; pip install six\n{WORKER}",
    ),
    Case(
        name="installs_with_its_output_put_elsewhere",
        holds="redirections that were handed to the installer as packages",
        truth=ReportStatus.SUCCESS,
        expected=(passes(CheckName.BUILD),),
        files={"Dockerfile": DOCKERFILE.replace("-r requirements.txt", "-r requirements.txt > /tmp/log 2>&1")},
    ),
    pins_work(
        "output_put_elsewhere",
        "an installation whose output goes to a file",
        "RUN pip install -q six==1.16.0 > /tmp/log 2>&1",
    ),
)

SERVES = """\
from http.server import BaseHTTPRequestHandler, HTTPServer

HTTPServer(("", 80), BaseHTTPRequestHandler).serve_forever()
"""
SERVING = (
    Case(
        name="load_balancer_in_a_hub_json_with_a_fault",
        holds="a load-balanced worker whose hub.json lacks a field: its Python isn't to blame",
        truth=ReportStatus.FAILED,
        expected=(fails(CheckName.HUB_SCHEMA, "hub_invalid"), skips(CheckName.PYTHON_STATIC, "load_balancer")),
        files={
            "handler.py": SERVES,
            ".runpod/hub.json": hub({**GPU_HUB, "gpuIds": None, "endpointType": "LB"}),
        },
        kind=Kind.STATIC,
    ),
)

WILD = (*SERVING, *BESIDE, *REDIRECTED)
