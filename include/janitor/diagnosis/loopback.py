"""This machine's own addresses in what programs print."""

from __future__ import annotations

import re

LOOPBACK = re.compile(r"(?i)(?<![\w.])(?:127\.\d+\.\d+\.\d+|localhost|0\.0\.0\.0|\[?::1\]?)(?!\w|\.\w)")
"""An address of the loopback interface, or the one that stands for all interfaces; not a part of another address."""
