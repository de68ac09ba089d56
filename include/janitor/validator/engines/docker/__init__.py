"""The engine that builds and runs the repository's own image."""
