"""Janitor keeps a fleet of GPU container repositories working. The layers are described in README.md."""
