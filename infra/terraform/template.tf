# What RunInstances itself sends is not here: its user data (the guest's timer) would override this one's, and a subnet
# of its own can't stand beside network interfaces of a template.

resource "aws_launch_template" "gpu" {
  name                                 = local.name
  description                          = "Instances of Janitor, deployment ${var.deployment}"
  update_default_version               = true # else a change would never be launched
  image_id                             = var.image_id == "" ? "resolve:ssm:${local.ami_parameter}" : var.image_id
  instance_initiated_shutdown_behavior = "terminate" # the guest's timer shuts down, and that must end it
  vpc_security_group_ids               = [aws_security_group.instances.id]

  iam_instance_profile {
    name = aws_iam_instance_profile.instance.name
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # no container reaches the instance's role
    instance_metadata_tags      = "disabled"
  }

  block_device_mappings {
    device_name = var.root_device_name

    ebs {
      volume_size           = var.volume_gib
      volume_type           = "gp3"
      encrypted             = "true"
      delete_on_termination = "true"
    }
  }

  # Whoever launches from this template by hand is watched by the killers all the same.
  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.key

      tags = {
        Name                 = local.name
        "janitor:deployment" = var.deployment
      }
    }
  }
}
