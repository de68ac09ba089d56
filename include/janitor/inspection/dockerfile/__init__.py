"""Dockerfiles and what they say of the image."""
