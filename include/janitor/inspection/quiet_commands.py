"""Commands that leave an image's files as they are, whatever they print."""

from __future__ import annotations

QUIET_COMMANDS = frozenset(
    {
        *(":", "[", "[[", "alias", "apt-mark", "awk", "basename", "cat", "chgrp", "chown", "cmp"),
        *("command", "cut", "date", "df", "diff", "dirname", "du", "echo", "egrep", "exit", "export"),
        *("false", "file", "grep", "hash", "head", "id", "ls", "md5sum", "nproc", "nvidia-smi"),
        *("printf", "pwd", "readlink", "realpath", "return", "set", "sha256sum", "shopt", "sleep"),
        *("sort", "stat", "sync", "tail", "test", "tr", "true", "type", "ulimit", "uname", "uniq"),
        *("unset", "wait", "wc", "which", "whoami", "yes"),
    }
)
"""They bring no programs, packages or files; `chown` and `chgrp` change whose a file is, not what it is."""
