"""What a handler returns: nothing, an error below the top, or what only looks like one; and what can't be sent."""

from __future__ import annotations

import json

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, fails, passes, skips
from tests.corpus.workers import case, handler, only_api, returns

C, R = CheckName, ReportStatus
LOCAL, API, SCAN = C.HANDLER_LOCAL, C.HANDLER_API, C.LOG_SCAN


def _expecting(output: object, expression: str) -> dict[str, str | None]:
    return only_api(handler(f"return {expression}"), {**case(), "expectedOutput": output})


LOOKALIKES = {
    "error_rate": 0.5,
    "error": None,
    "metrics": {"error": 0.0125, "errors": {"wer": 0.25, "count": 0}},
    "first": {"error": False, "errors": []},
    "second": [{"error": ""}, {"error": 0}, {"Error": {}}],
    "reply": {"error": {"code": 0, "message": ""}},
    "error_message": "",
    "traceback": None,
    "text": "an error, a Traceback (most recent call last), and <generator object f at 0x7f3a> in words",
}

PROSE = [
    "...",
    "",
    " ",
    "for i in range(10):",
    "Use tensor (rank 2)",
    "{1, 2}",
    'plan b "x"',
    "<class 'int'> is the type",
]

OUTPUTS = (
    Case(
        name="output_false",
        holds="FALSE BLAME: False is an answer",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=returns("False"),
    ),
    Case(
        name="output_zero",
        holds="FALSE BLAME: 0 is an answer, through the API too",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(handler("return 0")),
    ),
    Case(
        name="output_lookalikes",
        holds="FALSE BLAME: measurements, empty errors and texts that only look like errors",
        truth=R.SUCCESS,
        expected=(passes(API), passes(SCAN)),
        files={**returns(repr(LOOKALIKES)), ".runpod/tests.json": json.dumps({"tests": [{"name": "a", **case()}]})},
    ),
    Case(
        name="output_empty_text",
        holds="FALSE PASS: an empty text",
        truth=R.FAILED,
        expected=(fails(LOCAL, "empty_output"),),
        files=returns("''"),
    ),
    Case(
        name="output_empty_object",
        holds="FALSE PASS: an empty object",
        truth=R.FAILED,
        expected=(fails(API, "empty_output"),),
        files=only_api(handler("return {}")),
    ),
    Case(
        name="output_empty_list",
        holds="FALSE PASS: a list of nothings",
        truth=R.FAILED,
        expected=(fails(LOCAL, "empty_output"),),
        files=returns("[None, '', []]"),
    ),
    Case(
        name="output_deep_error",
        holds="FALSE PASS: an error twelve levels down",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files=returns('{"a": [{"b": [{"c": {"d": [[{"e": {"f": ({"error": "no weights"},)}}]]}}]}]}'),
    ),
    Case(
        name="output_error_in_a_list_of_errors",
        holds="FALSE PASS: a list of messages under `errors`",
        truth=R.FAILED,
        expected=(fails(API, "nested_error"),),
        files=only_api(handler('return {"images": [], "errors": ["cuda is gone"]}')),
    ),
    Case(
        name="output_error_true",
        holds="FALSE PASS: an error that is only stated",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files=returns('{"result": {"error": True}}'),
    ),
    Case(
        name="output_error_text",
        holds="FALSE PASS: a handler that catches everything and returns what it caught as a text",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files={
            "handler.py": handler('try:\n    return 1 // 0\nexcept Exception as error:\n    return f"Error: {error}"')
        },
    ),
    Case(
        name="output_error_of_its_own_server",
        holds="FALSE PASS: what the worker's own server says of an address that it hasn't",
        truth=R.FAILED,
        expected=(fails(API, "nested_error"),),
        files=only_api(handler('return {"output": {"detail": "Not Found"}}')),
    ),
    Case(
        name="output_error_in_pieces",
        holds="FALSE PASS: an error as JSON text, of which no chunk is a document",
        truth=R.FAILED,
        expected=(fails(API, "nested_error"),),
        files=only_api(handler("yield '{\"err'\nyield 'or\": \"no weights\"}'")),
    ),
    Case(
        name="output_error_in_words_that_is_none",
        holds="FALSE BLAME: an error that is called none, and one read in a picture",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(
            handler('return {"text": "Error: disk full", "face": {"error": "none", "error_message": "None"}}')
        ),
    ),
    Case(
        name="output_quotes_the_sdk",
        holds="FALSE BLAME: a text with lines as the SDK prints them of a job that failed",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=returns(repr("It says:\nERROR  | a | Captured Handler Exception\nERROR  | Job a failed with error: b\n")),
    ),
    Case(
        name="output_bytes",
        holds="FALSE PASS: bytes, which the SDK can't send to the platform",
        truth=R.FAILED,
        expected=(fails(LOCAL, "output_not_json"),),
        files=returns("b'\\x89PNG'"),
    ),
    Case(
        name="output_dates",
        holds="FALSE PASS: the API turns a date into a text; the platform's channel doesn't",
        truth=R.FAILED,
        expected=(fails(API, "output_not_json"),),
        files=only_api(handler('return {"made": datetime.datetime(2026, 1, 1)}', before="import datetime")),
    ),
    Case(
        name="output_set",
        holds="FALSE PASS: a set",
        truth=R.FAILED,
        expected=(fails(LOCAL, "output_not_json"),),
        files=returns('{"labels": {"cat", "dog"}}'),
    ),
    Case(
        name="output_subclasses",
        holds="FALSE BLAME: what only prints otherwise than JSON; the API has it as JSON",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "result_unread")),
        files=returns(
            '{"counts": collections.Counter("aab"), "at": Point(1, 2), "kind": Kind.A}',
            "import collections\nimport enum\n\nPoint = collections.namedtuple('Point', 'x y')\n\n\n"
            "class Kind(str, enum.Enum):\n    A = 'a'\n",
        ),
    ),
    Case(
        name="output_defaultdict",
        holds="FALSE BLAME: the type that makes a defaultdict's missing values is printed, and not sent",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "result_unread")),
        files=returns('{"counts": counts}', "import collections\n\ncounts = collections.defaultdict(int, cat=3)"),
    ),
    Case(
        name="output_cut_within_a_text",
        holds="FALSE BLAME: the SDK cuts a long result, and what is left of it begins within a text",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "result_truncated")),
        files=returns('{"text": "word " * 700, "n": list(range(600)), "labels": ["a", "b", "c"]}'),
    ),
    Case(
        name="output_not_a_number",
        holds="FALSE PASS: NaN, which the SDK sends as the word, which the platform answers with HTTP 400",
        truth=R.FAILED,
        expected=(fails(LOCAL, "output_not_json"),),
        files=returns('{"score": float("nan")}'),
    ),
    Case(
        name="output_nested_deeply",
        holds="an output as deep as a program may make it",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(
            handler('deep = ["x"]\nfor _ in range(120):\n    deep = [deep]\nreturn {"tree": deep}'),
        ),
    ),
    Case(
        name="output_unicode",
        holds="an output in many scripts",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=returns('{"text": "Żółć 漢字 🙂 \\u2028 \\x1b[31m \\x00"}'),
    ),
    Case(
        name="output_about_a_broken_gpu",
        holds="FALSE BLAME: an answer of several lines that speaks of CUDA errors is no broken GPU",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), passes(SCAN)),
        files=returns('"Why?\\nCUDA error: no kernel image is available\\nERROR is a word.\\nThat is why."'),
        spec={"gpu_required": True},
        gpu=True,
    ),
    Case(
        name="long_output_about_a_broken_gpu",
        holds="FALSE BLAME: the same in a result that the SDK cuts in two lines",
        truth=R.SUCCESS,
        expected=(passes(API), passes(SCAN)),
        files=returns('{"text": "x" * 9_000 + " CUDA error: no kernel image is available"}'),
        spec={"gpu_required": True},
        gpu=True,
    ),
    Case(
        name="output_huge",
        holds="megabytes of output within the platform's limit",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=returns('{"audio": "A" * 6_000_000}'),
    ),
    Case(
        name="output_too_large",
        holds="an output that the platform refuses",
        truth=R.FAILED,
        expected=(fails(API, "output_too_large"),),
        files=returns('{"audio": "A" * 22_000_000}'),
    ),
    Case(
        name="expected_fraction",
        holds="FALSE BLAME: the last digit of a fraction",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=_expecting({"sum": 0.3, "n": 1.0}, '{"sum": 0.1 + 0.2, "n": 1}'),
    ),
    Case(
        name="expected_true_is_not_1",
        holds="FALSE PASS: a flag where a number is expected",
        truth=R.FAILED,
        expected=(fails(API, "output_mismatch"),),
        files=_expecting({"n": 1}, '{"n": True}'),
    ),
    Case(
        name="expected_and_more",
        holds="expectedOutput is the whole output, not a part of it",
        truth=R.FAILED,
        expected=(fails(API, "output_mismatch"),),
        files=_expecting({"n": 1}, '{"n": 1, "seconds": 0.2}'),
    ),
    Case(
        name="expected_stream",
        holds="expectedOutput of a generator is the list of what it yields",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(handler('yield "a"\nyield {"n": 2}'), {**case(), "expectedOutput": ["a", {"n": 2}]}),
    ),
    Case(
        name="stream_of_code",
        holds="FALSE BLAME: texts that a generator yields stand in the log without quotes",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(handler(f"for text in {PROSE!r}:\n    yield text")),
    ),
    Case(
        name="stream_of_code_and_objects",
        holds="FALSE BLAME: the same from an async generator, beside an object",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(
            handler(f'for text in {PROSE!r}:\n    yield text\nyield {{"n": 2}}', definition="async def handler(job):")
        ),
    ),
    Case(
        name="stream_of_bytes",
        holds="FALSE PASS: bytes that a generator yields, which the API makes a text of",
        truth=R.FAILED,
        expected=(fails(API, "output_not_json"),),
        files=only_api(handler('yield "b"\nyield b"abc"')),
    ),
)
