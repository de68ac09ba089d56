"""Shards, repairs and working trees as text."""
