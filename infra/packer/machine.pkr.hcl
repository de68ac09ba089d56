# The machine image: what an instance holds before Janitor's first command. docs/machine.md says what and why.
#
# The lines between the markers `packer>=1.7 begin` and `end` are unknown to Packer 1.6; infra/packer/check.sh leaves
# them out there, and names them.

locals {
  image_tags = {
    Name             = "janitor-${var.deployment}-${var.stamp}"
    "janitor:ami"    = var.deployment
    "janitor:base"   = var.source_ami
    "janitor:commit" = var.commit
  }
  # Never janitor:deployment: the reaper would end the builder as an instance that nobody owns.
  builder_tags = {
    Name              = "janitor-ami-builder"
    "janitor:builder" = var.deployment
  }
}

source "amazon-ebs" "machine" {
  region        = var.region
  source_ami    = var.source_ami
  instance_type = var.instance_type
  subnet_id     = var.subnet_id
  ssh_username  = "ubuntu"
  ssh_timeout   = "10m"

  associate_public_ip_address = true

  ami_name        = "janitor-${var.deployment}-${var.stamp}"
  ami_description = "Janitor's machine: NVIDIA driver, Docker, container toolkit, SSM agent, the agent's Python"
  tags            = local.image_tags
  snapshot_tags   = local.image_tags

  run_tags        = local.builder_tags
  run_volume_tags = local.builder_tags

  # No killer knows the builder: where Packer dies, it ends itself.
  shutdown_behavior = "terminate"
  user_data         = "#!/bin/sh\nshutdown -P +120\n"

  # No key of one's own for the volume: an instance whose launcher has no grant for it ends before it runs.
  launch_block_device_mappings {
    device_name           = "/dev/sda1"
    volume_type           = "gp3"
    volume_size           = var.volume_gib
    iops                  = 3000
    throughput            = 125
    delete_on_termination = true
  }

  # packer>=1.7 begin
  temporary_security_group_source_public_ip = true
  imds_support                              = "v2.0"
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  # packer>=1.7 end
}

build {
  sources = ["source.amazon-ebs.machine"]

  # Made by infra/packer/pack.py: files, scripts, and what of the product runs on an instance.
  provisioner "file" {
    source      = "dist/machine.tar.gz"
    destination = "/tmp/janitor-machine.tar.gz"
  }

  provisioner "shell" {
    environment_vars = ["LOG_GROUP=${var.log_group}", "CUDA_IMAGE=${var.cuda_image}", "DEBIAN_FRONTEND=noninteractive"]
    execute_command  = "sudo env {{ .Vars }} bash {{ .Path }}"
    inline = [
      "set -eu",
      "cloud-init status --wait || true",
      "mkdir -p /tmp/janitor-machine",
      "tar -xzf /tmp/janitor-machine.tar.gz -C /tmp/janitor-machine",
      "cd /tmp/janitor-machine",
      "for step in provision/*.sh; do echo \"janitor: $step\"; bash \"$step\"; done",
    ]
  }

  post-processor "manifest" {
    output     = "dist/manifest.json"
    strip_path = true
  }
}
