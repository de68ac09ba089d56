"""Answers that look better than they are, answers that look worse, and the word of an author that settles it."""

from __future__ import annotations

import json

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, carries, fails, passes
from tests.corpus.workers import case, handler, only_api, returns

C, R = CheckName, ReportStatus
LOCAL, API = C.HANDLER_LOCAL, C.HANDLER_API
_CAUGHT = "try:\n    {}\nexcept Exception as error:\n    return {}"
_DOUBTFUL = "answer_doubtful"


def _catches(statement: str, answer: str, before: str = "") -> dict[str, str | None]:
    return {"handler.py": handler(_CAUGHT.format(statement, answer), before=before)}


def _given(text: str, expression: str, before: str = "") -> dict[str, str | None]:
    return {**returns(expression, before), "test_input.json": json.dumps({"input": {"text": text}})}


LOOK_GOOD = (
    Case(
        name="answer_object_as_text",
        holds="FALSE PASS: `str` of a picture instead of the picture",
        truth=R.FAILED,
        expected=(fails(LOCAL, "object_as_text"),),
        files=returns('{"image": str(Canvas())}', "class Canvas:\n    width = 512\n"),
    ),
    Case(
        name="answer_task_as_text",
        holds="FALSE PASS: `str` of a task that nobody awaited",
        truth=R.FAILED,
        expected=(fails(API, "object_as_text"),),
        files=only_api(
            handler(
                'return {"caption": str(asyncio.ensure_future(asyncio.sleep(0)))}',
                definition="async def handler(job):",
                before="import asyncio",
            )
        ),
    ),
    Case(
        name="answer_bytes_as_text",
        holds="FALSE PASS: `str` of bytes",
        truth=R.FAILED,
        expected=(fails(LOCAL, "object_as_text"),),
        files=returns('{"audio": str(bytes([0x52, 0x49, 0xFF, 0xFB]))}'),
    ),
    Case(
        name="answer_exception_without_its_class",
        holds="FALSE PASS: `str` of an exception is all that is answered",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files=_catches("return json.loads('')", "str(error)", "import json"),
    ),
    Case(
        name="answer_exception_from_a_stream",
        holds="FALSE PASS: the same, in pieces",
        truth=R.FAILED,
        expected=(fails(API, "nested_error"),),
        files=only_api(
            handler("try:\n    [][3]\nexcept IndexError as error:\n    yield str(error)[:5]\n    yield str(error)[5:]")
        ),
    ),
    Case(
        name="answer_error_as_the_only_message",
        holds="FALSE PASS: an error under a message, beside numbers",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files=_catches('open("weights.bin")', '{"message": f"Error: {error}", "seconds": 0.1}'),
    ),
    Case(
        name="answer_of_a_program_that_crashed",
        holds="FALSE PASS: a return code that isn't 0, with a traceback in the stream of errors",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files=returns(
            '{"returncode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}',
            "import subprocess\nimport sys\n\n"
            "done = subprocess.run([sys.executable, '-c', 'import weights_of_old'], capture_output=True, text=True)",
        ),
    ),
    Case(
        name="answer_aborted_generation",
        holds="FALSE PASS: a server for models that gave up says so in the finish reason",
        truth=R.FAILED,
        expected=(fails(API, "nested_error"),),
        files=only_api(
            handler(
                'yield {"choices": [{"text": "On", "finish_reason": None}]}\n'
                'yield {"choices": [{"text": "", "finish_reason": "abort"}]}'
            )
        ),
    ),
    Case(
        name="answer_of_nulls",
        holds="FALSE PASS: names, and nothing under them",
        truth=R.FAILED,
        expected=(fails(LOCAL, "empty_output"),),
        files=returns('{"audio": None, "sample_rate": None, "words": ""}'),
    ),
    Case(
        name="answer_aborted_job",
        holds="FALSE PASS: a status that says aborted",
        truth=R.FAILED,
        expected=(fails(API, "nested_error"),),
        files=only_api(handler('return {"state": "Aborted", "reason": "the queue was closed"}')),
    ),
    Case(
        name="answer_of_a_graph_with_errors",
        holds="FALSE PASS: no picture, and errors by the nodes of a graph",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files=returns('{"images": [], "node_errors": {"12": "unet_name not in []"}}'),
    ),
    Case(
        name="answer_infinite",
        holds="FALSE PASS: an infinity that a generator yields, which JSON doesn't have",
        truth=R.FAILED,
        expected=(fails(API, "output_not_json"),),
        files=only_api(handler('yield {"step": 1, "loss": 0.5}\nyield {"step": 2, "loss": float("inf")}')),
    ),
    Case(
        name="answer_doubtful_message",
        holds="a message that may tell of a failure is noted, and nobody is blamed for it",
        truth=R.SUCCESS,
        expected=(carries(LOCAL, _DOUBTFUL),),
        files=returns('{"message": "The two faces could not be matched"}'),
    ),
)

