"""Searches for culprits, with a real PostgreSQL and the real validator."""
