"""Proves a repair by experiments: green with the patch, red without, under a limit of money.

The experiments are named after the repair, so that whoever does it again after a crash asks for the same ones and pays
for none twice.
"""

from __future__ import annotations

import uuid
from decimal import Decimal

from janitor.domain.errors import BudgetRefusedError
from janitor.domain.experiment.experiment import Experiment, ExperimentPurpose, Laboratory, Observation
from janitor.domain.repair.proof import Proof, judge
from janitor.domain.repair.proposal import Failure, Proposal
from janitor.domain.repair.states import RepairState

_NAMES = uuid.UUID("0f6d3f0a-6f0b-5d6e-9a53-0d2f4d8a7c11")
_STEPS = ("patched", "control", "patched_again", "control_again")
"""In turn; the second two only where the cause may come and go."""


def prove(
    laboratory: Laboratory, failure: Failure, proposal: Proposal, *, key: str, limit_usd: Decimal | None
) -> Proof:
    """Prove or disprove a repair.

    Args:
        laboratory: Carries out the experiments.
        failure: What is to be repaired.
        proposal: How; the gate has let it through.
        key: Of this repair: the same key asks for the same experiments.
        limit_usd: No experiment is begun that would go beyond it, as far as that can be known: each is taken to cost
            as much as the dearest before it. None: no limit.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    attempt = _Attempt(laboratory, failure, proposal, key, limit_usd)
    return attempt.carried_out()


class _Attempt:
    def __init__(
        self, laboratory: Laboratory, failure: Failure, proposal: Proposal, key: str, limit_usd: Decimal | None
    ) -> None:
        self._laboratory, self._failure, self._proposal = laboratory, failure, proposal
        self._key, self._limit = key, limit_usd
        self._seen: dict[str, Observation] = {}

    def carried_out(self) -> Proof:
        for step in _STEPS:
            if (refused := self._beyond_limit()) is not None:
                return self._proof(RepairState.INCONCLUSIVE, refused)
            try:
                self._seen[step] = self._laboratory.observe(self._experiment(step))
            except BudgetRefusedError as exc:
                return self._proof(RepairState.INCONCLUSIVE, f"the budget doesn't allow its next experiment: {exc}")
            judgement = judge(
                self._failure,
                self._proposal.patch,
                patched=self._seen["patched"],
                control=self._seen.get("control"),
                patched_again=self._seen.get("patched_again"),
                control_again=self._seen.get("control_again"),
            )
            if judgement.state is not None:
                return self._proof(judgement.state, judgement.reason)
        # Not reached: the last experiment always decides.
        return self._proof(RepairState.INCONCLUSIVE, "nothing decided it")

    def _experiment(self, step: str) -> Experiment:
        patch = self._proposal.patch if step.startswith("patched") else None
        return Experiment(
            experiment_id=uuid.uuid5(_NAMES, f"{self._key}\n{self._proposal.patch.sha256}\n{step}"),
            purpose=ExperimentPurpose.PATCHED if patch is not None else ExperimentPurpose.CONTROL,
            repeated=self._failure.repeated,
            patch=patch,
        )

    def _beyond_limit(self) -> str | None:
        """Why no further experiment is begun; None where one fits."""
        spent, dearest = self._known_cost(), max(self._costs(), default=Decimal(0))
        if self._limit is None or (spent < self._limit and spent + dearest <= self._limit):
            return None
        unknown = "" if self._cost() is not None else " or more"
        return f"it stops at its limit of ${self._limit}: ${spent}{unknown} spent, the next could cost ${dearest}"

    def _costs(self) -> list[Decimal]:
        return [seen.cost_usd for seen in self._seen.values() if seen.cost_usd is not None]

    def _known_cost(self) -> Decimal:
        return sum(self._costs(), Decimal(0))

    def _cost(self) -> Decimal | None:
        return self._known_cost() if len(self._costs()) == len(self._seen) else None

    def _proof(self, state: RepairState, reason: str) -> Proof:
        return Proof(
            state=state,
            reason=reason,
            patched=self._seen.get("patched"),
            control=self._seen.get("control"),
            patched_again=self._seen.get("patched_again"),
            control_again=self._seen.get("control_again"),
            cost_usd=self._cost(),
            known_cost_usd=self._known_cost(),
        )
