"""What a Dockerfile installs, and whether that may be resolved on a host."""
