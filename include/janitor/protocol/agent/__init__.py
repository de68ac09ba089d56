"""What validator and agent say to each other."""
