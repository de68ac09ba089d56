"""What instances and what ends them look like."""
