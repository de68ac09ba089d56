#!/bin/bash
# Nothing of the builder stays: no identity, no keys, no history, no package lists.
set -euo pipefail

snap stop amazon-ssm-agent 2>/dev/null || systemctl stop amazon-ssm-agent.service 2>/dev/null || true
# The agent's registration is the builder's.
rm -rf /var/lib/amazon/ssm/* /var/log/amazon/ssm/* /var/snap/amazon-ssm-agent/common/* 2>/dev/null || true
cloud-init clean --logs
apt-get clean
rm -rf /var/lib/apt/lists/* /tmp/janitor-machine /tmp/janitor-machine.tar.gz
rm -f /etc/ssh/ssh_host_*_key* /root/.ssh/authorized_keys /home/ubuntu/.ssh/authorized_keys
rm -f /root/.bash_history /home/ubuntu/.bash_history
truncate --size=0 /etc/machine-id
journalctl --rotate --vacuum-time=1s >/dev/null 2>&1 || true
sync
