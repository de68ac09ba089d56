"""What is applied is what the state holds, and neither apply nor destroy goes on where nobody could say yes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from janitor.domain.errors import InfrastructureError
from janitor.infrastructure.actions import applied_in

ROOT = Path(__file__).resolve().parents[3]


def resource(kind: str, *, mode: str = "managed", instances: int = 1, **more: str) -> dict[str, Any]:
    return {"mode": mode, "type": kind, "name": "x", "instances": [{}] * instances, **more}


def test_every_module_counts_and_data_sources_do_not() -> None:
    resources = [
        resource("aws_vpc"),
        resource("aws_ami", mode="data"),
        resource("aws_subnet", instances=2),
        resource("aws_eip", module="module.a"),
        resource("aws_budgets_budget", instances=0),
    ]
    state = json.dumps({"version": 4, "outputs": {}, "resources": resources})
    assert applied_in(state) == ["aws_vpc.x", "aws_subnet.x", "aws_subnet.x", "module.a.aws_eip.x"]


@pytest.mark.parametrize("state", ["", "\n", '{"version": 4, "resources": []}'])
def test_an_empty_state_holds_nothing(state: str) -> None:
    assert applied_in(state) == []


@pytest.mark.parametrize("state", ["Error", "[]", "{}", '{"resources": [{}]}', '{"resources": null}'])
def test_what_is_no_state_is_not_taken_for_an_empty_one(state: str) -> None:
    with pytest.raises(InfrastructureError, match="told no state"):
        applied_in(state)


@pytest.mark.parametrize("arguments", [("destroy",), ("destroy", "--kill-all-workers")])
def test_destroy_does_nothing_where_nobody_can_be_asked(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Not even what comes before it: no instance is ended, no service asked."""
    done = subprocess.run(
        [sys.executable, "-m", "janitor.cli.main", *arguments, "--env", "dev"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "include"), "JANITOR_STATE_DIR": str(tmp_path / "s")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "give --yes (`make`: YES=1) to remove everything of ENV=dev. Nothing was changed" in done.stderr
    assert not (tmp_path / "s").exists()
