"""Shards and repairs with real git, a real PostgreSQL and a laboratory that runs what it is given."""
