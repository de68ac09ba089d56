"""Talking to the Docker engine."""
