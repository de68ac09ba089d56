"""What the local stack makes in its cloud, and Terraform on AWS."""
