"""Command lines of a Dockerfile taken apart: lists, words, the Python that is meant, and what is never run."""
