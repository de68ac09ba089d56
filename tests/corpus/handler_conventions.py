"""How workers say that a job failed without an `error` of the SDK's, and answers that only look like it."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, fails, passes
from tests.corpus.workers import case, handler, only_api, returns

C, R = CheckName, ReportStatus
LOCAL, API = C.HANDLER_LOCAL, C.HANDLER_API


def _caught(answer: str) -> dict[str, str | None]:
    """A handler that catches everything."""
    body = f'try:\n    size = len(job["input"]["missing"])\nexcept Exception as e:\n    return {answer}\nreturn size'
    return {"handler.py": handler(body, before="import json\nimport traceback")}


def _bad(name: str, holds: str, files: dict[str, str | None], check: CheckName, code: str = "nested_error") -> Case:
    return Case(
        name=f"said_{name}", holds=f"FALSE PASS: {holds}", truth=R.FAILED, expected=(fails(check, code),), files=files
    )


def _good(name: str, holds: str, files: dict[str, str | None], check: CheckName) -> Case:
    return Case(
        name=f"said_{name}", holds=f"FALSE BLAME: {holds}", truth=R.SUCCESS, expected=(passes(check),), files=files
    )


CONVENTIONS = (
    _bad("success_false", "`success: false` and a message", _caught('{"success": False, "message": str(e)}'), LOCAL),
    _bad("success_false_alone", "`success: false` and no image", _caught('{"success": False, "images": []}'), LOCAL),
    _bad(
        "item_without_success",
        "one of several results says `success: false`",
        returns('{"results": [{"success": True, "id": 1}, {"success": False, "reason": "no weights"}]}'),
        LOCAL,
    ),
    _bad(
        "status_of_an_item",
        "one of several results has the status of an error",
        returns('{"results": [{"status": "ok"}, {"status": "error", "message": "no weights"}]}'),
        LOCAL,
    ),
    _bad("status_timeout", "a status of `timeout`", returns('{"status": "timeout", "prompt_id": "a1"}'), LOCAL),
    _bad("status_500", "an HTTP status as status", _caught('{"status": 500, "message": str(e)}'), LOCAL),
    _bad(
        "status_code_404",
        "the answer of a server behind the worker is passed on",
        _caught('{"status_code": 404, "body": "Not Found"}'),
        LOCAL,
    ),
    _bad(
        "lambda_style",
        "statusCode and body",
        _caught('{"statusCode": 500, "body": json.dumps({"message": str(e)})}'),
        LOCAL,
    ),
    _bad("flask_style", "a pair of an object and a code", _caught('({"error": str(e)}, 500)'), LOCAL),
    _bad(
        "json_with_a_status",
        "JSON text with the status of an error",
        _caught('json.dumps({"status": "error", "message": str(e)})'),
        LOCAL,
    ),
    _bad(
        "exception_key",
        "the text of an exception under `exception`",
        _caught('{"output": None, "exception": repr(e)}'),
        LOCAL,
    ),
    _bad("traceback_as_text", "a traceback is the whole answer", _caught("traceback.format_exc()"), LOCAL),
    _bad(
        "openai_error",
        "the error object of OpenAI's API",
        _caught('{"object": "error", "message": str(e), "type": "BadRequestError", "code": 400}'),
        LOCAL,
    ),
    _bad(
        "openai_error_in_a_stream",
        "the same, yielded",
        only_api(handler('yield {"object": "error", "message": "no model", "type": "NotFoundError", "code": 404}')),
        API,
    ),
    _bad(
        "event_with_an_error",
        "an error in a server-sent event",
        only_api(
            handler(
                'yield "data: " + json.dumps({"text": "a"}) + "\\n\\n"\n'
                'yield "data: " + json.dumps({"error": {"message": "no model"}}) + "\\n\\n"\n'
                'yield "data: [DONE]\\n\\n"',
                before="import json",
            )
        ),
        API,
    ),
    _bad(
        "json_lines_with_an_error",
        "an error in the last line of several lines of JSON",
        returns('"{\\"text\\": \\"a\\"}\\n{\\"error\\": \\"no model\\"}\\n"'),
        LOCAL,
    ),
    _bad(
        "validator_errors",
        "the SDK's own validator found errors",
        {
            "handler.py": handler(
                'checked = validate(job["input"], {"prompt": {"type": str, "required": True}})\n'
                'if "errors" in checked:\n    return {"errors": checked["errors"]}\nreturn checked["validated_input"]',
                before="from runpod.serverless.utils.rp_validator import validate",
            )
        },
        LOCAL,
    ),
    _bad(
        "error_list",
        "a list as the SDK's error",
        {
            "handler.py": handler(
                'checked = validate(job["input"], {"prompt": {"type": str, "required": True}})\n'
                'if "errors" in checked:\n    return {"error": checked["errors"]}\nreturn checked["validated_input"]',
                before="from runpod.serverless.utils.rp_validator import validate",
            )
        },
        LOCAL,
        "handler_error",
    ),
    _bad(
        "error_and_refresh",
        "an error and a wish to be restarted",
        _caught('{"error": str(e), "refresh_worker": True}'),
        LOCAL,
        "handler_error",
    ),
    _bad("exception_object", "an exception as an output", _caught("e"), LOCAL),
    _bad(
        "exception_object_in_the_api",
        "the same through the API, which makes an object of it",
        only_api(handler('return {"detail": ValueError("no weights")}')),
        API,
        "output_not_json",
    ),
    _bad(
        "pydantic_model",
        "a pydantic model, which the API makes an object of and the platform refuses",
        returns(
            'Result(text="a", score=0.5)',
            "from pydantic import BaseModel\n\n\nclass Result(BaseModel):\n    text: str\n    score: float\n",
        ),
        API,
        "output_not_json",
    ),
    _bad(
        "dataclass_within",
        "a dataclass within an output",
        returns(
            '{"results": [Result("a", 0.5)]}',
            "from dataclasses import dataclass\n\n\n@dataclass\nclass Result:\n    text: str\n    score: float\n",
        ),
        API,
        "output_not_json",
    ),
    _bad(
        "pydantic_stream",
        "pydantic models that a generator yields",
        only_api(
            handler(
                'yield Chunk(text="a", n=1)\nyield Chunk(text="b", n=2)',
                before="from pydantic import BaseModel\n\n\nclass Chunk(BaseModel):\n    text: str\n    n: int\n",
            )
        ),
        API,
        "output_not_json",
    ),
    _bad(
        "empty_stream_of_errors",
        "an error that comes after many good parts",
        only_api(
            handler(
                'for n in range(300):\n    yield {"token": str(n)}\nyield {"status": "failed", "reason": "cut off"}'
            )
        ),
        API,
    ),
    # -- what only looks like it
    _good(
        "named_tuples",
        "named tuples are sent as lists",
        returns(
            '{"box": Box(1, 2), "boxes": [Box(3, 4)]}',
            "import collections\n\nBox = collections.namedtuple('Box', 'x y')",
        ),
        API,
    ),
    _good(
        "named_tuple_beside_an_object",
        "a named tuple beside an object with the same names",
        returns(
            '{"box": Box(1, 2), "seen": {"x": 1}}', "import collections\n\nBox = collections.namedtuple('Box', 'x y')"
        ),
        API,
    ),
    _good(
        "keywords_in_a_text",
        "a text that reads like an object",
        only_api(handler('yield "Result(text=\'a\', n=1)"\nyield {"text": "a", "n": 1}\nreturn')),
        API,
    ),
    _good(
        "success_true",
        "`success: true`, `status: success`, and an empty error",
        returns('{"success": True, "status": "success", "error": None, "errors": [], "images": ["a"]}'),
        LOCAL,
    ),
    _good(
        "status_200",
        "status 200",
        returns('{"status": 200, "status_code": 200, "statusCode": 201, "body": "x"}'),
        LOCAL,
    ),
    _good(
        "measured_status",
        "steps that were left out, and counts of failures",
        returns('{"steps": [{"name": "upload", "status": "skipped"}], "failed": 0, "timeout": 30, "success": 12}'),
        LOCAL,
    ),
    _good(
        "jobs_it_tells_of",
        "an answer that tells of jobs that failed elsewhere",
        returns('{"jobs": [{"id": 7, "status": "failed"}, {"id": 8, "status": "done"}]}'),
        LOCAL,
    ),
    _good(
        "events",
        "server-sent events with an empty error",
        only_api(
            handler(
                'yield "data: " + json.dumps({"text": "error", "error": None}) + "\\n\\n"\nyield "data: [DONE]\\n\\n"',
                before="import json",
            )
        ),
        API,
    ),
    _good(
        "prose_with_braces",
        "prose whose lines begin with braces",
        returns('{"text": "{error: x}\\n[error]\\ndata: {not json}\\ndata: error\\n{\\n \\"error\\": \\"x\\"\\n}"}'),
        LOCAL,
    ),
    _good(
        "refresh_worker",
        "a wish to be restarted after a good answer",
        returns('{"refresh_worker": True, "text": "a"}'),
        LOCAL,
    ),
    _good(
        "refresh_worker_in_the_api",
        "the same through the API",
        only_api(
            handler('return {"refresh_worker": True, "job_results": {"text": "a"}}'),
            {**case(), "expectedOutput": {"job_results": {"text": "a"}}},
        ),
        API,
    ),
    _good(
        "moderation",
        "an answer that is no: false, flagged, invalid",
        returns('{"ok": False, "is_valid": False, "flagged": True, "passed": False}'),
        LOCAL,
    ),
    _good(
        "detected_nothing",
        "nothing was found, and that is an answer",
        returns('{"detections": [], "text": "", "count": 0, "mask": None}'),
        LOCAL,
    ),
    _good(
        "http_codes_as_data",
        "numbers like HTTP's codes as data",
        returns('{"codes": [404, 500], "status_counts": {"500": 2}, "code": 500, "height": 500}'),
        LOCAL,
    ),
)
