"""A sweep over RunPod's pods by name and environment alone, for when neither guard nor ledger can be counted on.

RunPod has no timer of its own. A pod whose time is over is ended by its guard, by whoever ordered it, by the reaper's
pass, which goes by the ledger, or by this where the ledger can't be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.reap.reaping import InstanceFacts, ReapStep, decide_reaping, is_new
from janitor.domain.states import InstanceState, ReapEvidence
from janitor.services.provider import has_runpod, runpod_of
from janitor.settings import Settings


@dataclass(frozen=True, kw_only=True)
class PodSweep:
    """What a sweep saw and did; in a dry run, what it would have done."""

    ended: Mapping[str, ReapEvidence] = field(default_factory=dict)
    """RunPod accepted it: id → why."""
    duplicates: tuple[str, ...] = ()
    """Second pods of an intent, of which the oldest was left."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """What it didn't: id → RunPod's word."""
    strangers: tuple[str, ...] = ()
    """They bear this deployment's name and not its environment: left alone, as they may be anybody's."""


def sweep_pods(settings: Settings, *, dry_run: bool = False) -> PodSweep:
    """End the deployment's pods that are past their expiry, stopped, or second ones; nothing where no key is set.

    Raises:
        CloudError: RunPod can't be asked what there is. Nothing was ended then.
    """
    if not has_runpod(settings):
        return PodSweep()
    runpod, now = runpod_of(settings), datetime.now(timezone.utc)
    seen = runpod.find(TAG_DEPLOYMENT, settings.deployment)
    why = {one.instance_id: evidence for one in seen if (evidence := _evidence(settings, one, now)) is not None}
    strangers = tuple(one.instance_id for one in runpod.strangers(settings.deployment))
    if dry_run:
        return PodSweep(ended=why, strangers=strangers)
    refused = runpod.terminate(list(why))
    return PodSweep(
        ended={pod: evidence for pod, evidence in why.items() if pod not in refused},
        duplicates=tuple(runpod.end_duplicates(settings.deployment)),
        refused=refused,
        strangers=strangers,
    )


def _evidence(settings: Settings, one: InstanceSeen, now: datetime) -> ReapEvidence | None:
    """Why a pod should not live, by its own word; None where only its owner could say."""
    facts = InstanceFacts(state=one.state, launched_at=one.launched_at, tags=one.tags, owner=None)
    decision = decide_reaping(
        facts, None, now=now, reap_interval=settings.reap_interval, consistency=settings.consistency
    )
    if decision.step is ReapStep.TERMINATE:
        return decision.evidence
    # Nothing of ours is ever stopped: whatever ended in it, it only waits to be started by somebody.
    stopped = one.state is InstanceState.STOPPED and not is_new(facts, now, settings.consistency)
    return ReapEvidence.STOPPED if stopped else None
