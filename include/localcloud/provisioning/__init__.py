"""What Terraform asks of services beside their use, and moto lacks."""
