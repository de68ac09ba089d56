"""Which processor a type has, held against what EC2 says of every type; and what a config says of one that can't be."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import moto.ec2
import pytest

from janitor.domain.config.architecture import is_arm
from janitor.domain.config.workers import parse_workers_config
from janitor.domain.errors import ConfigError

TYPES = json.loads(
    gzip.decompress((Path(moto.ec2.__file__).parent / "resources" / "instance_types.json.gz").read_bytes())
)


def test_the_name_says_what_ec2_says() -> None:
    """The local cloud carries EC2's own answer to DescribeInstanceTypes."""
    assert len(TYPES) > 500
    told = {name: set(each["ProcessorInfo"]["SupportedArchitectures"]) for name, each in TYPES.items()}
    arm = {name for name, architectures in told.items() if not architectures & {"x86_64", "i386", "x86_64_mac"}}
    assert {"g5g.xlarge", "a1.large"} <= arm
    assert {name for name in told if is_arm(name)} == arm


@pytest.mark.parametrize("name", ["p6e-gb200.36xlarge", "g5g.metal", "mac2-m2.metal"])
def test_newer_arm_types(name: str) -> None:
    assert is_arm(name)


CONFIG = """\
repositories:
  - name: worker
    organization: tests
    prompt: look
{extra}
"""


@pytest.mark.parametrize(
    "extra",
    ["    instance_type: g5g.xlarge", "default_instance_type: g5g.xlarge", "fallback_instance_types: [g5g.xlarge]"],
)
def test_a_config_that_asks_for_arm_is_told_so(extra: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_workers_config(CONFIG.format(extra=extra).encode(), source="w.yaml", substitutions={})
    (problem,) = refused.value.problems
    assert "'g5g.xlarge' has an arm64 processor" in problem.message
    assert problem.line is not None
    parse_workers_config(CONFIG.format(extra=extra.replace("g5g", "g6")).encode(), source="w.yaml", substitutions={})
