"""What is elsewhere alone: at an absolute path of the image, or on the platform; and what only looks like it."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, errs, fails
from tests.corpus.workers import COPY_ALL, case, cases_json, handler, hub

C, R = CheckName, ReportStatus
LOCAL = C.HANDLER_LOCAL
_OK = 'return {"ok": 1}'

ELSEWHERE = (
    Case(
        name="module_in_an_absolute_folder",
        holds="FALSE BLAME: sys.path has a folder of the image, which the venv engine lays out elsewhere",
        truth=R.ERROR,
        expected=(errs(LOCAL, "engine_limit"),),
        files={
            "Dockerfile": COPY_ALL,
            "lib/own_thing.py": "OK = 1\n",
            "handler.py": handler(_OK, before='import sys\nsys.path.append("/app/lib")\nfrom own_thing import OK'),
        },
    ),
    Case(
        name="module_in_a_folder_that_nobody_names",
        holds="FALSE PASS: a module lies where Python doesn't look",
        truth=R.FAILED,
        expected=(fails(LOCAL, "start_failed"),),
        files={
            "Dockerfile": COPY_ALL,
            "lib/own_thing.py": "OK = 1\n",
            "handler.py": handler(_OK, before="from own_thing import OK"),
        },
    ),
    Case(
        name="absolute_path_in_its_own_words",
        holds="FALSE BLAME: a worker that says itself that a path of the image isn't there",
        truth=R.ERROR,
        expected=(errs(LOCAL, "engine_limit"),),
        files={
            "Dockerfile": COPY_ALL,
            "models/a.bin": "weights\n",
            "handler.py": handler(
                'if not os.path.exists("/app/models/a.bin"):\n    return {"error": "no model: /app/models/a.bin"}\n'
                + _OK,
                before="import os",
            ),
        },
    ),
    Case(
        name="variable_of_hub_json",
        holds="FALSE BLAME: hub.json has the platform set it, and there is no tests.json that would",
        truth=R.ERROR,
        expected=(errs(LOCAL, "platform_only"),),
        files={
            "handler.py": handler(_OK, before='import os\n\nADAPTER = os.environ["ADAPTER"]'),
            ".runpod/hub.json": hub({"env": [{"key": "ADAPTER", "value": "x"}]}),
        },
    ),
    Case(
        name="variable_that_the_test_lacks",
        holds="hub.json has the platform set it, and tests.json doesn't: its test can't pass there either",
        truth=R.FAILED,
        expected=(fails(LOCAL, "start_failed"),),
        files={
            "handler.py": handler(_OK, before='import os\n\nADAPTER = os.environ["ADAPTER"]'),
            ".runpod/hub.json": hub({"env": [{"key": "ADAPTER", "value": "x"}]}),
            ".runpod/tests.json": cases_json(case()),
        },
    ),
    Case(
        name="starts_on_the_platform_alone",
        holds="FALSE BLAME: a program that starts the SDK only where the platform has started it",
        truth=R.ERROR,
        expected=(errs(LOCAL, "platform_only"),),
        files={
            "handler.py": handler(
                _OK,
                before="import os",
                start='if "RUNPOD_ENDPOINT_ID" in os.environ:\n    runpod.serverless.start({"handler": handler})\n'
                'else:\n    print(handler({"input": {"text": "a b"}}))',
            )
        },
    ),
    Case(
        name="number_that_is_no_status",
        holds="FALSE PASS: an index of 502 is no trouble of a server, for which a worker would be excused",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_raised"),),
        files={"handler.py": handler('raise IndexError("index 502 is out of bounds for axis 0 with size 500")')},
    ),
)
