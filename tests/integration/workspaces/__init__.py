"""Leases and working trees with real git and a real PostgreSQL."""
