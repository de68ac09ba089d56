#!/bin/bash
# Janitor's own: the agent's Python at /opt/janitor, the bootstrap and its units, the environment of commands.
# JANITOR_PREFIX is another folder than /opt/janitor, for a try.
set -euo pipefail

prefix=${JANITOR_PREFIX:-/opt/janitor}
python3 -m venv "$prefix"
"$prefix/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check \
    --require-hashes --no-deps --requirement agent-requirements.txt
mkdir -p "$prefix/app"
cp -r app/janitor "$prefix/app/"
# By a .pth file: the agent is started in Python's isolated mode, which ignores PYTHONPATH.
site=$("$prefix/bin/python" -c 'import site; print(site.getsitepackages()[0])')
echo "$prefix/app" >"$site/janitor.pth"
"$prefix/bin/python" -I -c 'import janitor.agent, pydantic_ai; print("the agent has its packages")'
[ "$prefix" = /opt/janitor ] || exit 0

install -m 0755 bootstrap.sh /usr/local/sbin/janitor-bootstrap
install -D -m 0644 machine.md /usr/local/share/janitor/machine.md
install -D -m 0644 files/machine.env /etc/janitor/machine.env
[ -z "${CUDA_IMAGE:-}" ] || echo "JANITOR_CUDA_IMAGE=$CUDA_IMAGE" >>/etc/janitor/machine.env
install -d -m 0755 /var/log/janitor
for unit in janitor-disk.service janitor-ready.service janitor-power-off.service janitor-power-off.timer; do
    install -m 0644 "files/$unit" "/etc/systemd/system/$unit"
done
systemctl daemon-reload
systemd-analyze verify /etc/systemd/system/janitor-*.service
systemctl enable janitor-disk.service janitor-ready.service janitor-power-off.timer
