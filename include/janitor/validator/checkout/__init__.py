"""Fetching a repository, hostile as it may be."""
