"""What a deployment has in the cloud: made and removed by Terraform, told to the settings, and what it costs idle."""
