"""Texts about what a deployment has in the cloud."""
