"""Calls at the same time, whose caller can be interrupted while they hang, and the process end without them.

`concurrent.futures` waits for its threads at the end of a block, and again when the interpreter ends.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

_Answer = TypeVar("_Answer")


def answers_of(calls: Sequence[Callable[[], _Answer]], name: str) -> list[_Answer]:
    """Make all calls at the same time, each in a thread that nobody waits for.

    An interruption of the caller is raised at once. The calls go on then, and end with the process at the latest, so
    they must be such as may be cut off anywhere.

    Args:
        calls: What is asked; none of them may change anything.
        name: Of the threads, for whoever looks at them.

    Returns:
        The answers, in the order of the calls.

    Raises:
        BaseException: the first failure of a call, without waiting for the others.
    """
    ended: queue.SimpleQueue[tuple[int, _Answer] | BaseException] = queue.SimpleQueue()

    def make(number: int, call: Callable[[], _Answer]) -> None:
        try:
            ended.put((number, call()))
        except BaseException as error:
            ended.put(error)

    for number, call in enumerate(calls):
        threading.Thread(target=make, args=(number, call), name=f"{name}-{number}", daemon=True).start()
    answers: dict[int, _Answer] = {}
    for _ in calls:
        first = ended.get()
        if isinstance(first, BaseException):
            raise first
        answers[first[0]] = first[1]
    return [answers[number] for number in range(len(calls))]
