"""Searches for the release that broke a repository, over experiments."""
