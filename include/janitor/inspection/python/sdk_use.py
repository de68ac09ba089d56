"""What a worker's source asks of the SDK and of the platform that no local mode shows: what `runpod.serverless.start`
is given beside the handler, checks that are registered for the platform's start, and variables that it alone sets.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from janitor.inspection.python.python_modules import compile_problem, dotted_name

_PREFIX = "RUNPOD_"
_PLATFORM_SETS = frozenset(
    {
        *("RUNPOD_POD_ID", "RUNPOD_ENDPOINT_ID", "RUNPOD_POD_HOSTNAME", "RUNPOD_DC_ID", "RUNPOD_AI_API_KEY"),
        *("RUNPOD_VOLUME_ID", "RUNPOD_PUBLIC_IP", "RUNPOD_WEBHOOK_GET_JOB", "RUNPOD_WEBHOOK_PING"),
        *("RUNPOD_WEBHOOK_POST_OUTPUT", "RUNPOD_WEBHOOK_POST_STREAM", "RUNPOD_ENDPOINT_SECRET"),
    }
)
"""Source: docs.runpod.io, "Environment variables", and runpod-python, which reads the webhooks."""
_CONFIG_CALLBACK, _FITNESS = "concurrency_modifier", "register_fitness_check"
_REFRESH, _AGGREGATE = "refresh_worker", "return_aggregate_stream"
_MOST_CHARACTERS = 2 * 1024 * 1024
_MOST_FOUND = 50


class Refresh(str, Enum):
    """Whether the platform is asked to replace the process after every job."""

    NO = "no"
    MAYBE = "maybe"  # depends on what is known only once it runs
    YES = "yes"


@dataclass(frozen=True, kw_only=True)
class Named:
    """A name in a file."""

    name: str
    path: PurePosixPath
    line: int


@dataclass(frozen=True, kw_only=True)
class SdkUse:
    """What a worker asks for."""

    refresh: Refresh = Refresh.NO
    """By the configuration of `start`."""
    job_may_refresh: bool = False
    """Whether a job's own answer may ask for it."""
    may_aggregate: bool = False
    """Whether the platform may be asked to give a generator's parts as the job's output, too."""
    callbacks: tuple[Named, ...] = ()
    """Functions that the SDK calls on the platform alone."""
    platform_variables: tuple[Named, ...] = ()
    """Variables that only the platform sets, where they are first named."""


def sdk_use(sources: Iterable[tuple[PurePosixPath, str]]) -> SdkUse:
    """What the files of a worker ask for; what doesn't compile or is too much is left out.

    Args:
        sources: Path and text of each.
    """
    found = _Found()
    room = _MOST_CHARACTERS
    for path, text in sources:
        room -= len(text)
        if room < 0:
            break
        # Most files name none of it.
        if not any(word in text for word in (_PREFIX, _CONFIG_CALLBACK, _FITNESS, _REFRESH, _AGGREGATE)):
            continue
        if compile_problem(path, text) is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.read(path, ast.parse(text))
    return SdkUse(
        refresh=found.refresh,
        job_may_refresh=found.job_may_refresh,
        may_aggregate=found.may_aggregate,
        callbacks=tuple(found.callbacks.values())[:_MOST_FOUND],
        platform_variables=tuple(found.variables.values())[:_MOST_FOUND],
    )


class _Found:
    def __init__(self) -> None:
        self.refresh = Refresh.NO
        self.job_may_refresh = False
        self.may_aggregate = False
        self.callbacks: dict[str, Named] = {}
        self.variables: dict[str, Named] = {}

    def read(self, path: PurePosixPath, tree: ast.Module) -> None:
        waiting: list[ast.AST] = [tree]
        while waiting:
            node = waiting.pop()
            written = _written_name(node)
            waiting.extend(child for child in reversed(list(ast.iter_child_nodes(node))) if child is not written)
            self._member(path, node)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in _PLATFORM_SETS:
                self._note(self.variables, node.value, path, node.lineno)
            elif isinstance(node, (ast.Name, ast.Attribute)) and (dotted_name(node) or "").split(".")[-1] == _FITNESS:
                self._note(self.callbacks, _FITNESS, path, node.lineno)

    def _member(self, path: PurePosixPath, node: ast.AST) -> None:
        """Note what a dict, a call of `dict`, or an assignment to a dict's member gives for a name of the SDK's."""
        pairs: list[tuple[str, ast.expr]] = []
        in_config, is_sure = True, True
        if isinstance(node, ast.Dict):
            pairs = [
                (key.value, value)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            ]
            in_config = any(name == "handler" for name, _ in pairs)
        elif isinstance(node, ast.Call) and dotted_name(node.func) == "dict":
            pairs = [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg is not None]
            in_config = any(name == "handler" for name, _ in pairs)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Subscript):
            key = node.targets[0].slice
            # Of whose dict it is a member can't be told: the configuration's, or an answer's.
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                pairs, is_sure = [(key.value, node.value)], False
                self.job_may_refresh = self.job_may_refresh or (key.value == _REFRESH and not _is_off(node.value))
        for name, value in pairs:
            if name == _CONFIG_CALLBACK and not _is_off(value):
                self._note(self.callbacks, name, path, value.lineno)
            elif name == _AGGREGATE:
                self.may_aggregate = self.may_aggregate or not _is_off(value)
            elif name == _REFRESH and not _is_off(value):
                if not in_config:
                    self.job_may_refresh = True
                elif is_sure and isinstance(value, ast.Constant) and value.value:
                    self.refresh = Refresh.YES
                elif self.refresh is Refresh.NO:
                    self.refresh = Refresh.MAYBE

    @staticmethod
    def _note(notes: dict[str, Named], name: str, path: PurePosixPath, line: int) -> None:
        notes.setdefault(name, Named(name=name, path=path, line=line))


def _is_off(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and not value.value


def _written_name(node: ast.AST) -> ast.AST | None:
    """The name of a variable that is set here and not read."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
        return node.slice
    if isinstance(node, ast.Call) and node.args:
        method = (dotted_name(node.func) or "").split(".")[-1]
        return node.args[0] if method in ("setdefault", "putenv", "setenv", "unsetenv") else None
    return None
