"""What the repository states of itself, and where it leads."""
