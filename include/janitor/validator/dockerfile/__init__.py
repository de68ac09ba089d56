"""Reads Dockerfiles as BuildKit does, as far as the validator's questions go, without running anything."""
