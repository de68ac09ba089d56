"""What is known of causes, read from a real PostgreSQL."""
