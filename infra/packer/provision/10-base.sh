#!/bin/bash
# What the base has to bring, and what it must not do by itself.
set -euo pipefail

# An upgrade in the middle of a validation restarts Docker or takes the driver away; a new image brings the upgrades.
units=(apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service unattended-upgrades.service)
systemctl stop "${units[@]}" || true
systemctl mask "${units[@]}"
cat >/etc/apt/apt.conf.d/99-janitor-no-upgrades <<'CONF'
APT::Periodic::Enable "0";
APT::Periodic::Update-Package-Lists "0";
APT::Periodic::Unattended-Upgrade "0";
CONF
snap set system refresh.hold=forever || true

# The base's own service would take the NVMe for itself before janitor-disk does.
systemctl disable --now dlami-nvme.service 2>/dev/null || true
systemctl mask dlami-nvme.service

apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
    git git-lfs python3 python3-venv e2fsprogs util-linux curl gpg ca-certificates

command -v nvidia-smi >/dev/null || { echo "the base image has no NVIDIA driver: take another source_ami" >&2; exit 1; }
command -v nvidia-ctk >/dev/null || { echo "the base image has no NVIDIA container toolkit" >&2; exit 1; }
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "the validator needs Python 3.10" >&2; exit 1; }
