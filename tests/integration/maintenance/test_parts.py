"""The parts of a deployment's workshop, as they are put together for it."""

from __future__ import annotations

from pydantic import SecretStr

from janitor.domain.repair.proposal import Proposal, ProposedBy
from janitor.protocol.order.patch import Patch
from janitor.services.maintenance.parts import workshop_of
from janitor.settings import Settings

_BEFORE = b"def handler(job):\n    return job\n"


def adding(line: str) -> Proposal:
    text = (
        "diff --git a/handler.py b/handler.py\n--- a/handler.py\n+++ b/handler.py\n@@ -1,2 +1,3 @@\n"
        f" def handler(job):\n+    {line}\n     return job\n"
    )
    return Proposal(
        by=ProposedBy.RECIPE, name="any", patch=Patch.of(text), summary="s", root_cause="r", evidence=("e",)
    )


def test_a_patch_with_a_secret_of_the_deployment_is_stopped(settings: Settings) -> None:
    shop = workshop_of(settings.model_copy(update={"airflow_password": SecretStr("tulips and narcissi")}))

    def read(path: str) -> bytes | None:
        return _BEFORE if path == "handler.py" else None

    assert shop.gate(adding("print('roses')"), read) is None
    refusal = shop.gate(adding("print('tulips and narcissi')"), read)
    assert refusal is not None
    assert refusal.startswith("secret: ")
    assert "tulips" not in refusal
