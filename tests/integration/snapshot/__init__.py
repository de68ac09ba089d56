"""The snapshot read from a real PostgreSQL."""
