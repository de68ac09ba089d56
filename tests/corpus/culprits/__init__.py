"""Repositories that a release broke, with the release that did it: `python -m tests.corpus.culprits`."""
