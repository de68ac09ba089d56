"""Workers that pin an older SDK: what it logs and what its API answers differ from version to version."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, errs, fails, passes
from tests.corpus.workers import case, cases_json, handler

C, R = CheckName, ReportStatus
LOCAL, API = C.HANDLER_LOCAL, C.HANDLER_API

SDKS = (
    Case(
        name="older_sdk",
        holds="version 1.7.7 of the SDK",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), passes(API)),
        files={"requirements.txt": "runpod==1.7.7\n", ".runpod/tests.json": cases_json(case())},
    ),
    Case(
        name="older_sdk_generator",
        holds="version 1.7.7 of the SDK, and a generator that raises",
        truth=R.FAILED,
        expected=(fails(API, "handler_raised"),),
        files={"requirements.txt": "runpod==1.7.7\n", "handler.py": handler('yield job["input"]["missing"]')},
    ),
    Case(
        name="sdk_without_a_status",
        holds="FALSE BLAME: before 1.4 the SDK's API answers without a status",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), passes(API)),
        files={"requirements.txt": "runpod==1.3.6\n", ".runpod/tests.json": cases_json(case())},
    ),
    Case(
        name="sdk_that_says_generator",
        holds="FALSE BLAME: an SDK that calls a generator by another name in its log",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files={"requirements.txt": "runpod==1.4.2\n", "handler.py": handler('yield job["input"]["text"]')},
    ),
    Case(
        name="sdk_before_1_0",
        holds="FALSE BLAME: an SDK whose log nobody here can read",
        truth=R.ERROR,
        expected=(errs(LOCAL, "sdk_too_old"),),
        files={"requirements.txt": "runpod==0.9.3\n"},
    ),
    Case(
        name="sdk_that_wants_setuptools",
        holds="FALSE BLAME: setuptools, which an image of Python 3.11 has and nobody asks for",
        truth=R.ERROR,
        expected=(errs(LOCAL, "engine_limit"),),
        files={"requirements.txt": "runpod==1.3.0\n"},
    ),
)
