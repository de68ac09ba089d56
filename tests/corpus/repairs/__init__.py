"""Broken repositories with the truth of who can repair them: `python -m tests.corpus.repairs`."""
