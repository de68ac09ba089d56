"""What is made for a deployment before it can launch: its images, and the bucket of Terraform's state."""
