"""Which processor an instance type has, by its name: the image of the instances fits one alone."""

from __future__ import annotations

import re

_FAMILY = re.compile(r"^(?P<series>[a-z]+)\d+(?P<attributes>[a-z]*)(?P<option>-[a-z0-9]+)?")


def is_arm(instance_type: str) -> bool:
    """Whether a type has an arm64 processor (Graviton, Grace, or a Mac's own).

    Source: EC2 user guide, "Amazon EC2 instance type naming conventions": `g` among the attributes stands for
    Graviton. The first generation of them is called a1; Grace is in the option, as in p6e-gb200.
    """
    family = instance_type.partition(".")[0]
    if family.startswith("mac"):
        return family != "mac1"
    match = _FAMILY.match(family)
    if match is None:
        return False
    if match["series"] == "a":
        return True
    return "g" in match["attributes"] or (match["option"] or "").startswith("-gb")
