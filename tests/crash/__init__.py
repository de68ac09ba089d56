"""The crash matrix: what dies, when, and what is left. `python -m tests.crash --help` says how to run it."""
