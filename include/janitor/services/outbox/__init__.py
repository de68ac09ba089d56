"""Keeping what is new, and who is told of it, for `janitor.services.news` to tell."""
