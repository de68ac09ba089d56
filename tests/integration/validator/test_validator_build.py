"""Building and testing in the venv engine: what fails is the repository's fault, what can't be told is nobody's."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from tests.integration.validator.conftest import DOCKERFILE, SDK, handler

DOES_NOTHING = 'import runpod\nrunpod.serverless.start({"handler": lambda job: {"ok": 1}})\n'


class TestStatic:
    """Stops before anything is built, so each takes half a second."""

    def test_no_dockerfile(self, validate, make_worker):
        result = validate(make_worker(DOES_NOTHING, {"Dockerfile": None}))
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("dockerfile_parse", "dockerfile_missing"))
        assert result.check("handler_local").reason_code == "prerequisite_failed"
        assert result.report.build_succeeded is None

    @pytest.mark.parametrize(
        ("dockerfile", "code"),
        [
            ("FROM python:3.11\nCOPY nothing.py /\n", "copy_source_missing"),
            ("FROM python:3.11\nRUNN x\n", "dockerfile_syntax"),
            ("ARG BASE\nFROM $BASE\n", "base_unresolved"),
            (
                'FROM python:3.11-slim\nCOPY requirements.txt /\nCMD ["python", "/handler.py"]\n',
                "command_target_missing",
            ),
        ],
    )
    def test_dockerfile_that_cannot_work(self, validate, make_worker, dockerfile, code):
        result = validate(make_worker(DOES_NOTHING, {"Dockerfile": dockerfile}))
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("dockerfile_parse", code))

    def test_base_that_a_build_argument_gives(self, validate, make_worker):
        files = {"Dockerfile": f"ARG BASE\nFROM $BASE\n{DOCKERFILE.split(chr(10), 1)[1]}", "test_input.json": None}
        result = validate(
            make_worker("x = 1\n", files, sdk=False), repository={"build_args": {"BASE": "python:3.11-slim"}}
        )
        assert result.check("dockerfile_parse").status is CheckStatus.PASS

    @pytest.mark.parametrize(
        ("source", "code"),
        [("def handler(:\n    print 'x'\n", "syntax_error"), ("print('no worker')\n", "start_call_missing")],
    )
    def test_python_that_cannot_work(self, validate, make_worker, source, code):
        result = validate(make_worker(source, sdk=False), engine="venv")
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("python_static", code))

    @pytest.mark.parametrize(
        ("files", "check", "code"),
        [
            ({".runpod/hub.json": "{"}, "hub_schema", "hub_unreadable"),
            ({".runpod/hub.json": "{}"}, "hub_schema", "hub_invalid"),
            (
                {".runpod/tests.json": '{"tests": [{"name": "a", "input": {}, "timeout": 30}]}'},
                "tests_schema",
                "timeout_in_seconds",
            ),
            ({"test_input.json": "[1]"}, "test_input", "test_input_invalid"),
            ({"test_input.json": '{"input": null}'}, "test_input", "test_input_invalid"),
        ],
    )
    def test_file_that_breaks_its_form(self, validate, make_worker, files, check, code):
        # Without a Dockerfile nothing is built; the file's own check still says what it has to say.
        result = validate(make_worker(DOES_NOTHING, {**files, "Dockerfile": None}))
        assert (result.check(check).status, result.check(check).reason_code) == (CheckStatus.FAIL, code)

    def test_deactivated_tests_are_skipped_with_that_reason(self, validate, make_worker):
        result = validate(make_worker(DOES_NOTHING, {".runpod/tests_deactivated.json": "{}", "Dockerfile": None}))
        check = result.check("tests_schema")
        assert (check.status, check.reason_code, check.required) == (CheckStatus.SKIP, "tests_deactivated", False)

    def test_worker_without_a_handler_is_not_blamed_for_it(self, validate, make_worker):
        config = {"runsOn": "CPU", "containerDiskInGb": 1, "cpuFlavor": "cpu3c-2-4", "endpointType": "LB"}
        hub = {"title": "T", "description": "D", "type": "serverless", "category": "image", "config": config}
        result = validate(make_worker("print('serving')\n", {".runpod/hub.json": json.dumps(hub)}, sdk=False))
        assert (result.status, result.reason) == (ReportStatus.INCOMPLETE, ("handler_local", "load_balancer"))

    def test_floating_base_and_secret_are_noted(self, validate, make_worker):
        dockerfile = "FROM vllm/vllm-openai:latest\nENV HF_TOKEN=hf_abcdefghijklmnopqrstuvwxyz\nCOPY . .\nCOPY gone /\n"
        result = validate(make_worker(DOES_NOTHING, {"Dockerfile": dockerfile}))
        warnings = result.evidence("dockerfile_parse")
        assert "vllm/vllm-openai:latest (latest)" in warnings
        assert "secret in the image: HF_TOKEN" in warnings
        assert "hf_abcdefghijklmnopqrstuvwxyz" not in result.report.to_json().decode()

    @pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine has nvidia-smi")
    def test_missing_gpu_is_never_the_repositorys_fault(self, validate, make_worker):
        result = validate(make_worker(DOES_NOTHING), gpu_required=True)
        assert (result.status, result.reason) == (ReportStatus.ERROR, ("host", "gpu_missing"))
        for name in ("handler_local", "handler_api"):
            check = result.check(name)
            assert (check.status, check.reason_code) == (CheckStatus.SKIP, "prerequisite_failed")
            assert "host" in check.reason
        assert result.report.gpu_available is False

    def test_docker_that_is_demanded_and_not_there(self, validate, make_worker):
        environment = {"DOCKER_HOST": "tcp://127.0.0.1:9", "JANITOR_DOCKER_WAIT_SECONDS": "3"}
        result = validate(make_worker(DOES_NOTHING), engine="docker", environment=environment)
        assert (result.status, result.reason) == (ReportStatus.ERROR, ("host", "engine_missing"))


class TestInstall:
    @pytest.mark.parametrize(
        ("requirements", "code"),
        [
            ("no-such-package-by-this-name-9z==1.0\n", "dependency_not_found"),
            ("runpod==99.0.0\n", "dependency_not_found"),
            ("this is no requirement\n", "requirements_invalid"),
            ("boto3==1.34.0\nbotocore==1.30.0\n", "dependency_conflict"),
        ],
    )
    def test_requirement_that_cannot_be_met_is_the_repositorys_fault(self, validate, make_worker, requirements, code):
        result = validate(make_worker(DOES_NOTHING, {"requirements.txt": requirements}))
        assert result.status is ReportStatus.FAILED
        # With an index at hand the dry run says it first; the build says it in any case.
        assert result.reason in (("deps_resolve", code), ("build", code))
        assert result.check("handler_local").reason_code == "prerequisite_failed"

    def test_index_that_does_not_answer_is_nobodys_fault(self, validate, make_worker, tmp_path):
        environment = {
            "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
            "UV_HTTP_RETRIES": "0",
            "UV_CACHE_DIR": str(tmp_path / "empty-cache"),
        }
        result = validate(make_worker(DOES_NOTHING), environment=environment)
        assert (result.status, result.reason) == (ReportStatus.ERROR, ("build", "network"))
        assert result.report.build_succeeded is None

    def test_pip_installs_where_there_is_no_uv(self, validate, make_worker, tmp_path):
        # A package without dependencies keeps it short: pip itself is what is tried here.
        folder = tmp_path / "bin"
        folder.mkdir()
        for program in Path("/usr/bin").iterdir():
            if program.name not in ("uv", "uvx"):
                (folder / program.name).symlink_to(program)
        python = next(path for path in ("/usr/bin/python3", sys.executable) if Path(path).exists())
        pip_settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        source = "import six\nprint(six.__name__, 'was imported')\n" + DOES_NOTHING
        result = validate(
            make_worker(source, {"requirements.txt": "six\n"}),
            environment={"PATH": str(folder), **pip_settings},
            python=python,
        )
        assert "installed by pip" in result.evidence("build"), result.output
        assert "six was imported" in result.evidence("handler_local")
        # The SDK is none of its requirements, on a bare image: that is the repository's own fault.
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("handler_local", "start_failed"))


class TestHandlers:
    def test_module_of_the_base_image_is_not_missed(self, validate, make_worker):
        files = {"Dockerfile": DOCKERFILE.replace("python:3.11-slim", "pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime")}
        source = handler("return {'device': torch.__version__}", before="import torch")
        result = validate(make_worker(source, files, sdk=False))
        assert (result.status, result.reason) == (ReportStatus.ERROR, ("handler_local", "engine_limit"))
        assert "pytorch/pytorch" in result.check("handler_local").reason

    def test_nothing_to_test_with_is_incomplete(self, validate, make_worker):
        result = validate(make_worker(DOES_NOTHING, {"test_input.json": None}, sdk=False))
        assert (result.status, result.reason) == (ReportStatus.INCOMPLETE, ("handler_local", "no_test_input"))

    def test_generator_that_raises_is_found_out(self, validate, make_worker):
        result = validate(make_worker(handler("yield 'one'\nraise ValueError('no second')")))
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("handler_api", "handler_raised"))
        assert "no second" in result.check("handler_api").reason

    def test_plain_handler_that_returns_a_generator_is_found_out(self, validate, make_worker):
        source = handler("return stream(job)", before="def stream(job):\n    yield 1\n")
        result = validate(make_worker(source))
        assert result.check("handler_local").reason_code == "generator_not_iterated"
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("handler_api", "generator_returned"))

    def test_cases_have_their_environment_and_their_own_clock(self, validate, make_worker):
        body = "time.sleep(job['input'].get('seconds', 0))\n"
        body += "return {'model': os.environ['MODEL_NAME'], 'env': os.environ['SPEC']}"
        tests = {
            "tests": [
                {
                    "name": "fast",
                    "input": {"a": 1},
                    "timeout": 20000,
                    "expectedOutput": {"model": "tiny", "env": "yes"},
                },
                {"name": "slow", "input": {"seconds": 30}, "timeout": 1000},
            ],
            "config": {"env": [{"key": "MODEL_NAME", "value": "tiny"}]},
        }
        # A cold start that is longer than every case's own limit is not charged to a case.
        source = handler(body, before="import os, time\ntime.sleep(1.5)\n")
        files = {".runpod/tests.json": json.dumps(tests), "test_input.json": None}
        result = validate(make_worker(source, files), repository={"env": {"SPEC": "yes"}})
        assert (result.status, result.reason) == (ReportStatus.FAILED, ("handler_api", "test_timeout"))
        assert result.check("handler_api").reason.startswith("slow: no answer in 1000 ms")
        assert "fast: pass" in result.evidence("handler_api")
        assert result.check("handler_local").required is False

    def test_worker_with_arguments_of_its_own_and_older_tests(self, validate, make_worker):
        source = (
            "import argparse, runpod\n"
            "parser = argparse.ArgumentParser()\n"
            "parser.add_argument('--generator', action='store_true')\n"
            "options = parser.parse_args()\n"
            "def plain(job):\n    return 'plain ' + job['input']['name']\n"
            "def stream(job):\n    yield 'stream'\n    yield job['input']['name']\n"
            "runpod.serverless.start({'handler': stream if options.generator else plain})\n"
        )
        tests = [
            {"input": {"name": "Dolly"}, "expectedOutput": "plain Dolly"},
            {
                "hardwareConfig": {"templateConfig": {"dockerArgs": "python3 -u /app/handler.py --generator"}},
                "input": {"name": "Dolly"},
                "expectedOutput": ["stream", "Dolly"],
            },
        ]
        files = {".github/tests.json": json.dumps(tests), "test_input.json": None}
        result = validate(make_worker(source, files))
        assert result.status is ReportStatus.SUCCESS, result.output
        assert "2 cases in all" in result.evidence("handler_api")
        assert "handler unnamed: unknown" in result.evidence("python_static")

    def test_program_behind_a_script_in_the_place_where_copy_puts_it(self, validate, make_repository):
        files = {
            "Dockerfile": "FROM python:3.11-slim\nCOPY builder/requirements.txt /requirements.txt\n"
            "RUN pip install -r /requirements.txt\nADD src .\nENV GREETING=hello PYTHONPATH=/lib\nCOPY lib /lib\n"
            'COPY --chmod=755 start.sh /start.sh\nCMD ["/start.sh"]\n',
            "builder/requirements.txt": SDK,
            "start.sh": "#!/bin/bash\necho starting\npython -u /rp_handler.py\n",
            "src/rp_handler.py": handler(
                "return {'text': f'{os.environ[\"GREETING\"]} {name(job)}', 'data': open('data.txt').read()}",
                before="import os\nfrom beside import name\nimport shared\n",
            ),
            "src/beside.py": "def name(job):\n    return job['input']['name']\n",
            "src/data.txt": "data",
            "src/test_input.json": '{"input": {"name": "world"}}',
            "lib/shared.py": "",
        }
        result = validate(make_repository(files))
        assert result.status is ReportStatus.SUCCESS, result.output
        assert "'text': 'hello world'" in result.evidence("handler_local")
