#!/bin/bash
# AWS's two agents: SSM's takes commands, CloudWatch's writes down what the boot said.
set -euo pipefail

if ! snap list amazon-ssm-agent >/dev/null 2>&1 && ! command -v amazon-ssm-agent >/dev/null; then
    snap install amazon-ssm-agent --classic
fi
for unit in amazon-ssm-agent.service snap.amazon-ssm-agent.amazon-ssm-agent.service; do
    install -D -m 0644 files/ssm-agent.conf "/etc/systemd/system/$unit.d/janitor.conf"
done

if ! [ -x /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent ]; then
    # Source: CloudWatch user guide, "Verify the signature of the CloudWatch agent package".
    fingerprint=937616F3450B7D806CBD9725D58167303B789C72
    from=https://amazoncloudwatch-agent.s3.amazonaws.com
    package=ubuntu/amd64/latest/amazon-cloudwatch-agent.deb
    folder=$(mktemp -d)
    for what in assets/amazon-cloudwatch-agent.gpg "$package" "$package.sig"; do
        curl --fail --silent --show-error --retry 3 --max-time 300 --output "$folder/${what##*/}" "$from/$what"
    done
    export GNUPGHOME=$folder/keys
    install -d -m 0700 "$GNUPGHOME"
    gpg --batch --quiet --import "$folder/amazon-cloudwatch-agent.gpg"
    gpg --batch --status-fd 1 --verify "$folder/amazon-cloudwatch-agent.deb.sig" "$folder/amazon-cloudwatch-agent.deb" |
        grep -q "VALIDSIG .*$fingerprint" || { echo "the CloudWatch agent's signature is not AWS's" >&2; exit 1; }
    dpkg --install "$folder/amazon-cloudwatch-agent.deb"
    rm -rf "$folder"
fi
# Read anew at each start, so that {instance_id} is the instance's and not the builder's.
sed "s|@LOG_GROUP@|${LOG_GROUP:?}|" files/cloudwatch-agent.json |
    install -D -m 0644 /dev/stdin /opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.json
systemctl enable amazon-cloudwatch-agent.service
