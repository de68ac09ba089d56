"""What pools look like."""
