"""What stands of each repository and of each cause, and who was told: what the faces read."""
