"""Commands that start, follow and prepare runs."""
