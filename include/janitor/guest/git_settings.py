"""The settings under which git touches what nobody vouches for: ours alone, and none that starts a program.

No hook, no filter, no file system monitor, no helper and no question takes part; no setting of the machine or of the
user is read. git's own precedence is used against a repository's settings: what is in the environment goes before them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

CONFIG = """\
[core]
	hooksPath = /dev/null
	fsmonitor = false
	askPass =
	longpaths = true
[safe]
	directory = *
[credential]
	helper =
[protocol]
	allow = never
[protocol "https"]
	allow = always
[protocol "http"]
	allow = always
[protocol "ssh"]
	allow = always
[protocol "file"]
	allow = always
[submodule]
	recurse = false
[fetch]
	recurseSubmodules = false
	fsckObjects = false
[transfer]
	advertiseSID = false
[http]
	followRedirects = initial
	lowSpeedLimit = 1000
	lowSpeedTime = 60
[advice]
	detachedHead = false
[init]
	defaultBranch = main
[gc]
	auto = 0
[maintenance]
	auto = false
"""
"""Of the user, for git; which transports are let through, `GIT_ALLOW_PROTOCOL` narrows."""

ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
)
"""To which PATH, HOME and GIT_CONFIG_GLOBAL are added."""


def overriding(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Variables by which settings go before those of a repository."""
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (key, value) in enumerate(settings):
        env[f"GIT_CONFIG_KEY_{index}"], env[f"GIT_CONFIG_VALUE_{index}"] = key, value
    return env
