"""What the host's GPUs are, and what they do while a worker runs."""
