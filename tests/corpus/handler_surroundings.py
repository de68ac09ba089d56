"""Where a worker's output goes, and the buckets, keys, volumes and variables that its owner or the platform has."""

from __future__ import annotations

from textwrap import dedent

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, errs, fails, passes, skips
from tests.corpus.workers import SDK, handler

C, R = CheckName, ReportStatus
LOCAL, API = C.HANDLER_LOCAL, C.HANDLER_API
_OK = 'return {"got": job["input"]["text"]}'
_INTO_A_FILE = "import sys\n\nsys.stdout = sys.stderr = open('worker.log', 'a', buffering=1)"


def _worker(before: str, body: str = _OK) -> dict[str, str | None]:
    return {"handler.py": handler(dedent(body).strip(), before=dedent(before).strip())}


def _works(name: str, holds: str, files: dict[str, str | None]) -> Case:
    return Case(name=f"around_{name}", holds=holds, truth=R.SUCCESS, expected=(passes(LOCAL),), files=files)


def _lacks(name: str, holds: str, code: str, files: dict[str, str | None]) -> Case:
    """A worker that fails for want of what this validation wasn't given."""
    expected = (errs(LOCAL, code),)
    return Case(name=f"around_{name}", holds=f"FALSE BLAME: {holds}", truth=R.ERROR, expected=expected, files=files)


SURROUNDINGS = (
    # -- where the output goes
    _works(
        "lines_like_the_sdks",
        "FALSE BLAME: a logger whose lines have the SDK's form",
        _worker(
            """
            import logging
            import sys

            logging.basicConfig(stream=sys.stdout, level="INFO", format="%(levelname)-6s | %(message)s")
            """,
            f"""
            logging.info("Started.")
            logging.error("Captured nothing")
            logging.info("Job result: none yet")
            print('{{"requestId": null, "level": "ERROR", "message": "cold"}}')
            {_OK}
            """,
        ),
    ),
    _works(
        "output_twice",
        "output that goes to a file as well",
        _worker(
            """
            import sys


            class Tee:
                def __init__(self, *streams):
                    self.streams = streams

                def write(self, text):
                    for stream in self.streams:
                        stream.write(text)

                def flush(self):
                    for stream in self.streams:
                        stream.flush()


            sys.stdout = Tee(sys.stdout, open("worker.log", "w"))
            """
        ),
    ),
    _works(
        "time_before_every_line",
        "FALSE BLAME: print is replaced by one that writes the time first",
        _worker(
            """
            import builtins

            plain = builtins.print
            builtins.print = lambda *words, **options: plain("12:00:01", *words, **options)
            """
        ),
    ),
    Case(
        name="around_output_in_a_file",
        holds="FALSE BLAME: all output goes to a file: the log can't tell, and the API can",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "log_silent")),
        files=_worker(_INTO_A_FILE),
    ),
    Case(
        name="around_output_in_a_file_and_an_error",
        holds="FALSE PASS: the same, and an error below the top",
        truth=R.FAILED,
        expected=(fails(API, "nested_error"),),
        files=_worker(_INTO_A_FILE, 'return {"result": {"error": "no weights"}}'),
    ),
    Case(
        name="around_output_in_a_file_and_no_start",
        holds="FALSE PASS: the same, and the SDK is never started",
        truth=R.FAILED,
        expected=(fails(API, "server_exited"),),
        files=_worker(f"{_INTO_A_FILE}\nsys.exit(0)"),
    ),
    # -- what its owner has
    _works(
        "upload_without_a_bucket",
        "the SDK's upload keeps the file where there is no bucket",
        _worker(
            "from runpod.serverless.utils import rp_cleanup, rp_upload",
            """
            with open("a.png", "wb") as file:
                file.write(b"x")
            url = rp_upload.upload_image(job["id"], "a.png")
            rp_cleanup.clean(["a.png"])
            return {"url": url}
            """,
        ),
    ),
    _lacks(
        "address_of_a_bucket",
        "the address of a bucket comes with its secrets",
        "needs_secret",
        _worker("import os\n\nURL = os.environ['BUCKET_ENDPOINT_URL']"),
    ),
    _lacks(
        "bucket_without_credentials",
        "a bucket's client without credentials",
        "needs_secret",
        {
            **_worker(
                "import boto3\nimport os\n\nos.environ['AWS_EC2_METADATA_DISABLED'] = 'true'",
                """
                client = boto3.client("s3", region_name="eu-west-1", endpoint_url="http://127.0.0.1:9")
                client.put_object(Bucket="a", Key="b", Body=b"c")
                """,
            )
        },
    ),
    _lacks(
        "client_that_tells_how_its_key_is_set",
        "a library's own words for a key that is missing",
        "needs_secret",
        _worker(
            """
            class OpenAIError(Exception):
                pass


            raise OpenAIError("api_key must be passed to the client or set by setting the OPENAI_API_KEY variable")
            """
        ),
    ),
    # -- what the platform has
    _lacks(
        "variable_of_the_platform",
        "a variable that only the platform sets",
        "platform_only",
        _worker("import os\n\nENDPOINT = os.environ['RUNPOD_ENDPOINT_ID']"),
    ),
    _lacks(
        "network_volume",
        "a model on the network volume",
        "platform_only",
        _worker("with open('/runpod-volume/models/config.json') as file:\n    CONFIG = file.read()"),
    ),
    _lacks(
        "network_volume_in_words",
        "the same in words",
        "platform_only",
        _worker("", 'return {"error": "Model path not found: /runpod-volume/models/flux"}'),
    ),
    Case(
        name="around_a_volume_that_it_does_without",
        holds="a log that says there is no volume excuses nothing else",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_raised"),),
        files=_worker("print('/runpod-volume not found, using ./models')", 'return job["input"]["missing"]'),
    ),
    Case(
        name="around_an_address_that_is_gone",
        holds="what the test input names is its own: 404",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_raised"),),
        files=_worker(
            "import requests", 'requests.get("http://{web}/gone.png", timeout=20).raise_for_status()\nreturn {"ok": 1}'
        ),
    ),
    # -- numbers that print like Python's own
    Case(
        name="around_numpy_1",
        holds="FALSE PASS: a number of numpy 1 prints like any other, and is no JSON",
        truth=R.FAILED,
        expected=(fails(API, "handler_raised"),),
        files={
            **_worker("import numpy as np", 'return {"score": np.float32(0.5)}'),
            "requirements.txt": f"{SDK}numpy==1.26.4\n",
        },
    ),
    Case(
        name="around_numpy_1_and_plain_numbers",
        holds="numpy 1, and a number of Python's own",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "numbers_unsure")),
        files={
            **_worker("import numpy as np", 'return {"score": float(np.float32(0.5))}'),
            "requirements.txt": f"{SDK}numpy<2\n",
        },
    ),
)
