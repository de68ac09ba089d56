#!/bin/sh
# Makes .venv with everything that requirements.lock names. Run by the Makefile; running it again repairs or updates.
# This part only finds a Python that fits; setup_environment.py does the work.
set -u
cd "$(dirname "$0")/../.." || exit 3

fits='import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'

if [ -n "${PYTHON:-}" ]; then
    candidates=$PYTHON
    # A path may hold spaces: it is one candidate, not several.
    IFS='
'
else
    candidates='python3.11 python3.12 python3.13 python3.10 python3'
fi
for candidate in $candidates; do
    # A version manager's stand-in is on PATH and yet may not run.
    if "$candidate" -I -c "$fits" >/dev/null 2>&1; then
        exec "$candidate" -I infra/scripts/setup_environment.py
    fi
done

if [ -n "${PYTHON:-}" ]; then
    echo "error: PYTHON=$PYTHON is not a Python 3.10, 3.11, 3.12 or 3.13 that runs." >&2
else
    echo "error: no Python 3.10, 3.11, 3.12 or 3.13 was found on PATH." >&2
fi
echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; anywhere: uv python install 3.11)," >&2
echo "or name it: make PYTHON=/path/to/python3.11 ..." >&2
exit 3
