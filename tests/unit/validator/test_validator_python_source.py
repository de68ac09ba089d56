"""The start call and the kind of handler, found through the syntax tree."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from janitor.inspection.python.python_source import HandlerKind, read_worker, search_workers

PLAIN, GENERATOR, ASYNC, ASYNC_GENERATOR, UNKNOWN = HandlerKind

START = 'runpod.serverless.start({"handler": handler})\n'


def read(files: dict[str, str], entry: str = "handler.py"):
    return read_worker(PurePosixPath(entry), lambda path: files.get(str(path)))


def kind_of(files: dict[str, str] | str, entry: str = "handler.py") -> HandlerKind:
    calls = read({"handler.py": files} if isinstance(files, str) else files, entry).start_calls
    assert len(calls) == 1
    return calls[0].kind


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        ("def handler(job):\n    return 1\n", PLAIN),
        ("def handler(job):\n    yield 1\n", GENERATOR),
        ("def handler(job):\n    yield from f()\n", GENERATOR),
        ("def handler(job):\n    if job:\n        for x in job:\n            y = yield x\n", GENERATOR),
        ("async def handler(job):\n    return 1\n", ASYNC),
        ("async def handler(job):\n    yield 1\n", ASYNC_GENERATOR),
        ("def handler(job):\n    def inner():\n        yield 1\n    return list(inner())\n", PLAIN),
        ("def handler(job):\n    return (x for x in job)\n", PLAIN),
        ("handler = lambda job: 1\n", PLAIN),
        ("def f(job):\n    yield 1\nhandler = f\n", GENERATOR),
        ("from functools import partial\ndef f(m, job):\n    yield 1\nhandler = partial(f, 1)\n", GENERATOR),
        ("@decorate\ndef handler(job):\n    yield 1\n", GENERATOR),
        ("class W:\n    def run(self, job):\n        yield 1\nhandler = W().run\n", GENERATOR),
        ("class W:\n    def run(self, job):\n        return 1\nw = W()\nhandler = w.run\n", PLAIN),
        ("class W:\n    @staticmethod\n    def run(job):\n        yield 1\nhandler = W.run\n", GENERATOR),
        ("class W:\n    def __call__(self, job):\n        return 1\nhandler = W()\n", PLAIN),
        ("def a(j):\n    yield 1\ndef b(j):\n    return 1\nhandler = a if X else b\n", UNKNOWN),
        ("if X:\n    def handler(j):\n        yield 1\nelse:\n    def handler(j):\n        return 1\n", UNKNOWN),
        ("handler = make()\n", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_kind_of_handler(definition, kind):
    assert kind_of(f"import runpod\n{definition}{START}") is kind


@pytest.mark.parametrize(
    "source",
    [
        "import runpod\ndef h(j):\n    return 1\nrunpod.serverless.start({'handler': h})",
        "import runpod as rp\ndef h(j):\n    return 1\nrp.serverless.start({'handler': h})",
        "import runpod.serverless\ndef h(j):\n    return 1\nrunpod.serverless.start({'handler': h})",
        "from runpod import serverless\ndef h(j):\n    return 1\nserverless.start({'handler': h})",
        "from runpod.serverless import start\ndef h(j):\n    return 1\nstart({'handler': h})",
        "from runpod.serverless import start as go\ndef h(j):\n    return 1\ngo({'handler': h})",
        "import runpod\ndef h(j):\n    return 1\nconfig = {'handler': h}\nrunpod.serverless.start(config)",
        "import runpod\ndef h(j):\n    return 1\nrunpod.serverless.start(dict(handler=h, concurrency_modifier=c))",
        "import runpod\ndef h(j):\n    return 1\nc = {}\nc['handler'] = h\nrunpod.serverless.start(c)",
        "import runpod\ndef h(j):\n    return 1\nif __name__ == 'x':\n    runpod.serverless.start({'handler': h})",
        "import runpod\ndef h(j):\n    return 1\ndef main():\n    runpod.serverless.start({'handler': h})\nmain()",
    ],
)
def test_start_call_is_found_however_it_is_written(source):
    assert kind_of(source) is PLAIN


@pytest.mark.parametrize(
    ("source", "is_open"),
    [
        ("import os\nos.execv('python', ['python', 'worker.py'])", True),
        ("from os import system\nsystem('python worker.py')", True),
        ("import os\nprint(os.path.join('a', 'b'), os.environ)", False),
        ("import runpod\nclients = [runpod]\n", True),
        ("import acme\nacme.App().serve({'handler': f})\n", True),
        ("from acme import *\ndef handler(job):\n    return 1\nserve(handler)\n", True),
        ("from acme import worker\ndef handle(a, b):\n    return 1\nworker.on_error(handle)\n", False),
        ("import torch\n@torch.no_grad()\ndef handler(job):\n    return 1\nprint(handler)\n", False),
        ("import signal\ndef handler(a):\n    return 1\nsignal.signal(15, handler)\n", False),
        ("import runpod\nrunpod.api_key = 'a'\nrunpod.get_pods()\n", False),
    ],
)
def test_start_may_be_where_none_is_seen(source, is_open):
    assert read({"handler.py": source}).is_open is is_open


@pytest.mark.parametrize(
    "source",
    [
        "print('runpod.serverless.start')",
        "# runpod.serverless.start({'handler': h})",
        "import other\nother.serverless.start({})",
        "def start(x):\n    pass\nstart({'handler': 1})",
    ],
)
def test_what_only_looks_like_a_start_call_is_none(source):
    assert read({"handler.py": source}).start_calls == ()


class TestAcrossFiles:
    @pytest.mark.parametrize(
        "given", ["from runpod import serverless", "import runpod\nserverless = runpod.serverless"]
    )
    def test_sdk_that_a_file_of_the_repository_hands_on(self, given):
        text = "from lib import serverless\ndef h(j):\n    return 1\nserverless.start({'handler': h})\n"
        assert kind_of({"handler.py": text, "lib.py": given}) is PLAIN

    def test_modules_behind_a_condition_are_not_sure(self):
        files = {"handler.py": f"import a\nif X:\n    import b\n{START}", "a.py": "", "b.py": "import c\n", "c.py": ""}
        worker = read(files)
        assert [str(path) for path in worker.modules] == ["handler.py", "a.py", "b.py", "c.py"]
        assert [str(path) for path in worker.sure_modules] == ["handler.py", "a.py"]

    def test_handler_from_a_module_beside(self):
        files = {
            "src/main.py": f"import runpod\nfrom worker import handler\n{START}",
            "src/worker.py": "def handler(job):\n    yield 1\n",
        }
        assert kind_of(files, "src/main.py") is GENERATOR

    def test_handler_from_a_package_with_another_name(self):
        files = {
            "handler.py": "import runpod\nfrom pkg.inner import run as h\nrunpod.serverless.start({'handler': h})",
            "pkg/__init__.py": "",
            "pkg/inner.py": "async def run(job):\n    return 1\n",
        }
        assert kind_of(files) is ASYNC

    def test_handler_as_an_attribute_of_a_module(self):
        files = {
            "handler.py": "import runpod\nimport pkg.inner\nrunpod.serverless.start({'handler': pkg.inner.run})",
            "pkg/inner.py": "async def run(job):\n    yield 1\n",
        }
        assert kind_of(files) is ASYNC_GENERATOR

    def test_handler_passed_on_by_a_package(self):
        files = {
            "handler.py": f"import runpod\nfrom pkg import handler\n{START}",
            "pkg/__init__.py": "from .impl import handler\n",
            "pkg/impl.py": "def handler(job):\n    yield 1\n",
        }
        assert kind_of(files) is GENERATOR

    def test_method_of_an_imported_class(self):
        files = {
            "handler.py": "import runpod\nfrom engine import Engine\n"
            "e = Engine()\nrunpod.serverless.start({'handler': e.run})",
            "engine.py": "class Engine:\n    async def run(self, job):\n        yield 1\n",
        }
        assert kind_of(files) is ASYNC_GENERATOR

    def test_start_call_in_an_imported_file(self):
        files = {
            "main.py": "from app import serve\nserve()\n",
            "app/__init__.py": "from .server import serve\n",
            "app/server.py": f"import runpod\ndef handler(job):\n    return 1\ndef serve():\n    {START}",
        }
        worker = read(files, "main.py")
        assert [str(call.path) for call in worker.start_calls] == ["app/server.py"]
        assert worker.start_calls[0].kind is PLAIN

    def test_imports_in_a_circle_come_to_an_end(self):
        files = {"a.py": "from b import handler", "b.py": "from a import handler"}
        assert read(files, "a.py").start_calls == ()
        files["a.py"] = f"import runpod\nfrom b import handler\n{START}"
        assert kind_of(files, "a.py") is UNKNOWN

    def test_search_finds_the_worker_where_no_entry_is_known(self):
        files = {"x/tool.py": "print(1)", "x/worker.py": f"import runpod\ndef handler(j):\n    yield 1\n{START}"}
        worker = search_workers([PurePosixPath(name) for name in files], lambda path: files.get(str(path)))
        assert [(str(call.path), call.kind) for call in worker.start_calls] == [("x/worker.py", GENERATOR)]


def test_file_that_does_not_compile_is_told_with_its_line():
    worker = read({"handler.py": "import broken\n", "broken.py": "x = 1\ndef f(:\n"})
    assert [(str(problem.path), problem.line) for problem in worker.problems] == [("broken.py", 2)]


@pytest.mark.parametrize("source", ["x" * 10 + "(" * 5_000, "\x00", "-" * 30_000 + "1"])
def test_source_that_breaks_the_compiler_is_a_problem_and_no_crash(source):
    assert len(read({"handler.py": source}).problems) == 1
