"""The documents of a worker for Hub and tests."""
