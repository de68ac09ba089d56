"""What a handler is: the SDK iterates a generator function and calls everything else."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, fails, passes, skips
from tests.corpus.workers import case, handler, only_api

C, R = CheckName, ReportStatus
LOCAL, API = C.HANDLER_LOCAL, C.HANDLER_API
_WORDS = 'for word in job["input"]["text"].split():\n    yield word'
_GOT = 'return {"got": job["input"]["text"]}'
_START = 'runpod.serverless.start({{"handler": {}}})'


def _started(expression: str, body: str, *, before: str = "", **options: str) -> dict[str, str | None]:
    """A worker that gives this expression to the SDK."""
    return {"handler.py": handler(body, before=before, start=_START.format(expression), **options)}


def _method(body: str, *, definition: str = "def") -> str:
    indented = "\n".join(f"        {line}" for line in body.splitlines())
    return f"class Worker:\n    {definition} __call__(self, job):\n{indented}\n"


KINDS = (
    Case(
        name="kind_class",
        holds="an object that can be called is a handler",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=_started("Worker()", "return 1", before=_method(_GOT)),
    ),
    Case(
        name="kind_class_async",
        holds="what an object's async __call__ gives is awaited",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=_started("Worker()", "return 1", before=_method(_GOT, definition="async def")),
    ),
    Case(
        name="kind_class_that_yields",
        holds="FALSE PASS: an object whose __call__ yields is no generator function; the platform never iterates it",
        truth=R.FAILED,
        expected=(fails(API, "generator_returned"),),
        files=_started("Worker()", "return 1", before=_method(_WORDS)),
    ),
    Case(
        name="kind_bound_method",
        holds="a bound method that yields is a generator function",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=_started("Worker().__call__", "return 1", before=_method(_WORDS)),
    ),
    Case(
        name="kind_partial",
        holds="a partial of a plain function",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=_started(
            "functools.partial(handler, 3)", _GOT, before="import functools", definition="def handler(n, job):"
        ),
    ),
    Case(
        name="kind_partial_of_a_generator",
        holds="a partial of a generator function is one",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=_started(
            "functools.partial(handler, 3)", _WORDS, before="import functools", definition="def handler(n, job):"
        ),
    ),
    Case(
        name="kind_lambda",
        holds="a lambda",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=_started('lambda job: {"got": job["input"]["text"]}', "return 1"),
    ),
    Case(
        name="kind_decorated",
        holds="a decorated handler",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={
            "handler.py": handler(
                _GOT,
                before="import functools\n\n\ndef timed(wrapped):\n    @functools.wraps(wrapped)\n"
                "    def inner(job):\n        return wrapped(job)\n    return inner\n",
                definition="@timed\ndef handler(job):",
            )
        },
    ),
    Case(
        name="kind_decorator_hides_the_generator",
        holds="FALSE PASS: a plain function around a generator gives an object that nobody iterates",
        truth=R.FAILED,
        expected=(fails(API, "generator_returned"),),
        files={
            "handler.py": handler(
                _WORDS,
                before="import functools\n\n\ndef timed(wrapped):\n    @functools.wraps(wrapped)\n"
                "    def inner(job):\n        return wrapped(job)\n    return inner\n",
                definition="@timed\ndef handler(job):",
            )
        },
    ),
    Case(
        name="kind_decorator_collects_the_generator",
        holds="FALSE BLAME: a decorator that makes a list of what the function yields",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files={
            "handler.py": handler(
                _WORDS,
                before="def collected(wrapped):\n    return lambda job: list(wrapped(job))\n",
                definition="@collected\ndef handler(job):",
            )
        },
    ),
    Case(
        name="kind_returns_an_async_generator",
        holds="FALSE PASS: an async generator that a plain function returns",
        truth=R.FAILED,
        expected=(fails(API, "generator_returned"),),
        files={"handler.py": handler("return words(job)", before="async def words(job):\n    yield 1\n")},
    ),
    Case(
        name="kind_aggregated_stream",
        holds="return_aggregate_stream",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "generator_needs_api")),
        files={
            "handler.py": handler(
                _WORDS, start='runpod.serverless.start({"handler": handler, "return_aggregate_stream": True})'
            )
        },
    ),
    Case(
        name="kind_concurrent",
        holds="a concurrency modifier",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={
            "handler.py": handler(
                _GOT,
                definition="async def handler(job):",
                start='runpod.serverless.start({"handler": handler, "concurrency_modifier": lambda current: 4})',
            )
        },
    ),
    Case(
        name="kind_progress",
        holds="progress_update has nowhere to go here",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={"handler.py": handler(f'runpod.serverless.progress_update(job, "half")\n{_GOT}')},
    ),
    Case(
        name="kind_yields_nothing",
        holds="a generator that yields nothing",
        truth=R.FAILED,
        expected=(fails(API, "empty_output"),),
        files={"handler.py": handler("return\nyield 1")},
    ),
    Case(
        name="kind_yields_an_error",
        holds="FALSE PASS: an error that a generator yields last",
        truth=R.FAILED,
        expected=(fails(API, "nested_error"),),
        files={"handler.py": handler('yield {"text": "a"}\nyield {"error": "no weights"}')},
    ),
    Case(
        name="kind_generator_within",
        holds="FALSE PASS: the SDK's API makes a list of a generator within an output; the platform can't send it",
        truth=R.FAILED,
        expected=(fails(API, "unfinished_object"),),
        files=only_api(handler('return {"words": (word for word in job["input"]["text"].split())}')),
    ),
    Case(
        name="kind_second_case_is_a_generator",
        holds="a handler that streams only when it is asked to gives an object that nobody iterates",
        truth=R.FAILED,
        expected=(fails(API, "generator_returned"),),
        files=only_api(
            handler('return (w for w in "ab") if job["input"]["text"] == "stream" else {"ok": 1}'),
            case("plain"),
            case("stream"),
        ),
    ),
)
