"""The module that a worker's Python loads before its program, so that the functions are called which it gives the SDK.

It runs with whatever Python and SDK the worker has, so it imports nothing but the standard library, waits for the SDK
to be imported, and takes the place of `runpod.serverless.start` alone.
"""

from __future__ import annotations

MARK = "JANITOR-CALLBACKS"
"""Begins the line that tells what came of them."""

PROBE = f"""\
import sys


def _install():
    import os
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != here]
    name = "runpod.serverless"

    def raised(error):
        return type(error).__name__ + ": " + str(error)[:500]

    def concurrency(function):
        said = dict(name="concurrency_modifier", label="concurrency_modifier")
        try:
            given = function(1)
        except BaseException as error:
            return dict(said, raised=raised(error))
        if hasattr(given, "__await__"):
            if hasattr(given, "close"):
                given.close()
            return dict(said, wrong="is a coroutine, which the SDK doesn't await")
        if isinstance(given, float) and given == int(given):
            return dict(said, odd="gives " + repr(given) + ", and the SDK counts jobs by it")
        try:
            number = given.__index__()
        except Exception:
            return dict(said, wrong="gives " + repr(given)[:100] + ", which is no number of jobs")
        if number < 1:
            return dict(said, odd="gives " + str(number) + " at the start, with which the worker takes no job")
        return said

    # What a program's own mistakes raise, wherever it runs.
    faults = (NameError, AttributeError, TypeError, ImportError, SyntaxError)

    def fitness(function):
        said = dict(name="register_fitness_check", label="the fitness check " + getattr(function, "__name__", "?"))
        try:
            import asyncio
            import inspect
            if inspect.iscoroutinefunction(function):
                asyncio.run(function())
            else:
                function()
        except faults as error:
            return dict(said, raised=raised(error))
        except BaseException as error:
            # It looks at the machine, and this is another one than the platform's.
            return dict(said, odd="raises " + raised(error))
        return said

    def registered():
        module = sys.modules.get("runpod.serverless.modules.rp_fitness")
        return list(getattr(module, "_fitness_checks", None) or [])

    def start(config=None, *_more, **_named):
        import json
        found = []
        config = config if isinstance(config, dict) else {{}}
        try:
            if config.get("concurrency_modifier"):
                found.append(concurrency(config["concurrency_modifier"]))
            found += [fitness(function) for function in registered()]
        finally:
            sys.stdout.flush()
            line = chr(10) + "{MARK} " + TOKEN + " " + json.dumps(found) + chr(10)
            os.write(1, line.encode())
            os._exit(0)

    class Finder:
        busy = False

        @classmethod
        def find_spec(cls, wanted, path=None, target=None):
            if wanted != name or cls.busy:
                return None
            cls.busy = True
            try:
                import importlib.util
                spec = importlib.util.find_spec(name)
            finally:
                cls.busy = False
            if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
                return spec
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                module.start = start

            spec.loader.exec_module = exec_module
            return spec

    sys.meta_path.insert(0, Finder)
    # What the image has under this module's own name is loaded as if this one weren't there.
    this = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize
    except ImportError:
        sys.modules["sitecustomize"] = this


_install()
"""
"""TOKEN stands for words that nobody could foresee."""
