"""`build_time`: the build took about as long as earlier ones at the same cache state. It only warns.

A slow build may be the network's doing as well as the repository's, so it never counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.engine import BuildResult, BuildTime
from janitor.validator.findings import Finding, failed, passed, skipped

_FACTOR = 2.0
_LEAST_EXCESS_SECONDS = 30.0
"""Short builds double for no reason."""


def check_build_time(context: CheckContext, built: BuildResult) -> Finding:
    """Compare the build with the median of earlier ones."""
    if built.time is None:
        return skipped(ReasonCode.ENGINE_VENV, "the venv engine builds no image whose time could be compared")
    cache, seconds = built.time.cache, built.time.seconds
    earlier = context.spec.build.earlier if context.spec.build is not None else ()
    comparable = [build.seconds for build in earlier if build.cache == cache]
    return _compared(context, built.time, comparable).measured(build_seconds=seconds, cache=cache)


def _compared(context: CheckContext, time: BuildTime, comparable: Sequence[float]) -> Finding:
    cache, seconds = time.cache, time.seconds
    taken = f"{seconds:.1f} s, cache {cache}"
    if not comparable:
        shown = context.evidence.value("build time", taken)
        return skipped(ReasonCode.NO_HISTORY, f"no earlier build at the cache state {cache!r} is known", shown)
    usual = median(comparable)
    shown = context.evidence.value("build time", f"{taken}; median of the last {len(comparable)}: {usual:.1f} s")
    if seconds > usual * _FACTOR and seconds - usual > _LEAST_EXCESS_SECONDS:
        reason = f"the build took {seconds:.0f} s; the median of the last {len(comparable)} is {usual:.0f} s"
        return failed(ReasonCode.BUILD_SLOWER, reason, shown, required=False).measured(usual_seconds=usual)
    return passed(shown).measured(usual_seconds=usual)
