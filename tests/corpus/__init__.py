"""Labelled worker repositories: what the validator must say of each, and which check must say it."""
