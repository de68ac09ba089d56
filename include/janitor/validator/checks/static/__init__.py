"""Checks that read, and at most ask registries."""
