#!/bin/bash
# Docker on the data folder that janitor-disk prepares, with NVIDIA's runtime.
set -euo pipefail

if ! command -v dockerd >/dev/null; then
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends docker.io docker-buildx
fi
systemctl stop docker.socket docker.service containerd.service || true
install -D -m 0644 files/daemon.json /etc/docker/daemon.json
install -D -m 0644 files/containerd.toml /etc/containerd/config.toml
install -D -m 0644 files/docker.conf /etc/systemd/system/docker.service.d/janitor.conf
install -d -m 0711 /var/lib/janitor /var/lib/janitor/docker
install -d -m 1777 /var/lib/janitor/tmp
nvidia-ctk runtime configure --runtime=docker
# Pulled images would only be hidden by the NVMe, and slow where they aren't: blocks of a snapshot come one by one.
rm -rf /var/lib/docker /var/lib/containerd
systemctl enable docker.service
systemctl start docker.service
docker buildx version
docker info --format '{{.DockerRootDir}} {{json .Runtimes}}' | tee /dev/stderr | grep -q '^/var/lib/janitor/docker .*nvidia'
systemctl stop docker.socket docker.service containerd.service