LOOK_BAD = (
    Case(
        name="answer_whole_number_under_error",
        holds="FALSE BLAME: how far a model is off, in whole pixels",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(handler('return {"fits": [{"camera": "left", "error": 3}, {"camera": "right", "error": 0}]}')),
    ),
    Case(
        name="answer_of_a_linter",
        holds="FALSE BLAME: what a linter found is of type error",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=returns('[{"type": "error", "message": "undefined name", "line": 7}, {"type": "note", "message": "a"}]'),
    ),
    Case(
        name="answer_of_a_proof_reader",
        holds="FALSE BLAME: errors of a text, each with its place",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=returns('{"errors": [{"offset": 4, "length": 3, "replacements": ["the"]}], "language": "en"}'),
    ),
    Case(
        name="answer_about_jobs",
        holds="FALSE BLAME: jobs of somebody else's pipeline, one of which failed",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(
            handler(
                'return {"jobs": [{"name": "unit", "status": "failed", "message": "exit code 2"}, {"name": "docs"}]}'
            )
        ),
    ),
    Case(
        name="answer_of_checks",
        holds="FALSE BLAME: named checks of a document, with their outcome",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=returns('{"checks": [{"name": "signature", "success": False, "reason": "page 2 has none"}]}'),
    ),
    Case(
        name="answer_about_a_page",
        holds="FALSE BLAME: a status beside the url that it is of; noted",
        truth=R.SUCCESS,
        expected=(carries(LOCAL, _DOUBTFUL),),
        files=returns('{"url": "https://example.com/gone", "status": 410}'),
    ),
    Case(
        name="answer_with_codes_that_say_ok",
        holds="FALSE BLAME: codes and texts for errors that say that there is none",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(
            handler('return {"error_code": "OK", "message": "done", "errmsg": "ok", "reply": {"error": {"code": 0}}}')
        ),
    ),
    Case(
        name="answer_that_reads_its_input_aloud",
        holds="FALSE BLAME: what was read is an error; the input has it",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=_given("Error: paper jam in tray 2", 'job["input"]["text"]'),
    ),
    Case(
        name="answer_that_cites_a_traceback",
        holds="FALSE BLAME: the traceback that was asked about comes back",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(
            handler('return {"message": job["input"]["text"]}'),
            case("Traceback (most recent call last):\n  File 'a.py'\nKeyError: 'a'"),
        ),
    ),
    Case(
        name="answer_of_code_that_was_given",
        holds="FALSE BLAME: the program that was given fails, which is the right answer; noted",
        truth=R.SUCCESS,
        expected=(carries(LOCAL, _DOUBTFUL),),
        files={
            "test_input.json": json.dumps({"input": {"text": "print(1 / 0)"}}),
            "handler.py": handler(
                'words = [sys.executable, "-c", job["input"]["text"]]\n'
                "done = subprocess.run(words, capture_output=True, text=True)\n"
                'return {"exit_code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}',
                before="import subprocess\nimport sys",
            ),
        },
    ),
    Case(
        name="answer_without_findings",
        holds="FALSE BLAME: a detector that found nothing; the null beside it is noted",
        truth=R.SUCCESS,
        expected=(carries(LOCAL, _DOUBTFUL),),
        files=returns('{"detections": [], "next_page": None}'),
    ),
)

SETTLED = (
    Case(
        name="answer_that_is_as_expected",
        holds="FALSE BLAME: an answer that looks like a failure and is the expected one",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(
            handler('return {"status": "failed", "reason": "the blood sample is too old"}'),
            {**case(), "expectedOutput": {"status": "failed", "reason": "the blood sample is too old"}},
        ),
    ),
    Case(
        name="answer_that_the_config_calls_good",
        holds="FALSE BLAME: what the config calls good is good, whatever stands beside it",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=returns('{"status": "COMPLETED", "errors": ["two pages could not be read"]}'),
        repository={"success_when": "status = COMPLETED"},
    ),
    Case(
        name="answer_that_the_config_calls_bad",
        holds="FALSE PASS: an answer without what the config asks for",
        truth=R.FAILED,
        expected=(fails(LOCAL, "success_when_unmet"),),
        files=returns('{"images": [{"type": "s3_url", "data": "https://example.com/a.png"}]}'),
        repository={"success_when": "images[0].type = base64"},
    ),
    Case(
        name="answer_that_its_test_calls_good",
        holds="FALSE BLAME: a test's own word goes before the config's",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(
            handler('return {"exception": "on Sundays", "clause": 4}'), {**case(), "success_when": "exception exists"}
        ),
        repository={"success_when": "clause = 5"},
    ),
    Case(
        name="answer_that_its_test_calls_bad",
        holds="FALSE PASS: the last of what was yielded isn't what the test asks for",
        truth=R.FAILED,
        expected=(fails(API, "success_when_unmet"),),
        files=only_api(
            handler('yield {"text": "a"}\nyield {"text": "b"}'), {**case(), "success_when": "[-1].done = true"}
        ),
    ),
    Case(
        name="answer_with_a_bad_condition",
        holds="a condition that can't be read is refused with its place",
        truth=R.FAILED,
        expected=(fails(C.TESTS_SCHEMA, "tests_invalid"),),
        files=only_api(handler('return {"n": 1}'), {**case(), "success_when": "n >= 1"}),
    ),
)
