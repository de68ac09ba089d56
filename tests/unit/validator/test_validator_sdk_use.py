"""What a worker's source asks of the SDK and the platform, and which packages it does without."""

from __future__ import annotations

from pathlib import PurePosixPath
from textwrap import dedent

import pytest

from janitor.inspection.python.guarded_imports import guarded_imports
from janitor.inspection.python.sdk_use import Refresh, SdkUse, sdk_use

PATH = PurePosixPath("handler.py")


def used(source: str) -> SdkUse:
    return sdk_use([(PATH, dedent(source))])


@pytest.mark.parametrize(
    ("source", "refresh", "by_a_job"),
    [
        ('start({"handler": handler})', Refresh.NO, False),
        ('start({"handler": handler, "refresh_worker": True})', Refresh.YES, False),
        ('start({"handler": handler, "refresh_worker": False})', Refresh.NO, False),
        ("start(dict(handler=handler, refresh_worker=True))", Refresh.YES, False),
        ('start({"handler": handler, "refresh_worker": wanted()})', Refresh.MAYBE, False),
        ('config = {"handler": handler}\nconfig["refresh_worker"] = True', Refresh.MAYBE, True),
        ('def handler(job):\n    return {"refresh_worker": True, "x": 1}', Refresh.NO, True),
        ('result["refresh_worker"] = False', Refresh.NO, False),
        ("this is no Python: refresh_worker", Refresh.NO, False),
    ],
)
def test_whether_a_process_is_replaced_after_each_job(source: str, refresh: Refresh, by_a_job: bool) -> None:
    found = used(source)
    assert (found.refresh, found.job_may_refresh) == (refresh, by_a_job)


@pytest.mark.parametrize(
    ("source", "may"),
    [
        ('start({"handler": handler, "return_aggregate_stream": True})', True),
        ('config["return_aggregate_stream"] = wanted()', True),
        ('start({"handler": handler, "return_aggregate_stream": False})', False),
        ('start({"handler": handler})', False),
    ],
)
def test_whether_a_stream_is_the_output_too(source: str, may: bool) -> None:
    assert used(source).may_aggregate is may


@pytest.mark.parametrize(
    ("source", "callbacks"),
    [
        ('start({"handler": h, "concurrency_modifier": scale})', [("concurrency_modifier", 1)]),
        ('\nconfig["concurrency_modifier"] = lambda n: n', [("concurrency_modifier", 2)]),
        ('start({"handler": h, "concurrency_modifier": None})', []),
        ("@runpod.serverless.register_fitness_check\ndef ready():\n    pass", [("register_fitness_check", 1)]),
        ('print("concurrency_modifier is not used")', []),
    ],
)
def test_functions_that_only_the_platform_calls(source: str, callbacks: list[tuple[str, int]]) -> None:
    assert [(each.name, each.line) for each in used(source).callbacks] == callbacks


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('if os.environ.get("RUNPOD_POD_ID"):\n    pass', ["RUNPOD_POD_ID"]),
        (
            'POD = os.environ["RUNPOD_POD_ID"]\nQ = "RUNPOD_WEBHOOK_GET_JOB" in os.environ',
            ["RUNPOD_POD_ID", "RUNPOD_WEBHOOK_GET_JOB"],
        ),
        ('os.environ["RUNPOD_POD_ID"] = "x"', []),
        ('os.environ.setdefault("RUNPOD_POD_ID", "x")', []),
        ('os.getenv("RUNPOD_LOG_LEVEL")', []),
        ('"see RUNPOD_POD_ID in the docs"', []),
    ],
)
def test_variables_that_only_the_platform_sets(source: str, names: list[str]) -> None:
    assert [each.name for each in used(source).platform_variables] == names


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("try:\n    import flash_attn\nexcept ImportError:\n    flash_attn = None", [("flash_attn", ())]),
        ("try:\n    from xformers.ops import attention\nexcept Exception:\n    pass", [("xformers", ())]),
        ("with contextlib.suppress(ImportError):\n    import uvloop", [("uvloop", ())]),
        ("try:\n    import a\nexcept:\n    import b", [("a", ("b",))]),
        (
            "try:\n    import a\nexcept Exception:\n    try:\n        import b\n    except ImportError:\n        pass",
            [("a", ("b",)), ("b", ("a",))],
        ),
        # Python's own, the repository's, and what takes their place.
        ("try:\n    import tomllib\nexcept ImportError:\n    import tomli as tomllib", []),
        ("try:\n    import orjson as json\nexcept ImportError:\n    import json", []),
        ("try:\n    from .utils import x\nexcept ImportError:\n    from utils import x", []),
        ("try:\n    import helpers\nexcept ImportError:\n    helpers = None", []),
        # Nothing is done instead.
        ("try:\n    import torch\nexcept ImportError as e:\n    raise RuntimeError('install torch') from e", []),
        ("try:\n    import torch\nexcept ImportError:\n    sys.exit('no torch')", []),
        # Not guarded.
        ("try:\n    import torch\nexcept ValueError:\n    pass", []),
        ("import torch", []),
        ("try:\n    def load():\n        import torch\nexcept ImportError:\n    pass", []),
    ],
)
def test_packages_that_a_worker_does_without(source: str, found: list[tuple[str, tuple[str, ...]]]) -> None:
    own = {".", "utils", "helpers"}
    seen = guarded_imports([(PATH, source)], own.__contains__)
    assert sorted((each.module, each.alternatives) for each in seen) == found


def test_what_is_too_deep_or_no_python_is_left_out() -> None:
    deep = "try:\n    import a\nexcept ImportError:\n    x = " + "(" * 5_000 + ")" * 5_000
    assert guarded_imports([(PATH, deep)], lambda _name: False) == ()
    assert sdk_use([(PATH, f"'RUNPOD_POD_ID'\n{deep}")]) == SdkUse()
